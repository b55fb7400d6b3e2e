"""Convert pixels of an image with an ICC profile to sRGB."""

import io

import numpy as np
from PIL import Image, ImageCms

SPACES = {"RGB": "RGB", "GRAY": "L", "CMYK": "CMYK"}  # a profile's space -> Pillow's mode
INTENT = ImageCms.Intent.RELATIVE_COLORIMETRIC
FLAGS = ImageCms.Flags.BLACKPOINTCOMPENSATION
GREY_MODES = ("1", "L", "LA", "I")
SAME = 1  # level of 255: the largest difference by rounding


class ToSrgb:
    """Transform from one ICC profile to sRGB.

    Attributes:
        mode: Pillow's mode of its input; images of another mode are converted to it.
    """

    def __init__(self, profile: bytes) -> None:
        """Build the transform.

        Raises:
            ValueError: the profile cannot be read, or its space is not RGB, grey or CMYK.
        """
        try:
            source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            space = source.profile.xcolor_space.strip()
            self.mode = SPACES[space]
            target = ImageCms.createProfile("sRGB")
            self._transform = ImageCms.ImageCmsTransform(
                source, ImageCms.ImageCmsProfile(target), self.mode, "RGB", INTENT, flags=FLAGS
            )
        except KeyError:
            raise ValueError(f"it is a profile of {space!r}, not of RGB, grey or CMYK") from None
        except (OSError, ImageCms.PyCMSError, TypeError) as error:
            raise ValueError(f"it cannot be read ({error})") from None

    def fits(self, mode: str) -> bool:
        """Return whether the profile can describe pixels of this mode.

        A profile of RGB can also describe grey pixels.
        """
        if self.mode == "L":
            return mode in GREY_MODES or mode.startswith("I;16")
        return (self.mode == "CMYK") == (mode == "CMYK")

    def changes_anything(self) -> bool:
        """Return whether the profile differs from sRGB."""
        if self.mode != "RGB":
            return True
        steps = np.linspace(0, 255, 9).astype(np.uint8)
        colours = np.stack(np.meshgrid(steps, steps, steps), -1).reshape(27, 27, 3)
        moved = np.asarray(self(Image.fromarray(colours)), np.int16) - colours
        return bool(np.abs(moved).max() > SAME)

    def __call__(self, image: Image.Image) -> Image.Image:
        """Return the image in sRGB, mode RGB."""
        return self._transform.apply(image.convert(self.mode))
