"""Colours of images with a profile, against littleCMS's profiles and hand computation."""

import io
import logging
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image, ImageCms

from emotalk.media.colour_profile import ToSrgb
from emotalk.media.image import read_image
from emotalk.schema import Bytes, Doubles
from tests.helpers.shared import shared_data


def srgb_profile() -> bytes:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def profile_of(path: Path) -> bytes:
    with Image.open(path) as image:
        return bytes(image.info["icc_profile"])


def saved(tmp_path: Path, pixels: Bytes, profile: bytes, suffix: str = "png") -> Path:
    path = tmp_path / f"a.{suffix}"
    Image.fromarray(pixels).save(path, icc_profile=profile)
    return path


def srgb_of_adobe(adobe: Doubles) -> Doubles:
    """Return sRGB values of Adobe RGB (1998): gamma 563/256, its matrix to XYZ, sRGB's back."""
    linear = (adobe / 255) ** (563 / 256)
    to_xyz = np.array([[0.57667, 0.18556, 0.18823], [0.29734, 0.62736, 0.07529],
                       [0.02703, 0.07069, 0.99134]])  # fmt: skip
    from_xyz = np.array([[3.2406, -1.5372, -0.4986], [-0.9689, 1.8758, 0.0415],
                         [0.0557, -0.2040, 1.0570]])  # fmt: skip
    rgb = np.clip(linear @ to_xyz.T @ from_xyz.T, 0, 1)
    encoded = np.where(rgb <= 0.0031308, 12.92 * rgb, 1.055 * rgb ** (1 / 2.4) - 0.055)
    return np.asarray(255 * encoded)


def test_adobe_rgb_becomes_srgb() -> None:
    pictures = shared_data("data", "faults", "pictures")
    adobe, srgb = (read_image(pictures / f"face_{name}.jpg") for name in ("adobe", "srgb"))
    assert np.abs(adobe.astype(int) - srgb).mean() < 2


@pytest.mark.parametrize("suffix", ["png", "tif", "webp"])
def test_adobe_rgb_is_converted_by_the_standard_s_formula(tmp_path: Path, suffix: str) -> None:
    adobe = profile_of(shared_data("data", "faults", "pictures", "face_adobe.jpg"))
    inside = np.array([[[200, 150, 130], [90, 90, 90], [255, 255, 255], [60, 80, 140]]], np.uint8)
    path = tmp_path / f"a.{suffix}"
    Image.fromarray(inside).save(path, icc_profile=adobe, lossless=True)
    np.testing.assert_allclose(read_image(path), srgb_of_adobe(inside.astype(float)), atol=2)


def test_a_profile_of_srgb_changes_no_pixel(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (6, 9, 3), np.uint8)
    np.testing.assert_array_equal(read_image(saved(tmp_path, pixels, srgb_profile())), pixels)


def test_a_grey_picture_may_have_a_profile_of_rgb(tmp_path: Path) -> None:
    grey = np.arange(0, 256, dtype=np.uint8)[None]
    path = saved(tmp_path, grey, srgb_profile())
    np.testing.assert_array_equal(read_image(path), np.repeat(grey[..., None], 3, 2))


def grey_gamma_profile(gamma: float) -> bytes:
    """Return an ICC 2 profile of grey with a plain power curve, written by hand."""
    curve = b"curv\0\0\0\0" + (1).to_bytes(4, "big") + round(gamma * 256).to_bytes(2, "big")
    curve += b"\0\0"
    white = b"XYZ \0\0\0\0" + b"".join(v.to_bytes(4, "big") for v in (0xF6D6, 0x10000, 0xD32D))
    table = [(b"kTRC", 156, curve), (b"wtpt", 156 + len(curve), white)]
    tags = len(table).to_bytes(4, "big") + b"".join(
        name + offset.to_bytes(4, "big") + len(body).to_bytes(4, "big")
        for name, offset, body in table
    )
    body = curve + white
    size = 156 + len(body)
    head = size.to_bytes(4, "big") + b"lcms" + bytes([2, 0x20, 0, 0]) + b"mntrGRAYXYZ "
    head += bytes(12) + b"acsp" + bytes(28)
    head += b"".join(v.to_bytes(4, "big") for v in (0xF6D6, 0x10000, 0xD32D)) + bytes(48)
    return head + tags + body


def test_a_grey_profile_s_gamma_is_undone(tmp_path: Path) -> None:
    grey = np.array([[0, 64, 128, 200, 255]], np.uint8)
    linear = (grey / 255.0) ** 1.8
    wanted = 255 * np.where(
        linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055
    )
    seen = read_image(saved(tmp_path, grey, grey_gamma_profile(1.8)))
    np.testing.assert_allclose(seen, np.repeat(wanted[..., None], 3, 2), atol=1.5)


@pytest.mark.parametrize("profile", [b"broken", bytes(5000), srgb_profile()[:200]])
def test_a_broken_profile_is_left_out_and_said(
    tmp_path: Path, profile: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (6, 9, 3), np.uint8)
    with caplog.at_level(logging.WARNING):
        np.testing.assert_array_equal(read_image(saved(tmp_path, pixels, profile)), pixels)
    assert "a.png: its colour profile is left out" in caplog.text


def test_a_grey_profile_on_colours_is_left_out_and_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (6, 9, 3), np.uint8)
    with caplog.at_level(logging.WARNING):
        seen = read_image(saved(tmp_path, pixels, grey_gamma_profile(1.8)))
    np.testing.assert_array_equal(seen, pixels)
    assert "it is for L pixels, the picture has RGB" in caplog.text


def test_cmyk_without_a_profile_is_ink_on_white(tmp_path: Path) -> None:
    inks = np.zeros((16, 64, 4), np.uint8)
    inks[:, 16:32, 0] = 255
    inks[:, 32:48, 3] = 255
    inks[:, 48:, 1] = 128
    Image.fromarray(inks, "CMYK").save(tmp_path / "a.jpg", quality=100)
    seen = read_image(tmp_path / "a.jpg")[8, [8, 24, 40, 56]]
    wanted = [[255, 255, 255], [0, 255, 255], [0, 0, 0], [255, 127, 255]]
    np.testing.assert_allclose(seen, wanted, atol=3)


def test_transparent_pixels_are_converted_before_they_are_laid_over_white(tmp_path: Path) -> None:
    adobe = profile_of(shared_data("data", "faults", "pictures", "face_adobe.jpg"))
    pixels = np.array([[[60, 200, 90, 255], [60, 200, 90, 0], [60, 200, 90, 128]]], np.uint8)
    seen = read_image(saved(tmp_path, pixels, adobe)).astype(float)
    opaque = srgb_of_adobe(pixels[:, :1, :3].astype(float))[0, 0]
    np.testing.assert_allclose(seen[0, 0], opaque, atol=2)
    np.testing.assert_array_equal(seen[0, 1], 255)
    np.testing.assert_allclose(seen[0, 2], (opaque * 128 + 255 * 127) / 255, atol=2)


def test_deep_colours_are_rounded_and_converted_too(tmp_path: Path) -> None:
    # written by OpenCV: Pillow knows no 16 bits a colour
    deep = np.array([[[0, 127, 129], [257, 256, 385], [65535, 65406, 65407]]], np.uint16)
    cv2.imwrite(str(tmp_path / "a.png"), deep[..., ::-1])
    np.testing.assert_array_equal(
        read_image(tmp_path / "a.png"), [[[0, 0, 1], [1, 1, 1], [255, 254, 255]]]
    )


def test_no_profile_of_another_space_is_taken() -> None:
    lab = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
    with pytest.raises(ValueError, match="profile of 'Lab'"):
        ToSrgb(lab)


def test_the_profile_survives_a_round_through_a_file(tmp_path: Path) -> None:
    file = io.BytesIO()
    Image.new("RGB", (4, 4)).save(file, "JPEG", icc_profile=srgb_profile())
    (tmp_path / "a.jpg").write_bytes(file.getvalue())
    assert profile_of(tmp_path / "a.jpg") == srgb_profile()
