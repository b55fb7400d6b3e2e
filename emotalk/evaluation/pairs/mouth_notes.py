"""Say in words how the generated mouth of a pair stands to the true one in time."""

from emotalk.evaluation.results import ClipResults
from emotalk.metrics.lip_sync import STILL_SHARE, best_shift, mouth_amplitude, mouth_correlation
from emotalk.schema import FPS

SAME_MOTION = 0.8  # correlation from which a shifted mouth is the true one's, only earlier or later


def mouth_notes(results: ClipResults) -> tuple[str, ...]:
    """Return notes on a pair whose mouth is early, late or still beside the true one.

    A shift is named where the mouth moves as the true one does at that shift, so where the whole
    picture is shifted; a mouth that moves in another way is left to the figures.
    """
    if not {"generated", "truth"} <= results.openings.keys():
        return ()
    made_T, true_T = results.openings["generated"], results.openings["truth"]
    if mouth_amplitude(made_T, true_T, results.voiced_T) < STILL_SHARE:
        return ("the generated mouth does not move in speech",)
    frames = best_shift(made_T, true_T, results.voiced_T)
    if not frames:
        return ()
    ahead, behind = max(frames, 0), max(-frames, 0)
    if mouth_correlation(made_T[ahead:], true_T[behind:], results.voiced_T[behind:]) < SAME_MOTION:
        return ()
    late = "late" if frames > 0 else "early"
    count = f"{abs(frames)} frame{'s' * (abs(frames) > 1)}"
    return (
        f"the generated mouth is the true one's, {count} ({abs(frames) * 1000 // FPS} ms) {late}",
    )
