"""Augment frames: one random draw for all frames of a clip and its condition image."""

from dataclasses import dataclass
from typing import Self

import torch
from kornia.enhance import adjust_brightness, adjust_contrast, adjust_gamma, shift_rgb
from torch import Tensor

from emotalk.augment.clahe import equalise_lightness
from emotalk.augment.hsv import shift_hsv
from emotalk.config.augment import DrawConfig, VideoAugmentConfig
from emotalk.schema import check_shape
from emotalk.seeding import draw_seed, numpy_generator

NUMBERS = ("brightness", "contrast", "gamma", "hue", "saturation", "value", "clahe", "noise")


@dataclass(frozen=True)
class VideoDraw:
    """Parameters drawn for one clip's frames; None where a transform was not drawn."""

    brightness: float | None  # added
    contrast: float | None  # factor
    gamma: float | None  # exponent
    hue: float | None  # degrees
    saturation: float | None  # added to S
    value: float | None  # added to V
    clahe: float | None  # clip limit
    rgb_shift: tuple[float, ...] | None  # added to each channel
    channels: tuple[int, ...] | None  # new order of the channels
    noise: float | None  # standard deviation

    @classmethod
    def of(cls, config: VideoAugmentConfig, seed: int, place: int, key: str) -> Self:
        """Return the draw of a clip: a function of seed, place in the run and sample key.

        Every number is drawn, used or not, so that the probability of one transform does not affect
        the draws of the others.
        """
        random = numpy_generator(seed, "augment-video", place, key)

        def one(draw: DrawConfig) -> float | None:
            chance, value = random.random(), random.uniform(*draw.range)
            return float(value) if chance < draw.p else None

        single = {name: one(getattr(config, name)) for name in NUMBERS}
        shifts = random.uniform(*config.rgb_shift.range, size=3)
        channels = random.permutation(3)
        shifted, shuffled = random.random(2) < (config.rgb_shift.p, config.channel_shuffle.p)
        return cls(
            **single,
            rgb_shift=tuple(map(float, shifts)) if shifted else None,
            channels=tuple(map(int, channels)) if shuffled else None,
        )


class VideoAugment:
    """Apply a separate `VideoDraw` to each clip of a batch."""

    def __init__(self, config: VideoAugmentConfig) -> None:
        self.config = config

    def __call__(
        self,
        video_BTCHW: Tensor,
        condition_BCHW: Tensor,
        *,
        keys: tuple[str, ...],
        places: tuple[int, ...],
        seed: int,
    ) -> tuple[Tensor, Tensor]:
        """Return the augmented video and condition images; all images are float RGB in [0, 1].

        `keys` and `places` in the run are the clips'.
        """
        check_shape(video_BTCHW, f"{len(keys)} T 3 H W", "augment: video")
        check_shape(condition_BCHW, f"{len(keys)} 3 H W", "augment: condition")
        frames = torch.cat([video_BTCHW, condition_BCHW.unsqueeze(1)], dim=1)
        for row, (key, place) in enumerate(zip(keys, places, strict=True)):
            draw = VideoDraw.of(self.config, seed, place, key)
            frames[row] = self._changed(frames[row], draw, draw_seed(seed, "field", place, key))
        return frames[:, :-1], frames[:, -1]

    def _changed(self, frames_NCHW: Tensor, draw: VideoDraw, noise_seed: int) -> Tensor:
        frames = _tones(frames_NCHW, draw)
        if draw.hue is not None or draw.saturation is not None or draw.value is not None:
            frames = shift_hsv(
                frames,
                hue=draw.hue or 0.0,
                saturation=draw.saturation or 0.0,
                value=draw.value or 0.0,
            )
        if draw.clahe is not None:
            tiles = self.config.clahe.tiles
            frames = equalise_lightness(frames, clip_limit=draw.clahe, tiles=tiles)
        if draw.rgb_shift is not None:
            shifts = (frames.new_full((len(frames),), shift) for shift in draw.rgb_shift)
            frames = shift_rgb(frames, *shifts)
        if draw.channels is not None:
            frames = torch.stack([frames[:, channel] for channel in draw.channels], dim=1)
        if draw.noise is not None:
            frames = _noisy(frames, draw.noise, noise_seed)
        return frames


def _tones(frames_NCHW: Tensor, draw: VideoDraw) -> Tensor:
    # Kornia copies a float to the device, which waits for it; a filled tensor is made there.
    frames = frames_NCHW
    if draw.brightness is not None:
        frames = adjust_brightness(frames, frames.new_full((), draw.brightness))
    if draw.contrast is not None:
        frames = adjust_contrast(frames, frames.new_full((), draw.contrast))
    if draw.gamma is not None:
        frames = adjust_gamma(frames, draw.gamma)
    return frames


def _noisy(frames_NCHW: Tensor, deviation: float, seed: int) -> Tensor:
    """Return frames with independent noise on each, drawn by the device's own generator."""
    generator = torch.Generator(frames_NCHW.device).manual_seed(seed)
    field = torch.empty_like(frames_NCHW).normal_(0, deviation, generator=generator)
    return field.add_(frames_NCHW).clamp_(0, 1)
