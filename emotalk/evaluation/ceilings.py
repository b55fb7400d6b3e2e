"""Test the judges on the true clips of the set: one that fails there is not used.

A judge that does not understand true clips says nothing of generated ones. Its figures are absent,
and the report says so at its top.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from emotalk.evaluation.comparison import Metric
from emotalk.evaluation.landmark_models import LandmarkModel
from emotalk.evaluation.report import EmotionReport
from emotalk.evaluation.results import Results
from emotalk.shards.clip import Clip

LIMITS_PX = {"judge": 1.6, "insightface": 3.0, "onnx": 3.0}
"""Most pixels between a landmark model and the stored landmarks, on true frames.

The shipped model has 0.5 to 1.1 on drawn faces, 2.8 on those drawn like photographs (`emotalk synth
--variety photo`), and 2.3 to 4.4 on people. The detector that found a set's own landmarks has 0.6
to 1.0 on GRID, other detectors up to 2, and 2.7 on the faces drawn like photographs.
"""
MOST_MISSED = 0.5  # of the true frames without a face


class LandmarkCheck(NamedTuple):
    """Hold the error of a landmark model on true frames."""

    error_px: float  # mean distance from the stored landmarks; NaN if it found no face
    missed: float  # share of the frames in which it found no face

    def fault(self, landmarks: str) -> str | None:
        """Return what is wrong with it in words, or None; `landmarks` is its kind."""
        limit = LIMITS_PX[landmarks]
        if self.missed > MOST_MISSED:
            return f"finds no face in {100 * self.missed:.0f} % of this set's true frames"
        if self.error_px > limit:
            return (
                f"is {self.error_px:.1f} px off the stored landmarks of this set's true frames "
                f"(limit {limit:g} px)"
            )
        return None


def check_landmarks(model: LandmarkModel, clips: Sequence[Clip]) -> LandmarkCheck:
    """Return how far a model is from the stored landmarks in two frames of each clip.

    Raises:
        ValueError: there is no clip.
    """
    if not clips:
        raise ValueError("landmarks can be checked on clips only")
    distances = []
    for clip in clips:
        shown = [0, len(clip.video_THWC) // 2]
        moved = model.landmarks(clip.video_THWC[shown]) - clip.landmarks_TLP[shown]
        distances += list(np.linalg.norm(moved, axis=-1).mean(-1))
    found = np.isfinite(distances)
    error_px = float(np.mean(np.asarray(distances)[found])) if found.any() else float("nan")
    return LandmarkCheck(error_px, float(1 - found.mean()))


def landmark_warning(name: str, fault: str, landmarks: str) -> str:
    """Return the report's warning of a landmark model that is not used."""
    advice = (
        "it knows plainly drawn faces; for photographs, and for faces drawn like them (emotalk "
        "synth --variety photo), use landmarks=insightface with finder.pack and finder.root, or "
        "landmarks=onnx with finder.detector and finder.landmarker"
        if landmarks == "judge"
        else "use the detector that found the set's own landmarks"
    )
    return (
        f"NO FIGURES OF LANDMARKS AND LIPS: the landmark model ({name}) {fault}, so it is not "
        f"used; {advice}."
    )


def emotion_warning(name: str, emotion: EmotionReport) -> str | None:
    """Return the warning of a judge of emotions that is no better than chance on true clips.

    Chance is the accuracy of who always says the most frequent emotion. The judge passes if the
    whole 95 % interval of its accuracy on the true clips lies above it.
    """
    truth = emotion.accuracy["truth"]
    assert emotion.chance is not None, "only older reports lack it"
    if truth.low is not None and truth.low > emotion.chance:
        return None
    if emotion.chance == 1:
        return (
            "NO FIGURES OF EMOTIONS: the clips whose emotion was judged show a single one, so "
            "nothing can be told from what a judge sees in them."
        )
    return (
        f"NO FIGURES OF EMOTIONS: on this set's true clips the judge of emotions ({name}) is right "
        f"in {truth.text(2)} (95 % interval), which is not above chance ({emotion.chance:.2f}); it "
        "is not used. Choose another by emotion.by (fitted, onnx)."
    )


def drop_failed_metrics(
    results: Results, metrics: Sequence[Metric], seed: int
) -> tuple[Results, list[str]]:
    """Return the results without the metrics that fail their ceiling, and a warning of each."""
    failed: set[str] = set()
    warnings: list[str] = []
    for metric in metrics:
        if metric.ceiling is None:
            continue
        name, above, model = metric.ceiling
        ceiling = results.value(name, "truth", seed)
        if ceiling.clips and (ceiling.low is None or ceiling.low <= above):
            failed |= set(metric.quantities)
            label = metric.quantities[name].label
            warnings.append(
                f"NO FIGURES OF {model.upper()}: on this set's true clips it reaches "
                f"{ceiling.text(2)} in “{label}”, which is not above chance ({above:g}); it is "
                "not used."
            )
    return without_quantities(results, failed), warnings


def without_quantities(results: Results, names: set[str]) -> Results:
    """Return the results without these quantities."""
    if not names:
        return results
    clips = []
    for clip in results.clips:
        rows = {
            row: {name: value for name, value in figures.items() if name not in names}
            for row, figures in clip.rows.items()
        }
        clips.append(replace(clip, rows=rows))
    return replace(results, clips=clips)


def without_emotions(results: Results) -> Results:
    """Return the results without what the judge of emotions saw."""
    clips = [replace(clip, predictions=None) for clip in results.clips]
    return replace(results, clips=clips)
