"""Reject clips in which a new shot begins, by the picture or by the face's landmarks."""

from collections.abc import Sequence

import numpy as np

from emotalk.config.etl import QualityConfig
from emotalk.faces.landmarks import FaceLandmarks
from emotalk.faces.template import template_LP
from emotalk.schema import FPS, Bytes, Doubles, Floats, Rejection
from etl.clip.shot_changes import ShotChange, ShotChanges

RIGID = slice(17, 48)  # brows, nose and eyes: what speech moves little


class ClipShots:
    """Notes the new shots of a clip while its frames pass by."""

    def __init__(self, limits: QualityConfig) -> None:
        """Start before the first frame."""
        self._limits = limits
        self._shots = ShotChanges(limits.max_picture_change)
        self._changes: list[ShotChange] = []

    def add(self, frame_HWC: Bytes) -> bool:
        """Look at the next frame; return whether a new shot was found with it."""
        if self._limits.max_picture_change == 1 or not self._shots.add(frame_HWC):
            return False
        assert self._shots.found is not None  # as `add` says
        self._changes.append(self._shots.found)
        return True

    def check(self, numbers: range, times_s: Doubles) -> None:
        """Check that no new shot begins between neighbouring frames of the clip.

        Args:
            numbers: the frames of the clip, among those that were added.
            times_s: of all frames that were added, rising.

        Raises:
            Rejection: `shot_change`.
        """
        for change in self._changes:
            if change.last in numbers and change.first in numbers:
                at_s = times_s[change.first] - times_s[0]
                raise Rejection(
                    "shot_change",
                    f"{change.value:.2f} of the picture changes at {at_s:.2f} s, at most "
                    f"{self._limits.max_picture_change:g} (quality.max_picture_change)",
                )


def check_jumps(
    faces: Sequence[FaceLandmarks], times_s: Doubles, limits: QualityConfig
) -> dict[str, float]:
    """Return the largest `face_jump`; reject clips whose face is suddenly elsewhere.

    Empty where it is not looked at.

    Raises:
        Rejection: `shot_change`.
    """
    if limits.max_face_jump is None or len(faces) == 1:
        return {}
    jumps = face_jumps([face.landmarks_LP for face in faces], times_s)
    worst = int(jumps.argmax())
    measures = {"face_jump": float(jumps[worst])}
    if jumps[worst] > limits.max_face_jump:
        raise Rejection(
            "shot_change",
            f"the face jumps by {jumps[worst]:.0f} crop pixels at "
            f"{times_s[worst + 1] - times_s[0]:.2f} s, at most {limits.max_face_jump:g} "
            "(quality.max_face_jump)",
            measures=measures,
        )
    return measures


def face_jumps(landmarks: Sequence[Floats | None], times_s: Doubles) -> Doubles:
    """Return how far the face moves from each frame to the next, in crop pixels (T - 1,).

    It is the root mean square motion of brows, eyes and nose, so that place, size and shape count,
    and is divided by the frames of 1/25 s that it takes. A jump after which the face comes back at
    once is an error of one frame's landmarks and does not count. Talking heads move by up to 6.
    """
    points_TLP = np.stack([_rigid(points_LP) for points_LP in landmarks])
    around = points_TLP - points_TLP.mean(1, keepdims=True)
    spread = float(np.median(np.sqrt(np.square(around).sum((1, 2)))))
    template = _rigid(template_LP())
    unit = spread / float(np.sqrt(np.square(template - template.mean(0)).sum()))
    numbers = np.arange(len(points_TLP))
    jumps = np.full(len(numbers) - 1, np.inf)
    for back, ahead in ((0, 0), (1, 0), (0, 1), (1, 1)):
        before = points_TLP[np.maximum(numbers[:-1] - back, 0)]
        after = points_TLP[np.minimum(numbers[1:] + ahead, len(numbers) - 1)]
        moved = np.sqrt(np.square(after - before).sum(2).mean(1))
        jumps = np.minimum(jumps, moved)
    per_frame: Doubles = jumps / unit / np.maximum(1.0, np.diff(times_s) * FPS)
    return per_frame


def _rigid(points_LP: Floats | Doubles | None) -> Doubles:
    if points_LP is None:
        raise ValueError("a frame without a face has no landmarks")
    return np.asarray(points_LP[RIGID], np.float64)
