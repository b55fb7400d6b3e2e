"""Vary lips and speech as other people, landmark models, cameras and rooms would.

Every draw comes from the given generator. Letters as in `features`.
"""

import math
from dataclasses import dataclass

import torch
from torch import Generator, Tensor
from torch.nn import functional as F

from emotalk.lip_sync.features import LIPS

# The lip point on the other side of the mouth, for each.
MIRRORED = (6, 5, 4, 3, 2, 1, 0, 11, 10, 9, 8, 7, 16, 15, 14, 13, 12, 19, 18, 17)


@dataclass(frozen=True)
class Draws:
    """Draws one number or field a clip, from one generator."""

    generator: Generator
    clips: int

    def normal(self, *sizes: int) -> Tensor:
        """Return standard normal numbers (B, *sizes)."""
        return torch.randn(self.clips, *sizes, generator=self.generator)

    def uniform(self, low: float, high: float, *sizes: int) -> Tensor:
        """Return numbers between two limits (B, *sizes)."""
        return low + (high - low) * torch.rand(self.clips, *sizes, generator=self.generator)

    def happens(self, share: float, *sizes: int) -> Tensor:
        """Return 1 for about this share of clips, 0 for the others (B, *sizes)."""
        return (torch.rand(self.clips, *sizes, generator=self.generator) < share).float()


def vary_lips(lips_BTLP: Tensor, generator: Generator) -> Tensor:
    """Return lips of another face, seen by another camera and another landmark model."""
    draws = Draws(generator, len(lips_BTLP))
    mirror_LP = lips_BTLP[:, :, list(MIRRORED)] * torch.tensor([-1.0, 1.0])
    lips_BTLP = torch.where(draws.happens(0.5, 1, 1, 1) > 0, mirror_LP, lips_BTLP)
    lips_BTLP = torch.einsum("btlp,bqp->btlq", lips_BTLP, _view(draws))
    mean_B1LP = lips_BTLP.mean(1, keepdim=True)
    motion_BTLP = _other_model(lips_BTLP - mean_B1LP, draws)
    motion_BTLP = _noise(motion_BTLP, draws)
    return mean_B1LP + 0.05 * draws.normal(1, LIPS, 2) + _repeat_frames(motion_BTLP, draws)


def _view(draws: Draws) -> Tensor:
    """Return a rotation in the picture times a scale of each axis (B, 2, 2)."""
    angle_B = 0.12 * draws.normal()
    cos_B, sin_B = angle_B.cos(), angle_B.sin()
    rotation_BPP = torch.stack(
        [torch.stack([cos_B, -sin_B], -1), torch.stack([sin_B, cos_B], -1)], -2
    )
    return rotation_BPP * torch.exp(0.2 * draws.normal(1, 2))


def _other_model(motion_BTLP: Tensor, draws: Draws) -> Tensor:
    """Return motion whose points move more or less, into each other, and smoothed in time."""
    motion_BTLP = motion_BTLP * torch.exp(0.25 * draws.normal(1, LIPS, 2))
    mixing_BDD = torch.eye(2 * LIPS) + 0.06 * draws.normal(2 * LIPS, 2 * LIPS)
    motion_BTLP = (motion_BTLP.flatten(-2) @ mixing_BDD).reshape(motion_BTLP.shape)
    before, after = _neighbours(motion_BTLP)
    smooth_BTLP = (before + 2 * motion_BTLP + after) / 4
    share_B111 = draws.happens(0.3, 1, 1, 1) * draws.uniform(0, 1, 1, 1, 1)
    return torch.lerp(motion_BTLP, smooth_BTLP, share_B111)


def _noise(motion_BTLP: Tensor, draws: Draws) -> Tensor:
    """Return motion with noise of each point, and with a slow drift that all points share."""
    strength_B111 = motion_BTLP.square().mean((1, 2, 3), keepdim=True).sqrt()
    level_B111 = 0.25 * torch.exp(0.8 * draws.normal(1, 1, 1))
    noise_BTLP = level_B111 * draws.normal(*motion_BTLP.shape[1:])
    walk_BT = draws.normal(motion_BTLP.shape[1]).cumsum(1)
    walk_BT = (walk_BT - walk_BT.mean(1, keepdim=True)) / (walk_BT.std(1, keepdim=True) + 1e-6)
    drift_BTLP = walk_BT[:, :, None, None] * draws.normal(1, LIPS, 2)
    drift_BTLP = 0.4 * draws.uniform(0, 1, 1, 1, 1) * drift_BTLP
    return motion_BTLP + strength_B111 * (noise_BTLP + drift_BTLP)


def _repeat_frames(motion_BTLP: Tensor, draws: Draws) -> Tensor:
    """Return motion in which some frames show what the one before does, as at a low frame rate."""
    repeated_BT = draws.happens(0.15, motion_BTLP.shape[1]) * draws.happens(0.3, 1)
    before, _ = _neighbours(motion_BTLP)
    return torch.lerp(motion_BTLP, before, repeated_BT[:, :, None, None])


def _neighbours(x_BTLP: Tensor) -> tuple[Tensor, Tensor]:
    """Return each frame's neighbour before and after; the ends are their own."""
    before = torch.cat([x_BTLP[:, :1], x_BTLP[:, :-1]], 1)
    return before, torch.cat([x_BTLP[:, 1:], x_BTLP[:, -1:]], 1)


def vary_speech(power_BJF: Tensor, generator: Generator) -> Tensor:
    """Return spectra of the same speech in another room, recorder and codec, with other sounds."""
    draws = Draws(generator, len(power_BJF))
    power_BJF = _narrow_band(power_BJF * _equaliser(power_BJF.shape[2], draws), draws)
    power_BJF = _add_noise(power_BJF, draws)
    other_BJF = power_BJF[torch.randperm(len(power_BJF), generator=generator)]
    babble_B11 = draws.happens(0.25, 1, 1) * _from_db(-draws.uniform(8, 28, 1, 1))
    return _reverberate(power_BJF + babble_B11 * other_BJF, draws)


def _equaliser(frequencies: int, draws: Draws) -> Tensor:
    """Return a smooth gain of each frequency (B, 1, F)."""
    place_F = torch.linspace(-1, 1, frequencies)
    tilt = 1.2 * draws.normal(1, 1) * place_F
    bow = 0.8 * draws.normal(1, 1) * torch.cos(math.pi * place_F)
    wave = 0.6 * draws.normal(1, 1) * torch.cos(2 * math.pi * place_F)
    return torch.exp(tilt + bow + wave)


def _narrow_band(power_BJF: Tensor, draws: Draws) -> Tensor:
    """Return spectra of which a quarter lose what lies above some frequency."""
    place_F = torch.linspace(0, 1, power_BJF.shape[2])
    lost_B1F = draws.happens(0.25, 1, 1) * (place_F > draws.uniform(0.4, 0.9, 1, 1))
    return power_BJF * (1 - 0.999 * lost_B1F)


def _add_noise(power_BJF: Tensor, draws: Draws) -> Tensor:
    """Return spectra with white to low noise, 5 to 40 dB below the speech."""
    frequencies = power_BJF.shape[2]
    fall_F = torch.linspace(0, 4, frequencies)
    colour_B1F = torch.exp(-draws.uniform(0, 1, 1, 1) * fall_F)
    level_B1F = (
        colour_B1F / colour_B1F.mean(2, keepdim=True) * _from_db(-draws.uniform(5, 40, 1, 1))
    )
    speech_B11 = power_BJF.mean((1, 2), keepdim=True)
    noise_BJF = torch.empty_like(power_BJF).exponential_(generator=draws.generator)
    return power_BJF + speech_B11 * level_B1F * noise_BJF


def _reverberate(power_BJF: Tensor, draws: Draws, spectra: int = 30) -> Tensor:
    """Return spectra of which a third get an exponential tail of 0.1 to 0.6 s (to -60 dB)."""
    decay_B1 = torch.exp(-math.log(1000) * 0.01 / draws.uniform(0.1, 0.6, 1))
    tail_BS = decay_B1 ** torch.arange(spectra, 0, -1) * (1 - decay_B1)
    wet_B1 = draws.happens(0.3, 1) * draws.uniform(0, 0.3, 1)
    clips, count, _ = power_BJF.shape
    padded_FBJ = F.pad(power_BJF.permute(2, 0, 1), (spectra, 0))
    echo_FBJ = F.conv1d(padded_FBJ, (wet_B1 * tail_BS)[:, None], groups=clips)[..., :count]
    return power_BJF + echo_FBJ.permute(1, 2, 0)


def _from_db(decibels: Tensor) -> Tensor:
    return 10 ** (decibels / 10)


def stretch(lips_TLP: Tensor, power_JF: Tensor, factor: float) -> tuple[Tensor, Tensor]:
    """Return lips and speech of someone who talks `factor` times as fast."""
    frames = int(len(lips_TLP) / factor)
    spectra = frames * (len(power_JF) // len(lips_TLP))
    lips_TLP = _resize(lips_TLP.flatten(1), frames).reshape(frames, *lips_TLP.shape[1:])
    return lips_TLP, _resize(power_JF, spectra)


def _resize(x_TD: Tensor, length: int) -> Tensor:
    return F.interpolate(x_TD.T[None], size=length, mode="linear", align_corners=False)[0].T
