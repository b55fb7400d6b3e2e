"""Show as which emotions the generated videos are seen."""

from collections.abc import Sequence

from emotalk.evaluation.report import EMOTION_ROWS, Report
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
    return [
        Paragraph(f"By chance: {chance:.2f}. Higher is better."),
        Table(("videos", "share of clips seen as wanted"), accuracy),
        Table(
            ("wanted \\ seen", *(emotion.seen or emotion.emotions)), confusion, "Generated clips:"
        ),
        Picture("emotions.png", "Confusion matrices of generated and of true clips"),
    ]


BLOCK = Block(50, "Emotions", _content)
