from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from emotalk.errors import WrongUse
from emotalk.media.image import enlarge, read_image
from emotalk.schema import Bytes


def picture() -> Bytes:
    return np.random.default_rng(0).integers(0, 256, (6, 9, 3), np.uint8)


@pytest.mark.parametrize("suffix", ["png", "bmp", "tiff", "webp"])
def test_lossless_files_come_back_as_they_were(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a.{suffix}"
    Image.fromarray(picture()).save(path, lossless=True) if suffix == "webp" else Image.fromarray(
        picture()
    ).save(path)
    np.testing.assert_array_equal(read_image(path), picture())


def test_the_name_is_not_trusted(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    Image.fromarray(picture()).save(path, format="PNG")
    np.testing.assert_array_equal(read_image(path), picture())


def test_a_turned_camera_is_turned_back(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[274] = 6  # orientation: rotate by 90 degrees clockwise to see it upright
    path = tmp_path / "a.png"
    Image.fromarray(picture()).save(path, exif=exif)
    np.testing.assert_array_equal(read_image(path), np.rot90(picture(), -1))


def test_grey_is_spread_over_the_channels(tmp_path: Path) -> None:
    Image.fromarray(picture()[..., 0]).save(tmp_path / "a.png")
    np.testing.assert_array_equal(
        read_image(tmp_path / "a.png"), np.repeat(picture()[..., :1], 3, axis=2)
    )


def test_sixteen_bits_become_eight(tmp_path: Path) -> None:
    deep = np.array([[0, 257, 65535, 32896]], np.uint16)
    Image.fromarray(deep).save(tmp_path / "a.png")
    np.testing.assert_array_equal(read_image(tmp_path / "a.png")[0, :, 1], [0, 1, 255, 128])


def test_transparency_is_laid_over_white(tmp_path: Path) -> None:
    layers = np.zeros((1, 3, 4), np.uint8)
    layers[0, :, 3] = (0, 255, 51)  # black: invisible, opaque, a fifth
    Image.fromarray(layers, "RGBA").save(tmp_path / "a.png")
    np.testing.assert_array_equal(read_image(tmp_path / "a.png")[0, :, 0], [255, 0, 204])


def test_a_palette_with_a_transparent_colour_is_laid_over_white(tmp_path: Path) -> None:
    image = Image.new("P", (2, 1))
    image.putpalette([10, 20, 30, 40, 50, 60])
    image.putpixel((1, 0), 1)
    image.save(tmp_path / "a.png", transparency=0)
    np.testing.assert_array_equal(
        read_image(tmp_path / "a.png")[0], [[255, 255, 255], [40, 50, 60]]
    )


@pytest.mark.parametrize("content", [b"", b"not a picture", b"\x89PNG\r\n\x1a\n broken"])
def test_what_is_no_picture_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(content)
    with pytest.raises(WrongUse, match=r"a\.png: (not an image .* a video|the image cannot)"):
        read_image(path)


def test_a_truncated_picture_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    noise = np.random.default_rng(0).integers(0, 256, (200, 200, 3), np.uint8)
    Image.fromarray(noise).save(path)
    path.write_bytes(path.read_bytes()[:5000])
    with pytest.raises(WrongUse, match="the image cannot be read"):
        read_image(path)


def test_a_missing_picture_and_a_folder_are_refused(tmp_path: Path) -> None:
    with pytest.raises(WrongUse, match="no such image file; name the file"):
        read_image(tmp_path / "a.png")
    with pytest.raises(WrongUse, match="is a folder; name the file of a picture"):
        read_image(tmp_path)


def test_a_picture_of_too_many_pixels_is_refused_unread(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    Image.new("1", (20_000, 6_000)).save(path)
    with pytest.raises(WrongUse, match="20000 x 6000 pixels are more than"):
        read_image(path)


def test_enlarging_keeps_what_is_smooth() -> None:
    ramp = np.repeat(np.arange(0, 160, 10, dtype=np.uint8)[None, :, None], 16, 0).repeat(3, 2)
    large = enlarge(ramp, 4)
    assert large.shape == (64, 64, 3)
    wanted = np.interp((np.arange(64) + 0.5) / 4 - 0.5, np.arange(16), np.arange(0, 160, 10))
    assert np.abs(large[30, 12:52, 0] - wanted[12:52]).max() <= 1
    assert enlarge(ramp, 1) is ramp
