"""Write the results of an evaluation as JSON, as Markdown and as a table."""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

from pydantic import BaseModel, ConfigDict
from rich.table import Table

from emotalk.metrics.protocol import Estimate

FORMAT = "emotalk-report/1"


class Quantity(NamedTuple):
    """A figure's name for people.

    Attributes:
        label: with its unit.
        better: `higher` or `lower`.
        digits: after the point.
    """

    label: str
    better: str
    digits: int


QUANTITIES: dict[str, Quantity] = {
    "psnr": Quantity("PSNR, whole face (dB)", "higher", 2),
    "psnr_mouth": Quantity("PSNR, mouth crop (dB)", "higher", 2),
    "ssim": Quantity("SSIM, whole face", "higher", 4),
    "ssim_mouth": Quantity("SSIM, mouth crop", "higher", 4),
    "nlmd": Quantity("NLMD (sides of the crop)", "lower", 5),
    "nlmd_iod": Quantity("nlmd_iod (outer-eye distances, no Procrustes)", "lower", 5),
    "missed_share": Quantity("frames without a face (share)", "lower", 3),
    "mouth_correlation": Quantity("mouth opening, correlation over voiced frames", "higher", 3),
    "mouth_lag": Quantity("sync distance (frames)", "lower", 2),
}

ROWS: dict[str, str] = {
    "generated": "generated",
    "repeat": "condition frame repeated",
    "other_speech": "speech of another sentence",
    "reencoded": "true video, re-encoded",
}

EMOTION_ROWS: dict[str, str] = {
    "generated": "generated from the neutral still",
    "still": "neutral still repeated",
    "truth": "true clips (the judge's ceiling)",
}


class Part(BaseModel):
    """A piece of the report."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Value(Part):
    """A mean over clips and its 95 % interval over actors; None where it is undefined."""

    mean: float | None
    low: float | None
    high: float | None
    clips: int
    undefined: int
    actors: int

    @classmethod
    def of(cls, estimate: Estimate) -> "Value":
        """Return the estimate with None in place of NaN, which JSON does not know."""
        return cls(
            mean=finite(estimate.mean),
            low=finite(estimate.low),
            high=finite(estimate.high),
            clips=estimate.clips,
            undefined=estimate.undefined,
            actors=estimate.actors,
        )

    def text(self, digits: int) -> str:
        """Return `mean [low, high]`."""
        if self.mean is None or self.low is None or self.high is None:
            return "undefined"
        return f"{self.mean:.{digits}f} [{self.low:.{digits}f}, {self.high:.{digits}f}]"


class EmotionReport(Part):
    """Share of clips in which the judge saw the wanted emotion.

    Attributes:
        emotions: names of rows and columns.
        accuracy: row of `EMOTION_ROWS` -> share of clips.
        confusion_generated: clips, row = wanted, column = seen.
        confusion_truth: the same for the true clips.
        recall_generated: emotion -> share of its generated clips seen as it.
    """

    emotions: tuple[str, ...]
    accuracy: dict[str, Value]
    confusion_generated: tuple[tuple[int, ...], ...]
    confusion_truth: tuple[tuple[int, ...], ...]
    recall_generated: dict[str, float | None]


class Report(Part):
    """One evaluation.

    Attributes:
        format: of this file.
        inputs: what decides the figures: hashes and settings.
        where: paths and times, which do not.
        judges: task -> who judged.
        clips: number of clips evaluated.
        actors: who they show.
        condition: the picture the generator was given.
        faces: a sentence on the faces of the set and who judged them.
        figures: quantity -> row -> value.
        emotion: None where nobody judged it.
        as_reported: the report's faulty figures, where asked for.
        left_out: what could not be evaluated -> why.
        caveats: what a reader must know.
        per_clip: key -> row -> quantity -> value.
    """

    format: str = FORMAT
    inputs: dict[str, Any]
    where: dict[str, Any]
    judges: dict[str, str]
    clips: int
    actors: tuple[str, ...]
    condition: str
    faces: str = ""  # reports of older versions do not say it
    figures: dict[str, dict[str, Value]]
    emotion: EmotionReport | None
    as_reported: dict[str, Value] | None
    left_out: dict[str, str]
    caveats: tuple[str, ...]
    per_clip: dict[str, dict[str, dict[str, float | str | None]]]


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
        quantity, values = QUANTITIES[name], report.figures[name]
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
            "emotion seen as wanted, from a neutral still",
            accuracy["generated"].text(2),
            accuracy["truth"].text(2),
            EMOTION_ROWS["truth"],
        )
    return table


def to_markdown(report: Report, plots: Sequence[str] = ()) -> str:
    """Return the report as one readable page.

    Args:
        report: what was found.
        plots: file names beside the page.
    """
    blocks = [
        "# Evaluation",
        _facts(report),
        _figure_table(report),
        _emotion_block(report),
        _as_reported_block(report),
        _bullets("## Who judged", [f"{task}: {name}" for task, name in report.judges.items()]),
        _bullets("## What to know", report.caveats),
        _bullets("## Left out", [f"`{key}`: {why}" for key, why in report.left_out.items()]),
        "\n\n".join(f"![{name}]({name})" for name in plots),
    ]
    return "\n\n".join(block for block in blocks if block) + "\n"


def _facts(report: Report) -> str:
    faces = f"{report.faces}\n\n" if report.faces else ""
    return faces + (
        f"{report.clips} clips of {len(report.actors)} actors, condition image: "
        f"{report.condition.replace('_', ' ')}. Means over clips with 95 % intervals (bootstrap "
        "over actors)."
    )


def _figure_table(report: Report) -> str:
    rows = [row for row in ROWS if any(row in values for values in report.figures.values())]
    lines = [[" ", *(ROWS[row] for row in rows), "better"]]
    for name, quantity in QUANTITIES.items():
        values = report.figures[name]
        cells = [values[row].text(quantity.digits) if row in values else "" for row in rows]
        lines.append([quantity.label, *cells, quantity.better])
    return _markdown_table(lines)


def _emotion_block(report: Report) -> str:
    if report.emotion is None:
        return ""
    found = report.emotion
    accuracy = [[" ", "share of clips seen as wanted"]]
    accuracy += [[EMOTION_ROWS[row], value.text(3)] for row, value in found.accuracy.items()]
    confusion = [["wanted \\ seen", *found.emotions]]
    for name, row in zip(found.emotions, found.confusion_generated, strict=True):
        confusion.append([name, *map(str, row)])
    title = f"## Emotions (chance: {1 / len(found.emotions):.2f})"
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
