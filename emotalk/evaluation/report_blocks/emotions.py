"""Show as which emotions the generated videos are seen."""

from collections.abc import Sequence

from emotalk.evaluation.report import EMOTION_ROWS, ROWS, Report, StrengthReport
from emotalk.evaluation.report_block import Block, Content, Paragraph, Picture, Table


def _content(report: Report) -> Sequence[Content]:
    emotion = report.emotion
    if emotion is None:
        return []
    accuracy = [(EMOTION_ROWS[row], value.text(3)) for row, value in emotion.accuracy.items()]
    confusion = [
        (name, *map(str, counts))
        for name, counts in zip(emotion.emotions, emotion.confusion_generated, strict=True)
    ]
    chance = 1 / len(emotion.emotions) if emotion.chance is None else emotion.chance
    levels = [
        (level, *(rows[row].text(2) if row in rows else "" for row in emotion.accuracy))
        for level, rows in emotion.accuracy_by_intensity.items()
    ]
    by_level: list[Content] = []
    if levels:
        head = ("intensity", *(EMOTION_ROWS[row] for row in emotion.accuracy))
        by_level.append(Table(head, levels, "Share seen as wanted, by the clip's intensity:"))
    return [
        Paragraph(f"By chance: {chance:.2f}. Higher is better."),
        Table(("videos", "share of clips seen as wanted"), accuracy),
        *by_level,
        *_strength(emotion.strength),
        Table(
            ("wanted \\ seen", *(emotion.seen or emotion.emotions)), confusion, "Generated clips:"
        ),
        Picture("emotions.png", "Confusion matrices of generated and of true clips"),
    ]


def _strength(strength: StrengthReport | None) -> list[Content]:
    """Show whether intensity works."""
    if strength is None:
        return []
    lines = []
    if strength.by_strength is not None:
        asked = f"the same clip asked for at {len(strength.strengths)} strengths"
        lines.append((asked, strength.by_strength.text(2)))
    for row, value in strength.by_label.items():
        lines.append((f"clips' own intensities, {ROWS[row]}", value.text(2)))
    shown: list[Content] = [Paragraph(note) for note in strength.notes]
    if lines:
        caption = (
            "Does intensity work? Rank correlation of the asked strength and the probability that "
            "the judge gives to the asked emotion. 1: more is always seen as more, 0: no relation. "
            "Higher is better."
        )
        shown.append(Table(("over", "correlation"), lines, caption))
    if strength.seen:
        seen = [
            (f"{asked:g}", "undefined" if found is None else f"{found:.2f}")
            for asked, found in zip(strength.strengths, strength.seen, strict=True)
        ]
        shown.append(Table(("asked strength", "probability of the asked emotion"), seen))
    return shown


BLOCK = Block(50, "Emotions", _content)
