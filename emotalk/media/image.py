"""Read image files of all allowed formats as upright 8-bit sRGB."""

import io
import logging
import warnings
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from emotalk.errors import WrongUse
from emotalk.media.checked_image import MAX_PROFILE, CheckedImage
from emotalk.media.colour_profile import ToSrgb
from emotalk.media.image_check import KINDS, check_image_file
from emotalk.media.orientation import upright
from emotalk.schema import Bytes

BACKGROUND = 255
SIXTEEN_BIT = 257  # 65535 / 255
MAX_PIXELS = 100_000_000
MAX_BYTES = 300_000_000  # of the pixels as stored: 100 million of RGB, 75 of RGBA, 37 of 64 bit
BAND_PIXELS = 2_000_000  # converted at once

LOG = logging.getLogger(__name__)


def read_image(path: Path) -> Bytes:
    """Return an image as uint8 sRGB (H, W, 3), rotated by its orientation tag.

    Greyscale becomes three equal channels, 16 bits are rounded to 8, transparent pixels are
    composed over white, and of an animation the first frame is read. Colours with an ICC profile
    (RGB, grey or CMYK) are converted to sRGB by relative colorimetric intent with black point
    compensation; a profile that cannot be read is ignored with a warning. Without a profile RGB
    counts as sRGB, and CMYK is converted as (1 - C) (1 - K).

    Raises:
        WrongUse: the file does not exist, is no image of an allowed format, is damaged, or has more
            than 100 million pixels or 300 million bytes of them.
    """
    if path.is_dir():
        raise WrongUse(f"{path}: is a folder; name the file of a picture")
    try:
        checked = check_image_file(path)
        if checked is None:
            raise WrongUse(
                f"{path}: not an image file of a kind that is opened here; save it, or one frame "
                f"of it if it is a video, as {KINDS}"
            )
        _check_size(path, checked.width, checked.height, checked.bytes_per_pixel)
        return upright(_decoded(path, checked), checked.orientation)
    except FileNotFoundError:
        raise WrongUse(f"{path}: no such image file; name the file of a picture") from None
    except (OSError, SyntaxError, ValueError, cv2.error, Image.DecompressionBombError) as error:
        if isinstance(error, WrongUse):
            raise
        raise WrongUse(f"{path}: the image cannot be read ({error}); save it again") from None


def _check_size(path: Path, width: int, height: int, bytes_per_pixel: int) -> None:
    pixels = width * height
    if pixels <= MAX_PIXELS and pixels * bytes_per_pixel <= MAX_BYTES:
        return
    limit = (
        f"pixels are more than {MAX_PIXELS}"
        if pixels > MAX_PIXELS
        else f"pixels of {bytes_per_pixel} bytes are more than {MAX_BYTES} bytes"
    )
    raise WrongUse(
        f"{path}: {width} x {height} {limit}; give a smaller picture, the face is scaled to "
        "128 x 128 anyway"
    )


def _decoded(path: Path, checked: CheckedImage) -> Bytes:
    """Return the pixels in sRGB, in the orientation of the file."""
    if checked.deep:
        size, bands = _deep_bands(checked)
        return _filled(size, bands, _transform(path, checked.profile, "RGB"))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # `_check_size` limits
        with Image.open(io.BytesIO(checked.data), formats=(checked.format,)) as image:
            _check_size(path, image.width, image.height, checked.bytes_per_pixel)
            image.load()
            profile = checked.profile
            if profile is None:
                profile = image.info.get("icc_profile")
            return _filled(image.size, _bands(image), _transform(path, profile, image.mode))


def _bands(image: Image.Image) -> Iterator[Image.Image]:
    """Yield an image in bands of whole rows, each of mode L, RGB, RGBA or CMYK."""
    if image.mode == "F":
        raise ValueError("floating point pixels have no agreed range")
    rows = max(1, BAND_PIXELS // image.width)
    for top in range(0, image.height, rows):
        band = image.crop((0, top, image.width, min(top + rows, image.height)))
        band.info = image.info
        if band.mode.startswith("I"):
            yield Image.fromarray(_eight_bits(np.asarray(band, np.int64)))
        elif band.has_transparency_data:
            yield band.convert("RGBA")
        else:
            yield band if band.mode in ("L", "CMYK") else band.convert("RGB")


def _deep_bands(checked: CheckedImage) -> tuple[tuple[int, int], Iterator[Image.Image]]:
    """Return size and bands of an image of 16 bits a colour, of which Pillow would keep 8."""
    stored = cv2.imdecode(np.frombuffer(checked.data, np.uint8), cv2.IMREAD_UNCHANGED)
    if stored is None or stored.dtype != np.uint16 or stored.ndim != 3:
        raise ValueError("its pixels are damaged")
    height, width, channels = stored.shape
    order = [2, 1, 0, 3][:channels]
    rows = max(1, BAND_PIXELS // width)
    bands = (
        Image.fromarray(_eight_bits(stored[top : top + rows, :, order]))
        for top in range(0, height, rows)
    )
    return (width, height), bands


def _eight_bits(deep: "np.ndarray[tuple[int, ...], np.dtype[np.integer]]") -> Bytes:
    """Return 16-bit values rounded to 8 bits."""
    rounded = (deep.astype(np.int64) + SIXTEEN_BIT // 2) // SIXTEEN_BIT
    return np.clip(rounded, 0, 255).astype(np.uint8)


def _filled(size: tuple[int, int], bands: Iterator[Image.Image], to_srgb: ToSrgb | None) -> Bytes:
    """Return the image of all bands, in sRGB over white."""
    image_HWC = np.empty((size[1], size[0], 3), np.uint8)
    top = 0
    for band in bands:
        image_HWC[top : top + band.height] = _srgb(band, to_srgb)
        top += band.height
    return image_HWC


def _transform(path: Path, profile: bytes | None, mode: str) -> ToSrgb | None:
    """Return the transform from an image's profile to sRGB, None where its pixels are sRGB."""
    if profile is None:
        return None
    try:
        if len(profile) > MAX_PROFILE:
            raise ValueError(f"it has {len(profile)} bytes, more than {MAX_PROFILE}")
        transform = ToSrgb(profile)
        if not transform.fits(mode):
            raise ValueError(f"it is for {transform.mode} pixels, the picture has {mode}")
        return transform if transform.changes_anything() else None
    except ValueError as error:
        LOG.warning(
            "%s: its colour profile is left out: %s; the colours may be a little off", path, error
        )
        return None


def _srgb(band: Image.Image, to_srgb: ToSrgb | None) -> Bytes:
    """Return one band in sRGB over white."""
    alpha = band.getchannel("A") if band.mode == "RGBA" else None
    colours = band.convert("RGB") if alpha is not None else band
    colours = (to_srgb(colours) if to_srgb is not None else colours).convert("RGB")
    if alpha is not None:
        white = Image.new("RGB", colours.size, (BACKGROUND,) * 3)
        colours = Image.composite(colours, white, alpha)
    return np.asarray(colours)


def enlarge(image_HWC: Bytes, factor: int) -> Bytes:
    """Return the image `factor` times as large, interpolated with a Lanczos kernel."""
    if factor == 1:
        return image_HWC
    height, width = image_HWC.shape[:2]
    size = (width * factor, height * factor)
    return np.asarray(Image.fromarray(image_HWC).resize(size, Image.Resampling.LANCZOS))
