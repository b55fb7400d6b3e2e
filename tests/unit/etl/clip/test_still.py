"""A photograph is a still under any camera; a face that speaks, or only blinks, is none."""

from collections.abc import Callable

import cv2
import numpy as np
import pytest

from emotalk.config.etl import QualityConfig
from emotalk.faces.shape import transform_points
from emotalk.faces.template import template_LP
from emotalk.schema import Bytes, Doubles, Floats, Rejection
from etl.clip.quality import check_motion
from etl.clip.still import face_motion

FRAMES = 50
TIMES_S = np.arange(FRAMES) / 25
LIMITS = QualityConfig()
Camera = Callable[[int], Doubles]


def portrait() -> Bytes:
    """Return a face's picture with some texture in it, as large as a crop."""
    rng = np.random.default_rng(0)
    skin = np.asarray(
        cv2.GaussianBlur(rng.normal(0, 1, (128, 128)).astype(np.float32), (0, 0), 1.5)
    )
    grey = 130 + 25 * skin / skin.std()
    face = np.repeat(grey.clip(0, 255).astype(np.uint8)[:, :, None], 3, 2)
    for x, y in template_LP().astype(int):
        cv2.circle(face, (int(x), int(y)), 2, (60, 40, 40), -1)
    return face


def filmed(camera: Camera, *, noise: float = 0.0) -> tuple[list[Bytes], list[Floats]]:
    """Return frames of the portrait under a moving camera, with noise, and its landmarks."""
    rng = np.random.default_rng(1)
    frames, landmarks = [], []
    for number in range(FRAMES):
        place = camera(number)
        frame = cv2.warpAffine(portrait(), place, (128, 128), borderMode=cv2.BORDER_REFLECT)
        frames.append(np.clip(frame + rng.normal(0, noise, frame.shape), 0, 255).astype(np.uint8))
        points = transform_points(place, template_LP())
        jitter = rng.normal(0, 0.3, (68, 2)) + rng.normal(0, 1.5, 2)  # each, and all together
        landmarks.append((64 + (points - 64) * rng.normal(1, 0.02) + jitter).astype(np.float32))
    return frames, landmarks


def resting(number: int) -> Doubles:
    return np.eye(3)[:2]


def zooming(number: int) -> Doubles:
    return np.asarray(cv2.getRotationMatrix2D((64, 64), 0, 1 + 0.25 * number / FRAMES))


def panning(number: int) -> Doubles:
    return np.array([[1, 0, 0.4 * number], [0, 1, -0.2 * number]])


def rolling(number: int) -> Doubles:
    return np.asarray(cv2.getRotationMatrix2D((64, 64), 8 * np.sin(number / 6), 1.05))


@pytest.mark.parametrize("camera", [resting, zooming, panning, rolling])
@pytest.mark.parametrize("noise", [0.0, 4.0])
def test_a_photograph_is_a_still_whatever_the_camera_does(camera: Camera, noise: float) -> None:
    frames, landmarks = filmed(camera, noise=noise)
    with pytest.raises(Rejection, match=r"move by 0\.\d\d crop pixels .* at least 0\.4") as caught:
        check_motion(frames, landmarks, TIMES_S, LIMITS)
    assert caught.value.reason == "still_picture"
    check_motion(frames, landmarks, TIMES_S, QualityConfig(min_face_motion=0))


def test_changing_light_is_no_motion() -> None:
    frames, landmarks = filmed(resting)
    gains = 0.6 + 0.4 * np.sin(np.arange(FRAMES) / 5)
    lit = [(frame * gain).astype(np.uint8) for frame, gain in zip(frames, gains, strict=True)]
    assert face_motion(lit, landmarks, 25) < LIMITS.min_face_motion


@pytest.mark.parametrize("camera", [resting, zooming])
def test_a_mouth_that_moves_is_motion_by_its_pixels(camera: Camera) -> None:
    frames, landmarks = filmed(camera)
    moved = [frame.copy() for frame in frames]
    for number, frame in enumerate(moved):
        down = round(3 + 3 * np.sin(number / 2))
        frame[84 + down : 118] = frames[number][84 : 118 - down]  # the lower face
    motion = face_motion(moved, landmarks, 25)
    assert motion > 1.0
    measured = check_motion(moved, landmarks, TIMES_S, LIMITS)
    assert measured == {"face_motion": pytest.approx(motion)}


def test_rest_of_less_than_1_2_seconds_is_not_judged() -> None:
    frames, landmarks = filmed(resting)
    assert check_motion(frames[:30], landmarks[:30], TIMES_S[:30], LIMITS) == {}
    with pytest.raises(Rejection) as caught:
        check_motion(frames[:31], landmarks[:31], TIMES_S[:31], LIMITS)
    assert caught.value.measures["face_motion"] < LIMITS.min_face_motion


def test_the_number_of_frames_a_second_hardly_matters() -> None:
    frames, landmarks = filmed(rolling, noise=2)
    every, second = (
        face_motion(frames, landmarks, 25),
        face_motion(frames[::2], landmarks[::2], 12.5),
    )
    assert every == pytest.approx(second, abs=0.1)


def test_too_few_frames_have_no_motion_and_flat_ones_are_no_still() -> None:
    frames, landmarks = filmed(resting)
    assert np.isnan(face_motion(frames[:2], landmarks[:2], 25))
    flat = [np.full((128, 128, 3), 90, np.uint8)] * FRAMES
    check_motion(flat, landmarks, TIMES_S, LIMITS)  # other checks refuse them
