"""Take drawn frames with a camera: lens, light of the room, tone, blur, grain and compression."""

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from emotalk.schema import Bytes, Floats
from emotalk.seeding import numpy_generator
from emotalk.synthetic.frame import FRAME_HEIGHT, FRAME_WIDTH
from emotalk.synthetic.lens import CENTRE, STRAIGHT, UNIT, Lens, bend_frame, bending_maps

RGB = tuple[float, float, float]


@dataclass(frozen=True)
class Light:
    """Light that falls on the whole frame, as factors of the drawn one."""

    direction: float = 0.0  # radians: the side that is lit
    level: float = 1.0  # of all light
    depth: float = 0.0  # of the shade on the other side, 0 to 0.7
    edge: float = 1.0  # width of the passage into shade, in face heights
    tint: RGB = (1.0, 1.0, 1.0)  # of the lit side
    shade: RGB = (1.0, 1.0, 1.0)  # of the other side
    patches: float = 0.0  # standard deviation of soft patches of light


@dataclass(frozen=True)
class Tone:
    """Describe the rendering of light by a camera; the default changes nothing."""

    gamma: float = 1.0
    contrast: float = 1.0
    brightness: float = 0.0  # of 255
    saturation: float = 1.0  # 0: black and white


@dataclass(frozen=True)
class Camera:
    """A camera, its place and the light; the same for all clips of a person."""

    seed: int  # of grain and patches
    lens: Lens = STRAIGHT
    light: Light = Light()
    tone: Tone = Tone()
    blur: float = 0.0  # pixels, standard deviation
    shrink: float = 1.0  # frame is taken this many times smaller, and enlarged
    grain: float = 0.0  # of 255, standard deviation; still, as a codec leaves it
    quality: int = 100  # of JPEG; 100: not compressed


@dataclass(frozen=True)
class _Stills:
    """Hold the arrays that all frames of a camera share."""

    maps: tuple[Floats, Floats]
    light_HWC: Floats
    colours: Floats  # (3, 3), of the saturation
    grain_HWC: NDArray[np.int16]
    curve: Bytes  # (256,)


def take_frame(camera: Camera, frame_HWC: Bytes) -> Bytes:
    """Return a drawn frame (360, 480, 3), uint8 RGB, as the camera takes it."""
    stills = _stills(camera)
    lit = cv2.multiply(bend_frame(frame_HWC, stills.maps), stills.light_HWC, dtype=cv2.CV_32F)
    taken = cv2.LUT(cv2.transform(lit, stills.colours).clip(0, 255).astype(np.uint8), stills.curve)
    if camera.shrink > 1.0:
        size = (round(FRAME_WIDTH / camera.shrink), round(FRAME_HEIGHT / camera.shrink))
        small = cv2.resize(taken, size, interpolation=cv2.INTER_AREA)
        taken = cv2.resize(small, (FRAME_WIDTH, FRAME_HEIGHT), interpolation=cv2.INTER_LINEAR)
    if camera.blur > 0.0:
        taken = cv2.GaussianBlur(taken, (0, 0), camera.blur)
    taken = np.asarray(cv2.add(taken, stills.grain_HWC, dtype=cv2.CV_8U), np.uint8)
    return taken if camera.quality >= 100 else _compressed(taken, camera.quality)


@lru_cache(maxsize=4)
def _stills(camera: Camera) -> _Stills:
    values = np.arange(256) / 255.0
    curve = 0.5 + (values**camera.tone.gamma - 0.5) * camera.tone.contrast
    curve = 255.0 * curve + camera.tone.brightness
    size = (FRAME_HEIGHT, FRAME_WIDTH, 3)
    white = numpy_generator(camera.seed, "grain").standard_normal(size).astype(np.float32)
    grain = cv2.GaussianBlur(white, (0, 0), 0.8)
    return _Stills(
        bending_maps(camera.lens),
        _light(camera),
        _colours(camera.tone.saturation),
        np.rint(grain * (camera.grain / grain.std())).astype(np.int16),
        np.clip(np.rint(curve), 0, 255).astype(np.uint8),
    )


def _colours(saturation: float) -> Floats:
    """Return the matrix (3, 3) that mixes a pixel's RGB with its grey."""
    grey = np.tile([0.299, 0.587, 0.114], (3, 1))
    return np.asarray(grey + (np.eye(3) - grey) * saturation, np.float32)


def _light(camera: Camera) -> Floats:
    """Return the factor of every pixel and channel, (H, W, 3)."""
    light = camera.light
    rows, columns = np.mgrid[0:FRAME_HEIGHT, 0:FRAME_WIDTH]
    x, y = (columns - CENTRE[0]) / UNIT, (rows - CENTRE[1]) / UNIT
    towards = np.cos(light.direction) * x + np.sin(light.direction) * y
    lit = 1.0 / (1.0 + np.exp(-4.0 * towards / light.edge))
    level = light.level * (1.0 - light.depth * (1.0 - lit))[..., None]
    colour = lit[..., None] * np.array(light.tint) + (1.0 - lit[..., None]) * np.array(light.shade)
    white = numpy_generator(camera.seed, "patches").standard_normal((FRAME_HEIGHT, FRAME_WIDTH))
    soft = cv2.GaussianBlur(white, (0, 0), 35.0)
    patches = (1.0 + light.patches * soft / soft.std()).clip(0.3, 1.7)[..., None]
    return np.asarray(level * colour * patches, np.float32)


def _compressed(frame_HWC: Bytes, quality: int) -> Bytes:
    """Return the frame after JPEG."""
    bgr = cv2.cvtColor(frame_HWC, cv2.COLOR_RGB2BGR)
    _, data = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, quality])
    return np.asarray(cv2.cvtColor(cv2.imdecode(data, cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB))
