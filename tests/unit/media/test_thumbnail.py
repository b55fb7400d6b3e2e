"""Thumbnails: small in pixels and in bytes whatever the picture."""

import struct

import cv2
import numpy as np
import pytest

from emotalk.media.thumbnail import MAX_BYTES, SIDE, is_thumbnail, shrunk, thumbnail_jpeg
from emotalk.schema import Bytes


def decoded(jpeg: bytes) -> Bytes:
    image = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
    assert image is not None
    return np.asarray(image[:, :, ::-1], np.uint8)


@pytest.mark.parametrize("size", [(1080, 1920), (1920, 1080), (128, 128), (1, 4000), (3, 2)])
def test_the_longer_side_is_bounded_and_the_shape_kept(size: tuple[int, int]) -> None:
    height, width = shrunk(np.zeros((*size, 3), np.uint8)).shape[:2]
    assert max(height, width) == min(SIDE, max(size))
    assert height == pytest.approx(
        size[0] * max(height, width) / max(size), abs=0.51 + (height < 2)
    )


def test_the_picture_and_its_colours_are_kept() -> None:
    image = np.zeros((90, 120, 3), np.uint8)
    image[:, :60], image[:, 60:] = (200, 30, 10), (20, 40, 220)
    shown = decoded(thumbnail_jpeg(image)).astype(int)
    assert shown.shape == image.shape
    assert np.abs(shown[:, :50] - (200, 30, 10)).max() < 12
    assert np.abs(shown[:, 70:] - (20, 40, 220)).max() < 12


def test_even_noise_is_bounded_in_bytes() -> None:
    noise = np.random.Generator(np.random.PCG64(0)).integers(0, 256, (720, 900, 3), np.uint8)
    for image in (noise, noise[:160, :160]):
        jpeg = thumbnail_jpeg(image)
        assert len(jpeg) <= MAX_BYTES
        assert is_thumbnail(jpeg)
        assert jpeg == thumbnail_jpeg(image.copy())
    assert not is_thumbnail(jpeg + bytes(MAX_BYTES))
    assert not is_thumbnail(b"\x89PNG")


def test_few_bytes_that_claim_many_pixels_are_no_thumbnail() -> None:
    jpeg = thumbnail_jpeg(np.full((90, 120, 3), 128, np.uint8))
    size = jpeg.index(b"\xff\xc0") + 5  # of the frame's header: height, then width
    assert jpeg[size : size + 4] == struct.pack(">HH", 90, 120)
    for height, width in ((65500, 65500), (SIDE, SIDE + 1), (0, 120)):
        assert not is_thumbnail(jpeg[:size] + struct.pack(">HH", height, width) + jpeg[size + 4 :])
    for end in range(4, size + 4):
        assert not is_thumbnail(jpeg[:end])
