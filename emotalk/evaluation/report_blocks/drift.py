"""Show whether one long video gets worse with time."""

from collections.abc import Mapping, Sequence

from emotalk.counted import counted
from emotalk.evaluation.comparison import Quantity
from emotalk.evaluation.figure_names import described_figures
from emotalk.evaluation.report import BETTER, DriftLoss, DriftReport, Report, Value
from emotalk.evaluation.report_block import Block, Content, Paragraph, Table
from emotalk.evaluation.undefined import undefined_note

LIMIT = 0.05
NOTE = (
    "Clips of one person are joined to one video: their speech one after another, the first frame "
    "of all as the condition image. Each cell: a clip's figure in the joined video (in brackets "
    "{short}the same clip generated alone from the same picture; the true clip's, where it has "
    "one). A clip belongs to the window of its middle."
)
WORSE = (
    "Worse is by what share of the value in the shorter video, with its 95 % interval over clips. "
    "Of a figure that should be near 1 or near the true clips' it is how much further off, as a "
    "share of 1 or of the true clips' value."
)
OF_SHORT = "the same clip at the end of 8 s of the joined speech; "
LENGTH = (
    " The end of 8 s differs from the joined video in its length. A clip alone differs in more: no "
    "speech has come before it."
)
SHOWN = {"short": "within 8 s", "alone": "alone", "truth": "true"}
CONTROLS = {"short": "at the end of a video of 8 s", "alone": "alone"}
NOT_COMPARED = {
    "short": "Beyond 8 s no clip could be compared with itself at the end of a video of 8 s: a "
    "clip of 8 s and more has nothing before it there.",
    "alone": "Beyond 8 s no clip could be compared with itself alone.",
}


def _content(report: Report) -> Sequence[Content]:
    drift = report.drift
    if drift is None:
        return []
    described = described_figures(report)
    lines, notes = [], []
    for name, quantity in described.items():
        windows = [figures.get(name, {}) for figures in drift.windows.values()]
        if any(windows):
            cells = [_cell(values, quantity.digits) for values in windows]
            shares = [loss_text(of[name]) if name in of else "" for of in drift.losses.values()]
            lines.append((quantity.label, *cells, *shares, BETTER[quantity.better]))
            joined = [values["joined"] for values in windows if "joined" in values]
            notes.append(undefined_note(quantity, joined))
    shorter = "short" in drift.losses  # older reports compare with clips alone
    controls = [f"worse than {SHOWN[control]}" for control in drift.losses]
    head = ("figure", *drift.windows, *controls, "better")
    return [
        Paragraph(_facts(drift)),
        *(Paragraph(line) for line in verdict(drift, described)),
        Paragraph(WORSE + LENGTH * shorter),
        Table(head, lines, NOTE.format(short=OF_SHORT * shorter), notes),
    ]


def _cell(values: Mapping[str, Value], digits: int) -> str:
    def mean(row: str) -> str:
        value = values.get(row)
        return "undefined" if value is None or value.mean is None else f"{value.mean:.{digits}f}"

    beside = "; ".join(f"{words} {mean(row)}" for row, words in SHOWN.items() if row in values)
    return f"{mean('joined')} ({beside})"


def _facts(drift: DriftReport) -> str:
    again = "" if drift.different_clips == drift.clips else ", some of them again"
    return (
        f"{drift.seconds:g} s of {drift.actor}, {counted(drift.clips, 'clip')} of "
        f"{drift.different_clips} different ones{again}."
    )


def verdict(drift: DriftReport, described: Mapping[str, Quantity]) -> list[str]:
    """Return in words which figures are more than `LIMIT` worse beyond 8 s, and how surely.

    `described` maps names of figures to their descriptions.
    """
    if not any(drift.losses.values()):
        return ["No clip of the video lies beyond 8 s: nothing is said of what comes after them."]

    return [
        line
        for control, losses in drift.losses.items()
        for line in (
            _compared(losses, described, CONTROLS[control]) if losses else [NOT_COMPARED[control]]
        )
    ]


def _compared(
    losses: Mapping[str, DriftLoss], described: Mapping[str, Quantity], control: str
) -> list[str]:
    def named(names: Sequence[str]) -> str:
        labels = [described[name].label if name in described else name for name in names]
        return "; ".join(
            f"{label} {loss_text(losses[name])}" for label, name in zip(labels, names, strict=True)
        )

    over = [name for name, loss in losses.items() if loss.share > LIMIT]
    surely = [name for name in over if (low := losses[name].low) is not None and low > LIMIT]
    perhaps = [name for name in over if name not in surely]
    limit = f"{100 * LIMIT:g} %"
    lines = []
    if surely:
        lines.append(
            f"Beyond 8 s more than {limit} worse than {control}, by the whole interval: "
            f"{named(surely)}."
        )
    if perhaps:
        lines.append(
            f"Beyond 8 s more than {limit} worse than {control} in these clips, which may be "
            f"chance (the interval reaches down to {limit} or less): {named(perhaps)}."
        )
    return lines or [f"Beyond 8 s no figure is more than {limit} worse than {control}."]


def loss_text(loss: DriftLoss) -> str:
    """Return a share in percent, with its interval where there is one."""
    share = f"{100 * loss.share:+.1f} %"
    if loss.clips < 2:
        return share
    low, high = ("∞" if end is None else f"{100 * end:+.1f}" for end in (loss.low, loss.high))
    return f"{share} [{'-' * (loss.low is None)}{low}, {'+' * (loss.high is None)}{high}]"


BLOCK = Block(51, "Drift in a long video", _content)
