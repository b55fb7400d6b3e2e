"""Crops of a clip: one transform or one a frame, and only frames that show a face."""

from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Literal

import numpy as np
import pytest

from emotalk.config.etl import EtlConfig, LandmarksConfig, QualityConfig
from emotalk.faces.align import alignment
from emotalk.faces.backends import build_landmark_detector
from emotalk.faces.landmarks import NO_FACE, FaceLandmarks, LandmarkDetector
from emotalk.faces.shape import transform_points
from emotalk.media.encode import encode_video
from emotalk.media.frames import VideoFrames, read_video
from emotalk.media.nearest import Indices
from emotalk.schema import Bytes, Floats, Rejection
from etl.clip.crops import cut_crops, resample
from etl.clip.quality import sharpness
from etl.clip.timeline import Timeline
from tests.helpers.clips import face_in_frame, write_clip
from tests.helpers.shared import shared_data

FRAMES = 20


class Moving:
    """A face two pixels further right in every frame; in some there is none."""

    def __init__(self, without: Sequence[int] = ()) -> None:
        self.without = without

    def detect(
        self,
        frames: Sequence[Bytes],
        *,
        clip: Path | None = None,
        indices: Sequence[int] | None = None,
    ) -> list[FaceLandmarks]:
        raise AssertionError("a clip is followed")

    def track(
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


def line(source_T: Indices) -> Timeline:
    """Ticks that show these frames as they are."""
    return Timeline(0.0, source_T, source_T, np.zeros(len(source_T), np.float32), 1.0)


def landmarks(index: int) -> Floats:
    points: Floats = (face_in_frame() + np.array([2 * index, 0])).astype(np.float32)
    return points


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> VideoFrames:
    path = tmp_path_factory.mktemp("clip") / "clip.mp4"
    write_clip(path, seconds=FRAMES / 25)
    return read_video(path)


def config(
    align: Literal["first_frame", "every_frame"] = "first_frame",
    share: float = 1.0,
    crop_share: float = 0.0,
) -> EtlConfig:
    return EtlConfig(
        corpus="folder",
        source="x",
        output=Path("y"),
        landmarks=LandmarksConfig(backend="sidecar"),
        align=align,
        quality=QualityConfig(min_face_share=share, min_sharpness=0, min_crop_share=crop_share),
    )


def test_one_transform_from_the_first_frame_moves_all_landmarks(video: VideoFrames) -> None:
    crops, ticks = cut_crops(video, line(np.arange(FRAMES)), Moving(), config())
    assert (ticks.start, ticks.stop) == (0, FRAMES)
    assert crops.sources == list(range(FRAMES))
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
    crops, _ = cut_crops(video, line(np.arange(FRAMES)), Moving(), config("every_frame"))
    assert len(crops.transforms) == FRAMES
    for points in crops.landmarks:
        np.testing.assert_allclose(points, crops.landmarks[0], atol=1e-3)


def test_source_frames_shown_twice_are_cut_once(video: VideoFrames) -> None:
    shown = line(np.array([0, 0, 3, 3, 4]))
    crops, ticks = cut_crops(video, shown, Moving(), config())
    assert crops.sources == [0, 3, 4]
    assert (ticks.start, ticks.stop) == (0, 5)
    frames_THWC, landmarks_TLP = resample(crops, shown, ticks)
    for tick, number in enumerate([0, 0, 1, 1, 2]):
        np.testing.assert_array_equal(frames_THWC[tick], crops.frames[number])
        np.testing.assert_array_equal(landmarks_TLP[tick], crops.landmarks[number])


def test_blended_frames_and_landmarks_lie_between_their_neighbours(video: VideoFrames) -> None:
    weight_T = np.array([0.25, 0], np.float32)
    mixed = Timeline(0.0, np.array([2, 5]), np.array([3, 5]), weight_T, 1.0)
    crops, ticks = cut_crops(video, mixed, Moving(), config())
    frames_THWC, landmarks_TLP = resample(crops, mixed, ticks)
    first, second = (crops.frames[n].astype(float) for n in (0, 1))
    np.testing.assert_allclose(frames_THWC[0], 0.75 * first + 0.25 * second, atol=0.51)
    expected = 0.75 * crops.landmarks[0] + 0.25 * crops.landmarks[1]
    np.testing.assert_allclose(landmarks_TLP[0], expected, atol=1e-4)
    np.testing.assert_array_equal(frames_THWC[1], crops.frames[2])


def test_a_face_that_leaves_half_way_rejects_the_clip(video: VideoFrames) -> None:
    with pytest.raises(Rejection, match=r"no face in 10 of 20 frames .first: 10, 11") as caught:
        cut_crops(video, line(np.arange(FRAMES)), Moving(range(10, 20)), config())
    assert caught.value.reason == "no_face"


def test_with_a_lower_share_the_longest_stretch_is_kept_and_nothing_filled_in(
    video: VideoFrames,
) -> None:
    shown = line(np.repeat(np.arange(FRAMES), 2))  # each frame for two ticks
    crops, ticks = cut_crops(video, shown, Moving([0, 1, 18]), config(share=0.8))
    assert (ticks.start, ticks.stop) == (4, 36)
    assert crops.sources == list(range(2, 18))
    frames_THWC, _ = resample(crops, shown, ticks)
    np.testing.assert_array_equal(frames_THWC, np.repeat(np.stack(crops.frames), 2, axis=0))
    np.testing.assert_allclose(crops.transforms[0], alignment(landmarks(2)))
    with pytest.raises(Rejection, match=r"0\.80 of the clip, at least 0\.81"):
        cut_crops(video, shown, Moving([0, 1, 18]), config(share=0.81))


def test_a_face_that_leaves_the_crop_rejects_the_clip(video: VideoFrames) -> None:
    """Two source pixels a frame are 2.96 in the crop; eyes and mouth have 33 to its right edge."""
    shown = line(np.arange(FRAMES))
    with pytest.raises(Rejection, match=r"align=every_frame") as caught:
        cut_crops(video, shown, Moving(), config(crop_share=0.95))
    assert caught.value.reason == "leaves_crop"
    cut_crops(video, shown, Moving(), config("every_frame", crop_share=0.95))


def test_landmarks_of_no_face_reject_the_clip(video: VideoFrames) -> None:
    class UpsideDown(Moving):
        def track(
            self,
            frames: Iterable[Bytes],
            *,
            clip: Path | None = None,
            indices: Iterable[int] | None = None,
        ) -> Iterator[tuple[Bytes, FaceLandmarks]]:
            for frame, face in super().track(frames, clip=clip, indices=indices):
                assert face.landmarks_LP is not None
                points = np.array([128, 96], np.float32) - face.landmarks_LP
                yield frame, FaceLandmarks(1, face.box, 0.9, points)

    with pytest.raises(Rejection, match="turned by 180 degrees") as caught:
        cut_crops(video, line(np.arange(3)), UpsideDown(), config())
    assert caught.value.reason == "bad_landmarks"


@pytest.fixture(scope="module")
def detector() -> LandmarkDetector:
    return build_landmark_detector(
        LandmarksConfig(pack="faces68", root=shared_data("data", "insightface"))
    )


def of_real_clip(path: Path, detector: LandmarkDetector) -> None:
    video = read_video(path)
    cut_crops(video, line(np.arange(len(video))[:55]), detector, config(crop_share=0.95))


def test_a_real_head_upside_down_is_rejected_and_upright_taken(detector: LandmarkDetector) -> None:
    clips = shared_data("data", "faults")
    with pytest.raises(Rejection, match="better with the picture turned by 180") as caught:
        of_real_clip(clips / "clips" / "face_upside_down.mp4", detector)
    assert caught.value.reason == "bad_landmarks"
    of_real_clip(clips / "clips" / "mirror.mp4", detector)
    of_real_clip(clips / "cleaning" / "good.mp4", detector)


@pytest.mark.parametrize("quarters", [1, 3])
def test_a_real_head_on_its_side_is_rejected(
    detector: LandmarkDetector, quarters: int, tmp_path: Path
) -> None:
    upright = list(read_video(shared_data("data", "clips", "grid", "sbwe5n.mpg")).at(range(12)))
    turned = (np.ascontiguousarray(np.rot90(frame, quarters)) for frame in upright)
    encode_video(tmp_path / "turned.mp4", turned, fps=Fraction(25))
    with pytest.raises(Rejection) as caught:
        of_real_clip(tmp_path / "turned.mp4", detector)
    assert caught.value.reason in ("bad_landmarks", "no_face")


def test_crops_keep_what_the_checks_measured(video: VideoFrames) -> None:
    crops, _ = cut_crops(video, line(np.arange(FRAMES)), Moving(), config())
    assert set(crops.measures) == {"face_pixels", "sharpness", "landmark_error", "face_jump"}
    scale = np.hypot(*crops.transforms[0][0, :2])
    assert crops.measures["face_jump"] == pytest.approx(2 * scale, rel=1e-3)  # see `Moving`
    assert crops.measures["face_pixels"] == pytest.approx(
        np.ptp(face_in_frame(), 0).max(), abs=0.01
    )
    sharp = np.median([sharpness(crop) for crop in crops.frames])
    assert crops.measures["sharpness"] == pytest.approx(sharp)


def test_a_rejected_clip_brings_what_was_measured_before_and_a_picture(video: VideoFrames) -> None:
    limits = config().quality.model_copy(update={"min_sharpness": 9.0})
    strict = config().model_copy(update={"quality": limits})
    with pytest.raises(Rejection) as caught:
        cut_crops(video, line(np.arange(FRAMES)), Moving(), strict)
    assert caught.value.reason == "blurred"
    assert set(caught.value.measures) == {"face_pixels", "sharpness"}
    assert caught.value.picture_HWC is not None
    assert caught.value.picture_HWC.shape == (128, 128, 3)  # the crop
    with pytest.raises(Rejection) as caught:
        cut_crops(video, line(np.arange(FRAMES)), Moving(range(10, 20)), config())
    shown = caught.value.picture_HWC
    assert shown is not None
    np.testing.assert_array_equal(shown, next(video.at([10])))  # the first without a face
