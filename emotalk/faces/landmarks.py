"""Describe faces and their 68 landmarks (iBUG order), and the protocol of landmark detectors."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from emotalk.schema import Bytes, Doubles, Floats


@dataclass(frozen=True)
class FaceLandmarks:
    """Hold the faces found in one frame.

    Attributes:
        count: number of faces found.
        box: left, top, right, bottom of the largest face in pixels; None without a face.
        score: the face detector's score of that face, in [0, 1]; 0 without a face.
        landmarks_LP: its 68 points in frame pixels; None without a face.
        boxes: boxes of all faces, largest first; empty if the back end finds no boxes.
        drift: mean displacement of its landmarks when they are detected again, in units of the
            face's size; None if it was not measured (`emotalk.faces.steadiness`).
        quarter_turns: number of 90 degree turns to the left that make the face upright, if the
            second detection showed that it is not; else 0.
    """

    count: int
    box: Doubles | None = None
    score: float = 0.0
    landmarks_LP: Floats | None = None
    boxes: tuple[Doubles, ...] = ()
    drift: float | None = None
    quarter_turns: int = 0


NO_FACE = FaceLandmarks(0)


class LandmarkDetector(Protocol):
    """Detect faces and their landmarks in RGB frames."""

    def detect(
        self,
        frames: Sequence[Bytes],
        *,
        clip: Path | None = None,
        indices: Sequence[int] | None = None,
    ) -> list[FaceLandmarks]:
        """Return the faces of each frame, in order.

        Args:
            frames: uint8 RGB (H, W, 3), any sizes.
            clip: the file the frames come from; side-car landmarks are looked up by its name.
            indices: number of each frame in that file; side-car landmarks are looked up by it.

        Raises:
            Rejection: `no_landmarks` or `bad_landmarks` (side-car only).
        """

    def track(
        self,
        frames: Iterable[Bytes],
        *,
        clip: Path | None = None,
        indices: Iterable[int] | None = None,
    ) -> Iterator[tuple[Bytes, FaceLandmarks]]:
        """Yield each frame of one clip with its faces, in order.

        As `detect`, but frames may be read lazily, and a back end may reuse earlier frames' faces.
        """


def largest_first(boxes: Doubles) -> tuple[Doubles, ...]:
    """Return left, top, right, bottom of each box (N, 4 or more), the largest area first."""
    order = (-box_areas(boxes)).argsort(kind="stable")
    return tuple(boxes[index, :4].astype(float) for index in order)


def box_areas(boxes: Doubles) -> Doubles:
    """Return the area of each box (N, 4 or more) in pixels, (N,)."""
    areas: Doubles = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    return areas
