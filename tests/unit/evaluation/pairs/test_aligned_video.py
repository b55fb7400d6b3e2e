"""A video of a scene is cut by one similarity, as the ETL cuts clips."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from emotalk.evaluation.pairs.aligned_video import read_aligned
from emotalk.faces.align import alignment, scale_of, warp
from emotalk.faces.landmarks import NO_FACE, FaceLandmarks
from emotalk.media.encode import encode_video
from emotalk.media.frames import read_video
from emotalk.schema import Bytes, Floats, Rejection
from tests.helpers.clips import face_in_frame
from tests.helpers.clips import frames as pictures

SIZE = (240, 320)
FACE = face_in_frame(SIZE).astype(np.float32)


@dataclass
class MovingFace:
    """Finds a face that moves to the right by `step` pixels a frame, from frame `first` on."""

    step: float = 1.0
    first: int = 0
    asked: int = 0

    def detect(
        self,
        frames: Sequence[Bytes],
        *,
        clip: Path | None = None,
        indices: Sequence[int] | None = None,
    ) -> list[FaceLandmarks]:
        """Return the face of each frame, in the order of asking."""
        return [face for _, face in self.track(frames)]

    def track(
        self,
        frames: Iterable[Bytes],
        *,
        clip: Path | None = None,
        indices: Iterable[int] | None = None,
    ) -> Iterator[tuple[Bytes, FaceLandmarks]]:
        """Yield each frame with its face."""
        del clip, indices
        for number, frame in enumerate(frames, self.asked):
            self.asked = number + 1
            points = moved(self.step * (number - self.first))
            box = np.array([*points.min(0), *points.max(0)], np.float64)
            face = FaceLandmarks(1, box, 0.9, points, (box,))
            yield frame, face if number >= self.first else NO_FACE


def moved(pixels: float) -> Floats:
    """Return the face so many pixels further to the right."""
    return np.asarray(FACE + np.array([pixels, 0], np.float32), np.float32)


def write(path: Path, count: int = 8, seed: int = 0) -> Path:
    encode_video(path, pictures(count, seed=seed, size=SIZE), fps=Fraction(25),
                 options={"preset": "ultrafast"})  # fmt: skip
    return path


def test_all_frames_are_cut_by_the_first_ones_landmarks(tmp_path: Path) -> None:
    path = write(tmp_path / "a.mp4")
    found = read_aligned(path, MovingFace(), max_seconds=9)
    onto = alignment(FACE)
    expected = np.stack([warp(frame, onto) for frame in read_video(path)])
    assert np.array_equal(found.frames_THWC, expected)
    assert np.isnan(found.landmarks_TLP).all(), "they were not asked for"
    assert found.size == SIZE
    assert found.fps == pytest.approx(25)
    assert found.sound_S is None


def test_landmarks_move_in_the_fixed_crop(tmp_path: Path) -> None:
    detector = MovingFace(step=2.0)
    found = read_aligned(write(tmp_path / "a.mp4"), detector, max_seconds=9, every_face=True)
    steps = np.diff(found.landmarks_TLP[:, 30, 0])
    assert steps == pytest.approx(np.full(7, 2.0 * scale_of(alignment(FACE))), rel=1e-3)


def test_a_face_that_begins_later_fixes_the_crop_and_none_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "a.mp4")
    late = read_aligned(path, MovingFace(first=3), max_seconds=9)
    assert late.transform == pytest.approx(alignment(FACE))
    with pytest.raises(Rejection, match="no whole face in its first 8 frames"):
        read_aligned(path, MovingFace(first=100), max_seconds=9)


def test_faces_in_the_same_place_are_cut_alike_and_others_are_not(tmp_path: Path) -> None:
    path = write(tmp_path / "a.mp4")
    true = read_aligned(path, MovingFace(), max_seconds=9)
    near = read_aligned(path, MovingFace(first=-1), max_seconds=9, nearby=true)
    assert near.transform is true.transform
    far = read_aligned(path, MovingFace(step=9.0, first=-1), max_seconds=9, nearby=true)
    assert far.transform is not true.transform
    assert far.transform == pytest.approx(alignment(moved(9)))
