"""Write notes on undefined figures: why one is, and how many clips are too short or say too little.

A figure without its reason looks like a fault of the model. Each `Quantity` names in words the
clips of which it is undefined.
"""

from collections.abc import Iterable, Sequence

from emotalk.counted import counted
from emotalk.evaluation.comparison import Quantity
from emotalk.evaluation.quantities.sync import MIN_FRAMES, MIN_VOICED
from emotalk.evaluation.report import Value
from emotalk.evaluation.results import ClipResults
from emotalk.metrics.lip_sync import MIN_FRAMES as MIN_SPEECH


def undefined_note(quantity: Quantity, values: Iterable[Value]) -> str:
    """Return in one sentence of how many clips a figure is undefined, and why; empty if of none.

    `values` are those of one row, e.g. of several times in a video: their clips are summed.
    """
    counts = [(value.clips, value.undefined) for value in values]
    defined, undefined = (sum(column) for column in zip(*counts, strict=True)) if counts else (0, 0)
    if not undefined or not quantity.undefined:
        return ""
    where = f" in {undefined} of {defined + undefined} clips" if defined else ""
    return f"Undefined{where}: {quantity.undefined}."


def short_and_silent(clips: Sequence[ClipResults]) -> list[str]:
    """Return notes on clips that are too short for sync, or that have too little speech."""
    frames = [len(clip.voiced_T) for clip in clips]
    short = [count for count in frames if count < MIN_FRAMES]
    spoken = [int(clip.voiced_T.sum()) for clip in clips]
    silent = sum(count < MIN_SPEECH for count in spoken)
    scarce = sum(
        MIN_SPEECH <= voiced < MIN_VOICED and count >= MIN_FRAMES
        for voiced, count in zip(spoken, frames, strict=True)
    )
    found = []
    if short:
        found.append(
            f"{_share(len(short), clips)} too short for the lip-sync model, which compares "
            f"{MIN_FRAMES} frames and more: {_span(short)}. Their figures of sync are undefined."
        )
    if silent:
        found.append(
            f"{_share(silent, clips)} without speech (fewer than {MIN_SPEECH} frames of it, or no "
            "sound at all): the figures of lips in speech and of sync are undefined there."
        )
    if scarce:
        found.append(
            f"{_share(scarce, clips)} short of speech for the lip-sync model (fewer than "
            f"{MIN_VOICED} frames): the figures of sync are undefined there."
        )
    return found


def _share(count: int, clips: Sequence[ClipResults]) -> str:
    verb = "is" if count == 1 else "are"
    return f"{count} of {counted(len(clips), 'clip')} {verb}"


def _span(frames: Sequence[int]) -> str:
    low, high = min(frames), max(frames)
    return f"{low} frames" if low == high else f"{low} to {high} frames"
