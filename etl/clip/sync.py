"""Judge whether lips and sound of a sample are in step, and by how much to shift it if not."""

from emotalk.config.etl import QualityConfig
from emotalk.counted import counted
from emotalk.errors import Stopped
from emotalk.lip_sync.estimate import (
    MAX_OFFSET,
    LipSyncModel,
    SyncEstimate,
    estimate_sync,
    load_lip_sync_model,
)
from emotalk.lip_sync.limits import SURE
from emotalk.schema import FPS, Floats, Rejection, Sync


def judge_sync(landmarks_TLP: Floats, audio_S: Floats, limits: QualityConfig) -> Sync | None:
    """Return how far the sound is late and the shift that `quality.sync` asks for; None if off.

    Only a sure estimate shifts or rejects a clip.

    Raises:
        Rejection: `out_of_sync`, with `reject` alone.
        Stopped: the network that comes with the package cannot be read.
    """
    if limits.sync == "off":
        return None
    found = estimate_sync(_model(), landmarks_TLP, audio_S)
    if limits.sync == "reject":
        _check_sync(found, limits)
    corrects = limits.sync in ("correct", "reject") and found.verdict == "shifted"
    shifted = found.offset if corrects and abs(found.offset) <= limits.max_sync_shift else 0
    return Sync(found.offset, found.confidence, found.verdict, shifted)


def _model() -> LipSyncModel:
    try:
        return load_lip_sync_model()
    except (OSError, ValueError) as error:
        raise Stopped(
            f"the lip-sync network cannot be read: {error}; install the project anew, or set "
            "quality.sync=off"
        ) from None


def sync_measures(sync: Sync) -> dict[str, float]:
    """Return offset and confidence by their names in `measures.jsonl`."""
    return {"sync_offset": float(sync.offset), "sync_confidence": sync.confidence}


def parts_in_step(frames: int, shifted: int) -> tuple[slice, slice]:
    """Return the frames of the picture, and those of the sound, that belong together.

    Args:
        frames: length of both.
        shifted: frames that the sound is late by; negative if it is early.
    """
    late, early = max(shifted, 0), max(-shifted, 0)
    return slice(early, frames - late), slice(late, frames - early)


def _check_sync(found: SyncEstimate, limits: QualityConfig) -> None:
    measures = sync_measures(Sync(found.offset, found.confidence, found.verdict, 0))
    if found.verdict == "no_lag_fits":
        raise Rejection(
            "out_of_sync",
            f"lips and sound fit at no offset from -{MAX_OFFSET} to {MAX_OFFSET} frames: the best "
            f"one, {found.offset}, has confidence {found.confidence:g}, and {SURE:g} is needed "
            "(quality.sync)",
            measures=measures,
        )
    if found.verdict == "shifted" and abs(found.offset) > limits.max_sync_shift:
        frames, side = abs(found.offset), "late" if found.offset > 0 else "early"
        raise Rejection(
            "out_of_sync",
            f"the sound is {counted(frames, 'frame')} ({1000 * frames // FPS} ms) {side}, with "
            f"confidence {found.confidence:g}; at most {limits.max_sync_shift} "
            "(quality.max_sync_shift)",
            measures=measures,
        )
