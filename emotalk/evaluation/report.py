"""Define the report of an evaluation, and format it as Markdown and as a table."""

import math
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from pydantic import BaseModel, ConfigDict, Field
from rich.table import Table

from emotalk.evaluation.comparison import Direction
from emotalk.evaluation.intervals import describe_intervals
from emotalk.evaluation.quantities import quantities
from emotalk.metrics.bootstrap import Estimate, Resampled

FORMAT = "emotalk-report/1"

ROWS: dict[str, str] = {
    "truth": "true clips",
    "generated": "generated",
    "baseline": "baseline model",
    "repeat": "condition frame repeated",
    "other_speech": "speech of another sentence",
    "reencoded": "true video, re-encoded",
}

BETTER: dict[Direction, str] = {
    "higher": "higher",
    "lower": "lower",
    "near_1": "near 1",
    "near_truth": "as the true clips",
}

EMOTION_ROWS: dict[str, str] = {
    "generated": "generated from the neutral still",
    "still": "neutral still repeated",
    "truth": "true clips (the classifier's ceiling)",
}
EMOTION_FIGURE = "emotion seen as wanted, from a neutral still"


class Part(BaseModel):
    """A frozen model without unknown fields, for a part of the report."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Value(Part):
    """A mean over clips and its 95 % interval; None if it is undefined."""

    mean: float | None
    low: float | None
    high: float | None
    clips: int
    undefined: int
    actors: int
    over: Resampled = "actors"  # what was resampled for the interval

    @classmethod
    def of(cls, estimate: Estimate) -> "Value":
        """Return the estimate with None in place of NaN, which JSON does not have."""
        numbers = asdict(estimate)
        return cls(**numbers | {name: finite(numbers[name]) for name in ("mean", "low", "high")})

    def text(self, digits: int) -> str:
        """Return `mean [low, high]`."""
        if self.mean is None or self.low is None or self.high is None:
            return "undefined"
        return f"{self.mean:.{digits}f} [{self.low:.{digits}f}, {self.high:.{digits}f}]"


class EmotionReport(Part):
    """Accuracy of the emotion classifier: share of clips predicted as the wanted emotion."""

    emotions: tuple[str, ...]  # names of the rows of a confusion matrix
    seen: tuple[str, ...] = ()  # names of its columns; empty in older reports: the emotions
    chance: float | None = None  # accuracy of who always says the most frequent emotion
    accuracy: dict[str, Value]  # row of `EMOTION_ROWS` -> share of clips
    # level (low, medium, high) -> row -> share of clips, of clips whose intensity is known
    accuracy_by_intensity: dict[str, dict[str, Value]] = Field(default_factory=dict)
    confusion_generated: tuple[tuple[int, ...], ...]  # clips, row = wanted, column = predicted
    confusion_truth: tuple[tuple[int, ...], ...]
    recall_generated: dict[str, float | None]  # emotion -> share of its clips predicted as it


class Report(Part):
    """The report of one evaluation."""

    format: str = FORMAT
    inputs: dict[str, Any]  # hashes and settings that determine the figures
    where: dict[str, Any]  # paths and times, which do not change the figures
    judges: dict[str, str]  # task -> description of the model that was used
    clips: int  # number of evaluated clips
    actors: tuple[str, ...]
    condition: str  # the picture that the generator got
    warnings: tuple[str, ...] = ()  # what a reader must know before any figure
    faces: str = ""  # their kind and the models; reports of older versions do not have it
    figures: dict[str, dict[str, Value]]  # quantity -> row -> value
    # name of each of several shard sets -> its own figures; not written for a single set
    sets: dict[str, dict[str, dict[str, Value]]] = Field(
        default_factory=dict, exclude_if=lambda sets: not sets
    )
    emotion: EmotionReport | None  # None if emotions were not classified
    as_reported: dict[str, Value] | None  # faulty figures of the original report, if requested
    left_out: dict[str, str]  # key -> why the clip, or its emotion, was not evaluated
    caveats: tuple[str, ...]
    per_clip: dict[str, dict[str, dict[str, float | str | None]]]  # key -> row -> quantity -> value


def finite(value: float) -> float | None:
    """Return the number, or None if it is NaN or infinite."""
    return value if math.isfinite(value) else None


def summary_table(report: Report) -> Table:
    """Return the main figures with their baselines beside them, for the terminal."""
    title = f"{report.clips} clips of {len(report.actors)} actors"
    table = Table(title="\n".join(filter(None, (report.faces, title))), title_justify="left")
    for heading in ("figure", "generated", "baseline", "baseline is"):
        table.add_column(
            heading, justify="left" if heading in {"figure", "baseline is"} else "right"
        )
    for name in ("mouth_correlation", "nlmd", "psnr_mouth", "psnr", "ssim_mouth", "ssim"):
        quantity, values = quantities()[name], report.figures[name]
        row = "other_speech" if name == "mouth_correlation" else "repeat"
        table.add_row(
            quantity.label,
            values["generated"].text(quantity.digits),
            values[row].text(quantity.digits) if row in values else "none",
            ROWS[row] if row in values else f"{ROWS[row]}: no clip has one",
        )
    if report.emotion is not None:
        accuracy = report.emotion.accuracy
        table.add_row(
            EMOTION_FIGURE,
            accuracy["generated"].text(2),
            accuracy["truth"].text(2),
            EMOTION_ROWS["truth"],
        )
    elif all(rows["clip"]["emotion"] is None for rows in report.per_clip.values()):
        table.add_row(EMOTION_FIGURE, "none", "none", "the emotion of no clip is known")
    return table


def to_markdown(report: Report, plots: Sequence[str] = ()) -> str:
    """Return the report as one page that shows `plots`, picture files in its folder."""
    blocks = [
        "# Evaluation",
        _facts(report),
        _figure_table(report),
        _set_table(report),
        _emotion_block(report),
        _as_reported_block(report),
        _bullets("## Models", [f"{task}: {name}" for task, name in report.judges.items()]),
        _bullets("## Caveats", report.caveats),
        _bullets("## Left out", [f"`{key}`: {why}" for key, why in report.left_out.items()]),
        "\n\n".join(f"![{name}]({name})" for name in plots),
    ]
    return "\n\n".join(block for block in blocks if block) + "\n"


def _facts(report: Report) -> str:
    faces = f"{report.faces}\n\n" if report.faces else ""
    return faces + (
        f"{report.clips} clips of {len(report.actors)} actors, condition image: "
        f"{report.condition.replace('_', ' ')}. Means over clips. "
        + describe_intervals(clips=report.clips, actors=len(report.actors))
    )


def _figure_table(report: Report) -> str:
    rows = [row for row in ROWS if any(row in values for values in report.figures.values())]
    lines = [[" ", *(ROWS[row] for row in rows), "better"]]
    for name, quantity in quantities().items():
        values = report.figures[name]
        cells = [values[row].text(quantity.digits) if row in values else "" for row in rows]
        lines.append([quantity.label, *cells, BETTER[quantity.better]])
    return _markdown_table(lines)


def _set_table(report: Report) -> str:
    if not report.sets:
        return ""
    shown = {name: q for name, q in quantities().items() if "generated" in report.figures[name]}
    lines = [["generated", "clips", *(quantity.label for quantity in shown.values())]]
    for name, figures in report.sets.items():
        values = {q: figures[q].get("generated") for q in shown}
        clips = max((value.clips for value in values.values() if value is not None), default=0)
        cells = [value.text(shown[q].digits) if value else "" for q, value in values.items()]
        lines.append([name, str(clips), *cells])
    return "\n\n".join(["## By shard set", _markdown_table(lines)])


def _emotion_block(report: Report) -> str:
    if report.emotion is None:
        return ""
    emotion = report.emotion
    accuracy = [[" ", "share of clips seen as wanted"]]
    accuracy += [[EMOTION_ROWS[row], value.text(3)] for row, value in emotion.accuracy.items()]
    confusion = [["wanted \\ seen", *(emotion.seen or emotion.emotions)]]
    for name, row in zip(emotion.emotions, emotion.confusion_generated, strict=True):
        confusion.append([name, *map(str, row)])
    chance = 1 / len(emotion.emotions) if emotion.chance is None else emotion.chance
    title = f"## Emotions (chance: {chance:.2f})"
    return "\n\n".join([title, _markdown_table(accuracy), _markdown_table(confusion)])


def _as_reported_block(report: Report) -> str:
    if report.as_reported is None:
        return ""
    lines = [["faulty figure", "generated"]]
    lines += [[name, value.text(4)] for name, value in report.as_reported.items()]
    note = (
        "Only to compare with the report's table 5.1: its scripts subtract bytes, which wraps and "
        "flatters, and take landmark distances without Procrustes. Not measures of quality."
    )
    return "\n\n".join(["## As reported (faulty)", note, _markdown_table(lines)])


def _bullets(title: str, lines: Sequence[str]) -> str:
    return "\n".join([title, "", *(f"- {line}" for line in lines)]) if lines else ""


def _markdown_table(lines: Sequence[Sequence[str]]) -> str:
    head, *body = [f"| {' | '.join(line)} |" for line in lines]
    return "\n".join([head, f"|{'---|' * len(lines[0])}", *body])
