"""Crops of a clip: one transform or one a frame, and only frames that show a face."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Literal

import numpy as np
import pytest

from emotalk.config.etl import EtlConfig, LandmarksConfig, QualityConfig
from emotalk.faces.align import alignment
from emotalk.faces.landmarks import NO_FACE, FaceLandmarks
from emotalk.faces.shape import transform_points
from emotalk.media.decode import VideoFrames, read_video
from emotalk.schema import Bytes, Floats, Rejection
from etl.crops import cut_crops
from tests.helpers.clips import face_in_frame, write_clip

FRAMES = 20


class Moving:
    """A face two pixels further right in every frame; in some there is none."""

    def __init__(self, without: Sequence[int] = ()) -> None:
        self.without = without

    def find(
        self,
        frames: Sequence[Bytes],
        *,
        clip: Path | None = None,
        indices: Sequence[int] | None = None,
    ) -> list[FaceLandmarks]:
        raise AssertionError("a clip is followed")

    def follow(
        self,
        frames: Iterable[Bytes],
        *,
        clip: Path | None = None,
        indices: Iterable[int] | None = None,
    ) -> Iterator[tuple[Bytes, FaceLandmarks]]:
        assert indices is not None
        for frame, index in zip(frames, indices, strict=True):
            if index in self.without:
                yield frame, NO_FACE
            else:
                points = landmarks(index)
                box = np.concatenate([points.min(0), points.max(0)]).astype(np.float64)
                yield frame, FaceLandmarks(1, box, 0.9, points)


def landmarks(index: int) -> Floats:
    points: Floats = (face_in_frame() + np.array([2 * index, 0])).astype(np.float32)
    return points


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> VideoFrames:
    path = tmp_path_factory.mktemp("clip") / "clip.mp4"
    write_clip(path, seconds=FRAMES / 25)
    return read_video(path)


def config(
    align: Literal["first_frame", "every_frame"] = "first_frame", share: float = 1.0
) -> EtlConfig:
    return EtlConfig(
        corpus="folder",
        source="x",
        output=Path("y"),
        landmarks=LandmarksConfig(backend="sidecar"),
        align=align,
        quality=QualityConfig(min_face_share=share, min_sharpness=0),
    )


def test_one_transform_from_the_first_frame_moves_all_landmarks(video: VideoFrames) -> None:
    crops, ticks, which_T = cut_crops(video, np.arange(FRAMES), Moving(), config())
    assert (ticks.start, ticks.stop) == (0, FRAMES)
    np.testing.assert_array_equal(which_T, np.arange(FRAMES))
    assert len(crops.transforms) == 1
    expected = alignment(landmarks(0))
    np.testing.assert_allclose(crops.transforms[0], expected)
    for index in (0, 7, 19):
        np.testing.assert_allclose(
            crops.landmarks[index],
            transform_points(expected, landmarks(index).astype(float)),
            atol=1e-4,
        )


def test_a_transform_for_every_frame_keeps_the_face_in_place(video: VideoFrames) -> None:
    crops, _, _ = cut_crops(video, np.arange(FRAMES), Moving(), config("every_frame"))
    assert len(crops.transforms) == FRAMES
    for points in crops.landmarks:
        np.testing.assert_allclose(points, crops.landmarks[0], atol=1e-3)


def test_source_frames_shown_twice_are_cut_once(video: VideoFrames) -> None:
    crops, ticks, which_T = cut_crops(video, np.array([0, 0, 3, 3, 4]), Moving(), config())
    assert len(crops.frames) == 3
    assert (ticks.start, ticks.stop) == (0, 5)
    np.testing.assert_array_equal(which_T, [0, 0, 1, 1, 2])


def test_a_face_that_leaves_half_way_rejects_the_clip(video: VideoFrames) -> None:
    with pytest.raises(Rejection, match=r"no face in 10 of 20 frames .first: 10, 11") as caught:
        cut_crops(video, np.arange(FRAMES), Moving(range(10, 20)), config())
    assert caught.value.reason == "no_face"


def test_with_a_lower_share_the_longest_stretch_is_kept_and_nothing_filled_in(
    video: VideoFrames,
) -> None:
    source_T = np.repeat(np.arange(FRAMES), 2)  # each frame shown twice
    crops, ticks, which_T = cut_crops(video, source_T, Moving([0, 1, 18]), config(share=0.8))
    assert (ticks.start, ticks.stop) == (4, 36)
    assert (crops.start, crops.end) == (2, 18)
    np.testing.assert_array_equal(which_T, np.repeat(np.arange(16), 2))
    np.testing.assert_allclose(crops.transforms[0], alignment(landmarks(2)))
    with pytest.raises(Rejection, match=r"0\.80 of the clip, at least 0\.81"):
        cut_crops(video, source_T, Moving([0, 1, 18]), config(share=0.81))
