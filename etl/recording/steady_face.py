"""Find the periods of a recording in which one steady face is seen, from a few frames a second."""

import math
from collections import Counter

import numpy as np

from emotalk.config.etl import QualityConfig
from emotalk.faces.landmarks import FaceLandmarks
from emotalk.faces.tracking import intersection_over_union
from emotalk.schema import Doubles
from etl.recording.voice import Interval

SAME_FACE = 0.3  # intersection over union of its boxes in two frames that are looked at
NO_FACE, SEVERAL = "no_face", "several_faces"


class SteadyFaces:
    """Collect periods of one shot with one face that stays where it is.

    A frame with more than `quality.max_faces` faces between two with one is taken for an error of
    the face detector, as `quality.max_extra_faces_share` allows it for a clip.
    """

    def __init__(self, limits: QualityConfig) -> None:
        """Start before the first frame."""
        self._limits = limits
        self._periods: list[Interval] = []
        self._start_s: float | None = None
        self._last_s = 0.0  # of the last frame that showed the face
        self._shot_s = math.inf  # beginning of a shot of which no frame was looked at yet
        self._box: Doubles | None = None
        self._extra = False  # whether the frame before showed more faces
        self.seen: Counter[str] = Counter()  # frames by what they showed

    def add(self, time_s: float, face: FaceLandmarks) -> None:
        """Look at the next frame."""
        state = self._state(face)
        self.seen[state] += 1
        if state == SEVERAL and self._start_s is not None and not self._extra:
            self._extra = True
            return
        if state:
            self._close(self._last_s)
            self._shot_s = math.inf
            return
        assert face.box is not None, "a face has a box"
        box = face.box[:4]
        if self._box is not None and intersection_over_union(box, self._box) < SAME_FACE:
            self._close(self._last_s)
        if self._start_s is None:
            self._start_s = min(time_s, self._shot_s)
        self._shot_s = math.inf
        self._last_s, self._box, self._extra = time_s, box, False

    def end_shot(self, end_s: float, *, next_s: float) -> None:
        """End the shot at a time; the first frame of the next one was at `next_s`.

        The face is taken to be seen to its end if the last frame that was looked at showed it, and
        from the next one's beginning if the next frame that is looked at does.
        """
        self._close(min(self._last_s, end_s) if self._extra else end_s)
        self._shot_s = next_s

    def skip(self) -> None:
        """End the period: the next frames are not looked at."""
        self._close(self._last_s)
        self._shot_s = math.inf

    @property
    def periods(self) -> list[Interval]:
        """Return the periods, in order; those under way not yet."""
        return self._periods

    def _state(self, face: FaceLandmarks) -> str:
        """Return why a frame does not show one steady face; empty if it does."""
        if face.box is None or face.landmarks_LP is None:
            return NO_FACE
        if face.count > self._limits.max_faces:
            return SEVERAL
        side = float(np.max(face.box[2:4] - face.box[:2]))
        return NO_FACE if side < self._limits.min_face_pixels else ""

    def _close(self, end_s: float) -> None:
        if self._start_s is not None and end_s > self._start_s:
            self._periods.append(Interval(self._start_s, end_s))
        self._start_s, self._box, self._extra = None, None, False
