"""Every limit rejects with its own reason, the value and the key to change."""

import cv2
import numpy as np
import pytest

from emotalk.config.etl import QualityConfig
from emotalk.faces.landmarks import NO_FACE, FaceLandmarks
from emotalk.faces.template import template_LP
from emotalk.media.loudness import loudness_db
from emotalk.schema import MOUTH, Bytes, Floats, Rejection
from etl.clip.quality import (
    check_faces,
    check_inside_crop,
    check_landmarks,
    check_length,
    check_loudness,
    check_picture,
    sharpness,
)

LIMITS = QualityConfig()


def face(count: int = 1, side: float = 100) -> FaceLandmarks:
    box = np.array([0, 0, side * 0.8, side])
    return FaceLandmarks(count, box, 0.9, np.zeros((68, 2), np.float32))


@pytest.mark.parametrize(
    ("found", "reason", "words"),
    [
        ([face()] * 9 + [NO_FACE], "no_face", "1 of 10 frames .first: 9"),
        ([face()] * 8 + [face(2)] * 2, "several_faces", "2 of 10 frames"),
        ([face(side=40)] * 10, "small_face", "40 px, at least 48"),
    ],
)
def test_faces(found: list[FaceLandmarks], reason: str, words: str) -> None:
    with pytest.raises(Rejection, match=words) as caught:
        check_faces(found, covered=0.9, limits=LIMITS)
    assert caught.value.reason == reason


def test_a_slip_of_the_detector_is_no_second_face() -> None:
    check_faces([face()] * 9 + [face(2)], covered=1.0, limits=LIMITS)


def test_silence() -> None:
    hum = np.tile(np.array([1, -1], np.float32), 400)
    check_loudness(0.01 * hum, LIMITS)
    offset = np.full(800, 0.3, np.float32)  # a constant is not heard
    for quiet in (np.zeros(800, np.float32), 1e-4 * hum, offset, offset + 1e-4 * hum):
        with pytest.raises(Rejection, match="at least -60 dB") as caught:
            check_loudness(quiet, LIMITS)
        assert caught.value.reason == "silent"


def test_the_share_of_frames_with_a_face_may_be_lowered() -> None:
    found, limits = [face()] * 9 + [NO_FACE], QualityConfig(min_face_share=0.9)
    check_faces(found, covered=0.9, limits=limits)
    with pytest.raises(Rejection, match=r"0.89 of the clip, at least 0.9 .quality.min_face_share"):
        check_faces(found, covered=0.89, limits=limits)
    with pytest.raises(Rejection, match="no face in 2 of 2 frames"):
        check_faces([NO_FACE] * 2, covered=0.0, limits=QualityConfig(min_face_share=0))


def test_the_size_of_the_face_is_the_median_frame_s() -> None:
    check_faces([face(side=48)] * 6 + [face(side=20)] * 5, covered=1.0, limits=LIMITS)
    with pytest.raises(Rejection, match="20 px"):
        check_faces([face(side=48)] * 5 + [face(side=20)] * 6, covered=1.0, limits=LIMITS)


@pytest.mark.parametrize(("seconds", "reason"), [(0.39, "too_short"), (60.1, "too_long")])
def test_length(seconds: float, reason: str) -> None:
    for allowed in (0.4, 60.0):
        check_length(allowed, LIMITS)
    with pytest.raises(Rejection, match=r"quality\.m(in|ax)_seconds") as caught:
        check_length(seconds, LIMITS)
    assert caught.value.reason == reason


def pattern(blur: float = 0.0) -> Bytes:
    noise = np.random.default_rng(0).normal(0, 1, (128, 128))
    smooth = np.asarray(cv2.GaussianBlur(noise, (0, 0), 1.0 + blur))
    grey: Bytes = (128 + 40 * smooth / smooth.std()).clip(0, 255).astype(np.uint8)
    return np.repeat(grey[:, :, None], 3, axis=2)


def with_mouth(left: float) -> FaceLandmarks:
    landmarks = np.full((68, 2), 50, np.float32)
    landmarks[MOUTH, 0] = np.linspace(left, left + 30, 20)
    return FaceLandmarks(1, np.array([0.0, 0, 90, 90]), 0.9, landmarks)


def test_a_mouth_beyond_the_border_is_refused() -> None:
    check_picture([pattern()] * 2, [with_mouth(-0.4), with_mouth(69.0)], (100, 100), LIMITS)
    for left in (-0.6, 69.6):
        with pytest.raises(Rejection, match=r"in 0\.50 of the frames, at least 1") as caught:
            check_picture([pattern()] * 2, [with_mouth(5), with_mouth(left)], (100, 100), LIMITS)
        assert caught.value.reason == "mouth_outside"
    lenient = QualityConfig(min_mouth_share=0.5)
    check_picture([pattern()] * 2, [with_mouth(5), with_mouth(80)], (100, 100), lenient)


def test_a_blurred_face_is_refused_whatever_the_light() -> None:
    faces = [with_mouth(5)]
    check_picture([pattern()], faces, (100, 100), LIMITS)
    assert sharpness(pattern() // 3) == pytest.approx(sharpness(pattern()), rel=0.1)
    with pytest.raises(Rejection, match=r"sharpness 0\.00\d+, at least 0.004") as caught:
        check_picture([pattern(blur=6)], faces, (100, 100), LIMITS)
    assert caught.value.reason == "blurred"
    flat = np.full((128, 128, 3), 90, np.uint8)
    with pytest.raises(Rejection, match=r"sharpness 0\.0000"):
        check_picture([flat], faces, (100, 100), LIMITS)


def test_sharpness_is_the_laplacian_s_variance_over_the_luma_s() -> None:
    rows = np.arange(128) % 2 * 100
    stripes = np.repeat(np.repeat(rows[:, None, None], 128, 1), 3, 2).astype(np.uint8)
    # Laplacian of a stripe: +-200 inside (two neighbours that differ by 100), luma +-50.
    assert sharpness(stripes) == pytest.approx((200 / 50) ** 2, rel=0.02)


def upright(*, drift: float | None = None, turns: int = 0, right: float = 0.0) -> FaceLandmarks:
    points = (template_LP() + np.array([right, 0])).astype(np.float32)
    box = np.concatenate([points.min(0), points.max(0)]).astype(float)
    return FaceLandmarks(1, box, 0.9, points, (box,), drift=drift, quarter_turns=turns)


def rejected_landmarks(
    faces: list[FaceLandmarks], looks: list[FaceLandmarks], limits: QualityConfig = LIMITS
) -> str:
    with pytest.raises(Rejection) as caught:
        check_landmarks(faces, (128, 128), limits, looks=looks)
    assert caught.value.reason == "bad_landmarks"
    return str(caught.value)


def test_landmarks_of_a_tenth_of_the_frames_may_be_bad() -> None:
    off = upright(right=60)
    check_landmarks([upright()] * 9 + [off], (128, 128), LIMITS)
    words = rejected_landmarks([upright()] * 8 + [off] * 2, [])
    assert "in 2 of 10 frames, at most 0.1" in words
    assert "frame 8: " in words
    check_landmarks([upright()] * 8 + [off] * 2, (128, 128),
                    QualityConfig(max_bad_landmarks_share=0.2))  # fmt: skip


def test_the_first_frame_s_landmarks_must_be_good() -> None:
    assert "lie outside" in rejected_landmarks([upright(right=60)] + [upright()] * 30, [])


def test_most_looks_decide_whether_the_face_lies_on_its_side() -> None:
    faces = [upright()] * 150
    looks = [upright(drift=0.05, turns=2)] + [upright(drift=0.02)] * 2
    check_landmarks(faces, (128, 128), LIMITS, looks=looks)
    looks = [upright(drift=0.05, turns=2)] * 2 + [upright(drift=0.02)]
    assert "turned by 180 degrees" in rejected_landmarks(faces, looks)


def test_the_median_look_decides_whether_landmarks_are_steady() -> None:
    faces = [upright()] * 150
    looks = [upright(drift=value) for value in (0.02, 0.03, 0.3)]
    check_landmarks(faces, (128, 128), LIMITS, looks=looks)
    looks = [upright(drift=value) for value in (0.02, 0.09, 0.3)]
    assert "move by 0.090" in rejected_landmarks(faces, looks)
    check_landmarks(faces, (128, 128), QualityConfig(max_landmark_drift=0.1), looks=looks)


def test_a_face_may_leave_the_crop_in_a_twentieth_of_the_frames() -> None:
    inside = template_LP().astype(np.float32)
    outside = inside + np.array(
        [52, 0], np.float32
    )  # the eyes' outer corner is beyond the right edge
    check_inside_crop([inside] * 19 + [outside], LIMITS)
    with pytest.raises(Rejection, match=r"in 0\.90 of the frames, at least 0\.95") as caught:
        check_inside_crop([inside] * 18 + [outside] * 2, LIMITS)
    assert caught.value.reason == "leaves_crop"
    jaw_alone = inside + np.array([28, 0], np.float32)
    check_inside_crop([jaw_alone], LIMITS)


def test_a_limit_itself_is_enough() -> None:
    exact = loudness_db(TONE)
    check_loudness(TONE, QualityConfig(min_loudness_db=exact))
    with pytest.raises(Rejection, match="silent"):
        check_loudness(TONE, QualityConfig(min_loudness_db=float(np.nextafter(exact, 0))))
    check_length(0.5, QualityConfig(min_seconds=0.5))
    check_length(0.5, QualityConfig(max_seconds=0.5))


TONE = (0.25 * np.sin(np.arange(8000) / 9)).astype(np.float32)


@pytest.mark.parametrize("axis", [0, 1])
def test_the_crop_ends_half_a_pixel_beyond_its_outermost_pixels_centres(axis: int) -> None:
    def nose_at(place: float) -> Floats:
        landmarks = template_LP().astype(np.float32)
        landmarks[30, axis] = place
        return landmarks

    for place in (-0.4, 127.4):
        check_inside_crop([nose_at(place)], LIMITS)
    for place in (-0.6, 127.6):
        with pytest.raises(Rejection, match=r"lie inside the crop in 0\.00 of the frames"):
            check_inside_crop([nose_at(place)], LIMITS)


def test_checks_return_what_they_measured_and_rejections_hold_it() -> None:
    assert check_faces([face(side=100)] * 3, covered=1.0, limits=LIMITS) == 100
    assert check_loudness(TONE, LIMITS) == loudness_db(TONE)
    looks = [upright(drift=drift) for drift in (0.01, 0.02, 0.04)]
    measured = check_landmarks([upright()], (128, 128), LIMITS, looks=looks)
    assert measured["landmark_drift"] == 0.02
    assert measured["landmark_error"] == pytest.approx(0, abs=1e-5)
    aside = template_LP()
    aside[8] += (0, 10)  # the chin: 10 px of one point of 68, shared with the best similarity
    moved = FaceLandmarks(1, landmarks_LP=aside.astype(np.float32))
    measured = check_landmarks([moved], (256, 256), LIMITS)
    assert 0.9 * 10 / 68**0.5 < measured["landmark_error"] <= 10 / 68**0.5
    with pytest.raises(Rejection) as caught:
        check_length(0.1, LIMITS)
    assert caught.value.measures == {"seconds": 0.1}
    with pytest.raises(Rejection) as caught:
        check_landmarks(
            [upright()], (128, 128), QualityConfig(max_landmark_drift=0.01), looks=looks
        )
    assert caught.value.measures == {"landmark_drift": 0.02}
