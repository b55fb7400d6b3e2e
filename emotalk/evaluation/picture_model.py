"""Run an ONNX model that maps one picture to numbers, whatever its size, channels and layout."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from emotalk.config.evaluate_emotion import PixelsConfig
from emotalk.errors import WrongUse
from emotalk.onnx_session import open_session
from emotalk.schema import Bytes, Doubles

LARGEST_FILE = 2**30  # bytes; the largest recognition model of insightface's packs has 260 MB
LARGEST_SIDE = 1024
MOST_NUMBERS = 2**16  # of a model's first output


@dataclass(frozen=True)
class PictureModel:
    """A model of pictures.

    Attributes:
        session: of ONNX Runtime.
        height, width: of the pictures that it takes, pixels.
        channels: 3, or 1 for grey.
        channels_last: its layout is NHWC, not NCHW.
        pixels: what it gets for pixels from 0 to 255.
    """

    session: Any
    height: int
    width: int
    channels: int
    channels_last: bool
    pixels: PixelsConfig

    def run(self, picture_HWC: Bytes) -> Doubles:
        """Return the numbers of the model's first output for a uint8 RGB picture of its size, (D,).

        Raises:
            ValueError: the picture has another size.
        """
        if picture_HWC.shape != (self.height, self.width, 3):
            raise ValueError(f"picture {picture_HWC.shape}, expected {self.height} x {self.width}")
        scaled = self._channels(picture_HWC).astype(np.float64) * self.pixels.scale - np.array(
            self.pixels.mean
        )
        values = (scaled / np.array(self.pixels.std)).astype(np.float32)
        batch = (values if self.channels_last else values.transpose(2, 0, 1))[None]
        name = self.session.get_inputs()[0].name
        first = self.session.run(None, {name: np.ascontiguousarray(batch)})[0]
        return np.asarray(first, np.float64).reshape(-1)

    @property
    def colours(self) -> str:
        """Return what its channels are: `grey`, `RGB` or `BGR`."""
        is_grey = self.channels == 1 or self.pixels.order == "grey"
        return "grey" if is_grey else self.pixels.order.upper()

    def _channels(self, picture_HWC: Bytes) -> Bytes:
        """Return the channels that the model takes of an RGB picture."""
        if self.colours == "grey":
            grey_HW = cv2.cvtColor(picture_HWC, cv2.COLOR_RGB2GRAY)
            return np.asarray(grey_HW[:, :, None].repeat(self.channels, 2), np.uint8)
        return picture_HWC[:, :, ::-1] if self.pixels.order == "bgr" else picture_HWC


def open_picture_model(path: Path, pixels: PixelsConfig, key: str, *, side: int) -> PictureModel:
    """Return the model of an ONNX file, after it was run on a grey picture.

    Args:
        path: the file.
        pixels: what the model gets for pixels from 0 to 255.
        key: the setting that names the file, for messages.
        side: of the pictures, where the model takes any size.

    Raises:
        WrongUse: no such file, too large a file, or no model of single pictures.
    """
    if not path.is_file():
        raise WrongUse(f"{key}: no file {path}; give the path of an ONNX model")
    size = path.stat().st_size
    if size > LARGEST_FILE:
        raise WrongUse(
            f"{key}: {path} has {size} bytes, at most {LARGEST_FILE} are read; give a smaller model"
        )
    try:
        session = open_session(path)
        model = PictureModel(session, *_read_layout(session, side, pixels), pixels)
        grey_HWC = np.full((model.height, model.width, 3), 128, np.uint8)
        numbers = model.run(grey_HWC)
    except _Unfit as fault:
        raise WrongUse(f"{key}: {path}: {fault}; give a model of single pictures") from None
    except Exception as error:
        if not type(error).__module__.startswith("onnxruntime"):  # its errors share no own base
            raise
        raise WrongUse(
            f"{key}: {path} cannot be used as an ONNX model of pictures, give another: {error}"
        ) from None
    if not 0 < len(numbers) <= MOST_NUMBERS or not np.isfinite(numbers).all():
        raise WrongUse(
            f"{key}: {path} gives {len(numbers)} numbers for a picture, or some that are not "
            f"finite; expected 1 to {MOST_NUMBERS}"
        )
    return model


class _Unfit(Exception):  # noqa: N818  becomes a message for users at once
    """Say why a graph does not take one picture."""


def _read_layout(session: Any, side: int, pixels: PixelsConfig) -> tuple[int, int, int, bool]:
    """Return height, width, channels of the model's pictures, and whether the channels are last."""
    inputs = session.get_inputs()
    shape: Sequence[Any] = inputs[0].shape if inputs else ()
    if len(inputs) != 1 or len(shape) != 4 or inputs[0].type != "tensor(float)":
        kinds = ", ".join(f"{one.type} {one.shape}" for one in inputs)
        raise _Unfit(f"takes {kinds or 'nothing'}, expected one float tensor of four axes")
    if isinstance(shape[0], int) and shape[0] not in (1, -1):
        raise _Unfit(f"takes {shape[0]} pictures at once")
    last = shape[3] in (1, 3) and shape[1] not in (1, 3)
    channels = shape[3] if last else shape[1]
    if channels not in (1, 3):
        raise _Unfit(f"takes {list(shape)}, in which no axis of 1 or 3 channels is seen")
    sides = shape[1:3] if last else shape[2:4]
    if channels == 1 and max(len(pixels.mean), len(pixels.std)) > 1:
        raise _Unfit("takes grey pictures, so pixels.mean and pixels.std are one number each")
    height, width = (one if isinstance(one, int) and one > 0 else side for one in sides)
    if max(height, width) > LARGEST_SIDE:
        raise _Unfit(f"takes pictures of {height} x {width} pixels, at most {LARGEST_SIDE}")
    return height, width, int(channels), last
