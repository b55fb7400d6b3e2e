"""Alter frames as light, cameras, people and encoders do, and join them as editors do."""

from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import ArrayLike

from emotalk.schema import Bytes, Doubles

Alteration = Callable[[Bytes], Bytes]


def flash(frames_THWC: Bytes) -> Bytes:
    """Return frames of which two are lit from the upper side by a photographer's flash."""
    lit = frames_THWC.astype(np.float32)
    middle, height = len(lit) // 2, lit.shape[1]
    light = np.linspace(1.0, 0.3, height, dtype=np.float32)[None, :, None, None]
    lit[middle : middle + 2] = lit[middle] * 1.3 + 150 * light
    return _pixels(lit)


def white_flash(frames_THWC: Bytes) -> Bytes:
    """Return frames of which one is all white."""
    lit = frames_THWC.copy()
    lit[len(lit) // 2] = 255
    return lit


def switched_light(frames_THWC: Bytes) -> Bytes:
    """Return frames whose second half is half as bright."""
    gains = np.where(np.arange(len(frames_THWC)) < len(frames_THWC) // 2, 1.0, 0.45)
    return _pixels(frames_THWC * gains[:, None, None, None])


def fading_light(frames_THWC: Bytes) -> Bytes:
    """Return frames that become dark and light again."""
    gains = 0.25 + 0.75 * np.abs(np.linspace(-1, 1, len(frames_THWC)))
    return _pixels(frames_THWC * gains[:, None, None, None])


def shaken(frames_THWC: Bytes) -> Bytes:
    """Return frames of a camera that shakes by 1.5 % of the width from frame to frame."""
    amplitude = 0.011 * frames_THWC.shape[2]
    shifts = np.random.default_rng(0).normal(0, amplitude, (len(frames_THWC), 2))
    return _warped(frames_THWC, [_placed(shift=tuple(shift)) for shift in shifts])


def turned(frames_THWC: Bytes) -> Bytes:
    """Return frames that swing by 25 degrees either way, 1.25 times a second."""
    height, width = frames_THWC.shape[1:3]
    transforms = []
    for number in range(len(frames_THWC)):
        swing = np.sin(2 * np.pi * number / 20)
        place = np.asarray(cv2.getRotationMatrix2D((width / 2, height), 25 * swing, 1))
        place[0, 2] += 0.08 * width * swing
        transforms.append(place)
    return _warped(frames_THWC, transforms)


def zoomed(frames_THWC: Bytes) -> Bytes:
    """Return frames that are enlarged to twice their size step by step."""
    height, width = frames_THWC.shape[1:3]
    steps = np.linspace(1, 2, len(frames_THWC))
    middle = (width / 2, height / 2)
    return _warped(
        frames_THWC, [np.asarray(cv2.getRotationMatrix2D(middle, 0, step)) for step in steps]
    )


def waved(frames_THWC: Bytes) -> Bytes:
    """Return frames into which a hand comes from below and waves twice a second."""
    drawn = frames_THWC.copy()
    height, width = drawn.shape[1:3]
    for number in range(20, len(drawn)):
        x = width * (0.6 + 0.12 * np.sin(2 * np.pi * (number - 20) / 12.5))
        y = height * max(0.75, 1.3 - 0.06 * (number - 20))
        middle = (int(x), int(y))
        cv2.ellipse(
            drawn[number], middle, (width // 14, height // 7), 0, 0, 360, (200, 150, 120), -1
        )
        for finger in (-1, 0, 1):
            tip = (int(x + 0.05 * finger * width), int(y - 0.22 * height))
            cv2.line(drawn[number], middle, tip, (195, 145, 118), max(2, width // 32))
    return drawn


def grainy(frames_THWC: Bytes) -> Bytes:
    """Return frames with the noise of a sensor in the dark."""
    return _pixels(frames_THWC + np.random.default_rng(0).normal(0, 8, frames_THWC.shape))


def every_third(frames_THWC: Bytes) -> Bytes:
    """Return a third of the frames: everything moves three times as fast."""
    return frames_THWC[::3]


def stuttering(frames_THWC: Bytes) -> Bytes:
    """Return frames of which every fifth is dropped, and a stretch of eight repeats one."""
    numbers = [number for number in range(len(frames_THWC)) if number % 5]
    middle = len(numbers) // 2
    numbers[middle : middle + 8] = [numbers[middle]] * 8
    return frames_THWC[numbers]


ALTERATIONS: dict[str, Alteration] = {
    "flash": flash,
    "white flash": white_flash,
    "switched light": switched_light,
    "fading light": fading_light,
    "camera shake": shaken,
    "fast turns": turned,
    "zoom": zoomed,
    "waving hand": waved,
    "grain": grainy,
    "every third frame": every_third,
    "stutter": stuttering,
}


def hard_cut(one_THWC: Bytes, other_THWC: Bytes) -> tuple[Bytes, range]:
    """Return both joined, and the numbers of the frames that may count as the first new one."""
    return np.concatenate([one_THWC, other_THWC]), range(len(one_THWC), len(one_THWC) + 1)


def dissolve(one_THWC: Bytes, other_THWC: Bytes, *, frames: int) -> tuple[Bytes, range]:
    """Return both joined by a dissolve of so many frames, as `hard_cut` does."""
    share = np.linspace(0, 1, frames + 2)[1:-1, None, None, None]
    mixed = _pixels(one_THWC[-frames:] * (1 - share) + other_THWC[:frames] * share)
    begin = len(one_THWC) - frames
    whole = np.concatenate([one_THWC[:-frames], mixed, other_THWC[frames:]])
    return whole, range(begin, begin + frames + 4)


def through_black(one_THWC: Bytes, other_THWC: Bytes) -> tuple[Bytes, range]:
    """Return both joined by a fade to black and back of 16 frames, as `hard_cut` does."""
    gain = np.linspace(1, 0, 8)[:, None, None, None]
    parts = [one_THWC, _pixels(one_THWC[-1:] * gain), _pixels(other_THWC[:1] * gain[::-1])]
    return np.concatenate([*parts, other_THWC]), range(len(one_THWC), len(one_THWC) + 17)


def _placed(*, shift: tuple[float, ...]) -> Doubles:
    return np.array([[1, 0, shift[0]], [0, 1, shift[1]]], np.float64)


def _warped(frames_THWC: Bytes, transforms: list[Doubles]) -> Bytes:
    size = frames_THWC.shape[2], frames_THWC.shape[1]
    pairs = zip(frames_THWC, transforms, strict=True)
    warped = [
        cv2.warpAffine(frame, transform, size, borderMode=cv2.BORDER_REFLECT)
        for frame, transform in pairs
    ]
    return np.stack(warped).astype(np.uint8)


def _pixels(values: ArrayLike) -> Bytes:
    return np.clip(values, 0, 255).astype(np.uint8)
