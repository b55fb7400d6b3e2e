"""A picture file of any kind as upright 8-bit RGB."""

import warnings
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from emotalk.errors import WrongUse
from emotalk.schema import Bytes

BACKGROUND = (255, 255, 255)
SIXTEEN_BIT = 257  # 65535 / 255
LARGEST_PIXELS = 100_000_000


def read_image(path: Path) -> Bytes:
    """Return a picture as uint8 RGB (H, W, 3), turned as its camera says.

    Greyscale is spread over the three channels, 16 bits become 8, transparency is laid over white,
    and of an animation the first frame is taken.

    Raises:
        WrongUse: no such file, not a picture, damaged, or more than 100 million pixels.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # own limit below
            with Image.open(path) as image:
                _check_size(path, image)
                return _rgb(ImageOps.exif_transpose(image))
    except FileNotFoundError:
        raise WrongUse(f"{path}: no such image file") from None
    except UnidentifiedImageError:
        raise WrongUse(f"{path}: not an image file; give a PNG, JPEG, BMP, WebP or TIFF") from None
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        if isinstance(error, WrongUse):
            raise
        raise WrongUse(f"{path}: the image cannot be read ({error}); save it again") from None


def _check_size(path: Path, image: Image.Image) -> None:
    if image.width * image.height > LARGEST_PIXELS:
        raise WrongUse(
            f"{path}: {image.width} x {image.height} pixels are more than {LARGEST_PIXELS}; "
            "give a smaller picture, the face is scaled to 128 x 128 anyway"
        )


def _rgb(image: Image.Image) -> Bytes:
    if image.mode.startswith("I"):
        grey = np.clip(np.asarray(image, np.int64) // SIXTEEN_BIT, 0, 255).astype(np.uint8)
        return np.repeat(grey[..., None], 3, axis=2)
    if image.mode == "F":
        raise ValueError("floating point pixels have no agreed range")
    if image.has_transparency_data:
        front = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", front.size, (*BACKGROUND, 255)), front)
    return np.array(image.convert("RGB"))


def enlarge(image_HWC: Bytes, factor: int) -> Bytes:
    """Return the picture `factor` times as large, interpolated with a Lanczos kernel."""
    if factor == 1:
        return image_HWC
    height, width = image_HWC.shape[:2]
    size = (width * factor, height * factor)
    return np.asarray(Image.fromarray(image_HWC).resize(size, Image.Resampling.LANCZOS))
