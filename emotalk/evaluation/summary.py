"""Choose the headline figures of a report, with their ceilings and floors."""

from typing import NamedTuple

from rich.table import Table

from emotalk.counted import counted
from emotalk.evaluation.comparison import Direction
from emotalk.evaluation.figure_names import described_figures
from emotalk.evaluation.report import EMOTION_FIGURE, ROWS, Report, Value
from emotalk.evaluation.undefined import undefined_note

# The headline figures in their order: quantity -> its name in the summary, 18 characters at most.
HEADLINES = {
    "mouth_correlation": "mouth correlation",
    "mouth_amplitude": "mouth amplitude",
    "sync_within_1": "in sync (share)",
    "closure_auc": "closure AUC",
    "nlmd_mouth": "NLMD mouth",
    "nlmd": "NLMD face",
    "psnr_mouth": "PSNR mouth (dB)",
    "psnr": "PSNR face (dB)",
    "ssim_mouth": "SSIM mouth",
    "ssim": "SSIM face",
    "sharpness_mouth": "sharpness mouth",
    "identity": "identity",
}
ARROWS: dict[Direction, str] = {"higher": "↑", "lower": "↓", "near_1": "→1", "near_truth": "≈"}
LEGEND = "↑ higher is better, ↓ lower, →1 near one, ≈ as the true clips"
INTERVAL = "±: half of the 95 % interval"
CONTEXT = ("baseline", "other_speech", "repeat")
HEADINGS = {"baseline": "baseline", "other_speech": "other", "repeat": "still"}
MEANINGS = {
    "ceiling": "the true clips, where a figure has a value of them, else the true video re-encoded",
    "other": ROWS["other_speech"],
    "still": ROWS["repeat"],
}
WIDTH = 80


class Headline(NamedTuple):
    """A headline figure: its values of the generated videos, of a ceiling and of floors."""

    name: str
    short: str
    better: Direction
    digits: int
    meaning: str
    undefined: (
        str  # of which generated videos there is no value, and why, in a sentence; empty: of none
    )
    generated: Value
    ceiling: Value | None  # of the true clips; else of the true video, re-encoded
    context: dict[str, Value]  # rows of `CONTEXT`

    def mean(self, value: Value | None) -> str:
        """Return a mean as text; empty without one."""
        return "" if value is None or value.mean is None else f"{value.mean:.{self.digits}f}"

    @property
    def interval(self) -> str:
        """Return the interval of the generated videos' mean as `[low, high]`."""
        return self.generated.text(self.digits).partition(" ")[2]

    @property
    def half_interval(self) -> str:
        """Return half of the width of the interval of the generated videos' mean."""
        return self.generated.half_interval(self.digits)


def headlines(report: Report) -> list[Headline]:
    """Return the headline figures that the report has."""
    found = []
    described = described_figures(report)
    for name in (name for name in HEADLINES if name in described):
        quantity, values = described[name], report.figures[name]
        if "generated" in values:
            context = {row: values[row] for row in CONTEXT if row in values}
            ceiling = values.get("truth", values.get("reencoded"))
            made = values["generated"]
            found.append(
                Headline(
                    name, HEADLINES[name], quantity.better, quantity.digits, quantity.meaning,
                    undefined_note(quantity, [made]), made, ceiling, context,
                )
            )  # fmt: skip
    return found + _emotion_headline(report)


def summary_lines(report: Report) -> list[tuple[str, ...]]:
    """Return a heading and a line of means for each headline figure, without empty columns."""
    shown = headlines(report)
    rows = [row for row in CONTEXT if any(row in headline.context for headline in shown)]
    lines = [("figure", "generated", "ceiling", *(HEADINGS[row] for row in rows))]
    for headline in shown:
        lines.append(
            (
                f"{headline.short} {ARROWS[headline.better]}",
                headline.mean(headline.generated) or "undefined",
                headline.mean(headline.ceiling),
                *(headline.mean(headline.context.get(row)) for row in rows),
            )
        )
    return lines


def summary_notes(report: Report) -> str:
    """Return what the marks and the columns of the summary mean, and which column is missing."""
    head = summary_lines(report)[0]
    notes = [LEGEND, *(f"{word}: {what}" for word, what in MEANINGS.items() if word in head)]
    notes += [
        f"{headline.short}: {headline.undefined[0].lower()}{headline.undefined[1:].rstrip('.')}"
        for headline in headlines(report)
        if headline.undefined
    ]
    if HEADINGS["other_speech"] not in head:
        notes.append(f"{ROWS['other_speech']}: not compared")
    if report.emotion is None and _no_emotion_is_known(report):
        notes.append("emotions: that of no clip is known")
    return "; ".join(notes)


def summary_table(report: Report) -> Table:
    """Return the headline figures for a terminal of 80 columns."""
    title = f"{counted(report.clips, 'clip')} of {counted(len(report.actors), 'actor')}"
    table = Table(
        title="\n".join(filter(None, (report.faces, title))),
        caption=f"{INTERVAL}; {summary_notes(report)}",
        title_justify="left",
        caption_justify="left",
        width=WIDTH,
        padding=(0, 0),
    )
    head, *lines = summary_lines(report)
    for place, heading in enumerate((*head[:2], "±", *head[2:])):
        table.add_column(heading, justify="right" if place else "left", no_wrap=not place)
    for headline, line in zip(headlines(report), lines, strict=True):
        table.add_row(*line[:2], headline.half_interval, *line[2:])
    return table


def _emotion_headline(report: Report) -> list[Headline]:
    if report.emotion is None or "generated" not in report.emotion.accuracy:
        return []
    accuracy = report.emotion.accuracy
    context = {"repeat": accuracy["still"]} if "still" in accuracy else {}
    values = accuracy["generated"], accuracy.get("truth"), context
    meaning = f"Share of clips with the {EMOTION_FIGURE}."
    return [Headline("emotion_accuracy", "emotion accuracy", "higher", 2, meaning, "", *values)]


def _no_emotion_is_known(report: Report) -> bool:
    return all(rows.get("clip", {}).get("emotion") is None for rows in report.per_clip.values())
