"""The face is put back where it came from; all other pixels are the picture's."""

import math

import cv2
import numpy as np
import pytest

from emotalk.errors import WrongUse
from emotalk.faces.align import warp
from emotalk.faces.template import template_LP
from emotalk.inference.paste_back import PasteBack
from emotalk.schema import Bytes, Doubles

MIDDLE = np.array([64.0, 64.0])


def similarity(scale: float, degrees: float, place: tuple[float, float]) -> Doubles:
    """Return the similarity that maps `place` of the picture to the middle of the crop."""
    turn = math.radians(degrees)
    matrix = scale * np.array([[math.cos(turn), -math.sin(turn)], [math.sin(turn), math.cos(turn)]])
    return np.column_stack([matrix, MIDDLE - matrix @ place])


def picture(height: int, width: int) -> Bytes:
    """Return a smooth picture with fine grain, so that a lost detail is seen."""
    y, x = np.mgrid[:height, :width]
    smooth = 120 + 50 * np.sin(x / 23) + 40 * np.cos(y / 31)
    grain = np.random.default_rng(3).normal(0, 6, (height, width, 3))
    return np.asarray(np.clip(smooth[:, :, None] + grain, 0, 255), np.uint8)


def crop_coordinates(size: tuple[int, int], matrix: Doubles) -> tuple[Doubles, Doubles]:
    y, x = np.mgrid[: size[0], : size[1]]
    return (
        matrix[0, 0] * x + matrix[0, 1] * y + matrix[0, 2],
        matrix[1, 0] * x + matrix[1, 1] * y + matrix[1, 2],
    )


@pytest.mark.parametrize("scale", [0.2, 0.54, 1.0, 1.9])
@pytest.mark.parametrize("degrees", [0.0, 17.0])
def test_an_unchanged_face_gives_the_picture_back(scale: float, degrees: float) -> None:
    image, matrix = picture(700, 640), similarity(scale, degrees, (300.0, 340.0))
    pasted = PasteBack(image, matrix, long_side=None).paste(warp(image, matrix)[None])
    assert np.abs(pasted[0].astype(int) - image).max() <= 1


def test_a_face_of_another_tint_gets_the_colours_of_the_picture() -> None:
    image = np.clip(picture(500, 400), 60, 190)
    matrix = similarity(0.5, 5, (190.0, 250.0))
    tinted = warp(image, matrix) + np.array([25, 0, 12], np.uint8)
    pasted = PasteBack(image, matrix, long_side=None).paste(np.repeat(tinted[None], 4, 0))
    assert np.abs(pasted.astype(int) - image).max() <= 2


def test_pixels_outside_the_crop_are_those_of_the_picture() -> None:
    image, matrix = picture(480, 640), similarity(0.6, -12, (400.0, 200.0))
    frames = np.random.default_rng(1).integers(0, 256, (3, 128, 128, 3), np.uint8)
    pasted = PasteBack(image, matrix, long_side=None).paste(frames)
    x, y = crop_coordinates((480, 640), matrix)
    outside = (x < 4) | (y < 4) | (x > 123) | (y > 123)
    for frame in pasted:
        np.testing.assert_array_equal(frame[outside], image[outside])
        assert (frame[~outside] != image[~outside]).mean() > 0.5


def test_a_still_face_is_still_and_a_moving_one_does_not_move_the_seam() -> None:
    image, matrix = picture(400, 400), similarity(0.5, 0, (200.0, 200.0))
    crop = warp(image, matrix)
    still = PasteBack(image, matrix, long_side=None).paste(np.repeat(crop[None] // 2, 5, 0))
    assert np.ptp(still, axis=0).max() == 0
    moving = np.repeat(crop[None], 5, 0)
    moving[1::2, 70:90, 48:80] = 20  # a mouth that opens
    pasted = PasteBack(image, matrix, long_side=None).paste(moving)
    x, y = crop_coordinates((400, 400), matrix)
    border = np.hypot((x - 64) / 50, (y - 64) / 58) > 0.97
    assert np.ptp(pasted[:, border].astype(int), axis=0).max() == 0
    mouth = (abs(x - 64) < 12) & (abs(y - 80) < 6)
    assert np.ptp(pasted[:, mouth].astype(int).mean(1), axis=0).max() > 60


@pytest.mark.parametrize("scale", [0.4, 1.3])
def test_with_landmarks_only_the_face_changes(scale: float) -> None:
    image, matrix = picture(500, 500), similarity(scale, -8, (240.0, 260.0))
    landmarks = (0.8 * (template_LP() - 64) + 64).astype(np.float32)
    paste = PasteBack(image, matrix, long_side=None, landmarks_LP=landmarks)
    black = np.repeat(warp(image, matrix)[None], 2, 0)
    paste.paste(black[:1])  # the colours are those of the picture
    black[1] = 0
    changed = np.abs(paste.paste(black[1:])[0].astype(int) - image).max(2)
    x, y = crop_coordinates((500, 500), matrix)
    eyes_nose_mouth = landmarks[[36, 45, 30, 48, 54, 57]]
    for point in eyes_nose_mouth:
        near = np.hypot(x - point[0], y - point[1]) < max(1.0, scale)
        assert changed[near].min() > 20
    left, right, chin = landmarks[:, 0].min(), landmarks[:, 0].max(), landmarks[:, 1].max()
    beyond = (x < left - 8.5) | (x > right + 8.5) | (y > chin + 11.5)
    assert changed[beyond].max() == 0
    whole = PasteBack(image, matrix, long_side=None)
    whole.paste(warp(image, matrix)[None])
    assert np.abs(whole.paste(black[1:])[0].astype(int) - image)[beyond].max() > 30


@pytest.mark.parametrize(
    ("scale", "long_side", "shrunk"),
    [(0.3, None, 1.0), (0.8, None, 1.0), (1.6, None, 1.0), (0.8, 400, 0.5), (0.3, 640, 0.8)],
)
def test_a_spot_of_the_face_lands_at_its_place_in_the_picture(
    scale: float, long_side: int | None, shrunk: float
) -> None:
    image, matrix = np.full((600, 800, 3), 128, np.uint8), similarity(scale, 21, (350.0, 290.0))
    y, x = np.mgrid[:128, :128]
    spot = 100 * np.exp(-((x - 70.0) ** 2 + (y - 58.0) ** 2) / 18)
    frame = np.repeat((128 + spot)[:, :, None], 3, 2).astype(np.uint8)
    paste = PasteBack(image, matrix, long_side=long_side)
    paste.paste(np.full((25, 128, 128, 3), 128, np.uint8))  # the colours are those of the picture
    pasted = paste.paste(frame[None])[0, :, :, 0].astype(float) - 128
    pasted[pasted < 3] = 0
    rows, columns = np.mgrid[: pasted.shape[0], : pasted.shape[1]]
    found = np.array([(pasted * columns).sum(), (pasted * rows).sum()]) / pasted.sum()
    wanted = np.linalg.solve(matrix[:, :2], np.array([70.0, 58.0]) - matrix[:, 2])
    np.testing.assert_allclose(found, (wanted + 0.5) * shrunk - 0.5, atol=0.15)


@pytest.mark.parametrize(
    ("size", "long_side", "wanted"),
    [
        ((333, 501), None, (332, 500)),
        ((333, 501), 501, (332, 500)),
        ((600, 801), 400, (300, 400)),
        ((1000, 90), 200, (200, 18)),
    ],
)
def test_frames_have_the_even_size_of_the_picture_within_the_limit(
    size: tuple[int, int], long_side: int | None, wanted: tuple[int, int]
) -> None:
    image = picture(*size)
    paste = PasteBack(image, similarity(1.0, 0, (45.0, 100.0)), long_side=long_side)
    assert paste.paste(np.zeros((2, 128, 128, 3), np.uint8)).shape == (2, *wanted, 3)
    if long_side == 400:
        small = cv2.resize(image, (400, 300), interpolation=cv2.INTER_AREA)
        np.testing.assert_array_equal(paste.picture_HWC[:, 250:], small[:, 250:])


def test_blocks_are_pasted_like_the_whole_clip() -> None:
    image, matrix = picture(300, 300), similarity(0.7, 3, (140.0, 160.0))
    clip = np.clip(
        warp(image, matrix) + np.random.default_rng(2).normal(8, 9, (40, 128, 128, 3)), 0, 255
    ).astype(np.uint8)
    whole = PasteBack(image, matrix, long_side=None).paste(clip)
    paste = PasteBack(image, matrix, long_side=None)
    parts = [paste.paste(clip[a:b]) for a, b in ((0, 30), (30, 30), (30, 40))]
    np.testing.assert_array_equal(np.concatenate(parts), whole)


@pytest.mark.parametrize("long_side", [0, 63, 8193])
def test_a_long_side_out_of_range_is_refused(long_side: int) -> None:
    with pytest.raises(WrongUse, match=f"long side {long_side}: .* 64 to 8192"):
        PasteBack(picture(100, 100), similarity(1, 0, (50.0, 50.0)), long_side=long_side)


def test_a_huge_picture_needs_a_limit() -> None:
    image = np.zeros((100, 8200, 3), np.uint8)
    with pytest.raises(WrongUse, match=r"8200 x 100 .*--long-side"):
        PasteBack(image, similarity(1, 0, (50.0, 50.0)), long_side=None)
