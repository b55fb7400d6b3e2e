"""Draw the impulse response of a room, and let speech be heard in it.

The room is synthetic: the direct sound, a gap, then white noise that decays exponentially, by 60 dB
in RT60 (the statistical model of a diffuse tail: J.-D. Polack, "La transmission de l'energie sonore
dans les salles", 1988). It has no single early reflections, and one decay for all frequencies.
"""

from dataclasses import dataclass
from types import ModuleType
from typing import Self

import numpy as np
import torch
from scipy.fft import next_fast_len
from torch import Tensor

from emotalk.config.augment import ReverberationConfig
from emotalk.data.batch import upload
from emotalk.schema import SAMPLE_RATE, Floats
from emotalk.seeding import draw_seed, numpy_generator


@dataclass(frozen=True)
class RoomDraw:
    """Parameters of the room that was drawn for one clip."""

    rt60_s: float  # time in which the tail falls by 60 dB
    direct_db: float  # energy of the direct sound over that of the tail
    gap_s: float  # from the direct sound to the beginning of the tail
    seed: int  # of the tail

    @classmethod
    def of(cls, config: ReverberationConfig, seed: int, place: int, key: str) -> Self | None:
        """Return the draw of a clip, None where it stays dry.

        It is a function of seed, place in the run and sample key.
        """
        random = numpy_generator(seed, "augment-reverberation", place, key)
        if random.random() >= config.p:
            return None
        return cls(
            rt60_s=float(random.uniform(*config.rt60_s)),
            direct_db=float(random.uniform(*config.direct_db)),
            gap_s=float(random.uniform(*config.gap_s)),
            seed=draw_seed(seed, "reverberation-tail", place, key),
        )


def impulse_response(draw: RoomDraw) -> Floats:
    """Return the room's response at 8 kHz, float32 (samples,), from the direct sound on.

    The first value is the direct sound, 1. So convolution moves no sound in time: what is added
    comes after it. The tail ends where it has fallen by 60 dB.
    """
    gap = max(1, round(draw.gap_s * SAMPLE_RATE))
    samples = max(gap + 1, round(draw.rt60_s * SAMPLE_RATE))
    times_s = np.arange(gap, samples) / SAMPLE_RATE
    tail = numpy_generator(draw.seed).standard_normal(samples - gap)
    tail *= 10 ** (-3 * times_s / draw.rt60_s)
    tail *= 10 ** (-draw.direct_db / 20) / np.sqrt(np.square(tail).sum())
    response = np.zeros(samples, np.float32)
    response[0] = 1
    response[gap:] = tail
    return response


def reverberate(speech_S: Tensor, response: Floats, audio: ModuleType) -> Tensor:
    """Return speech as it is heard in a room: as long and as loud (RMS) as before, on its device.

    What was said before the window is not heard in it.

    Args:
        speech_S: float32; silence stays silence.
        response: of `impulse_response`.
        audio: `torchaudio.functional`.
    """
    samples = speech_S.shape[0]
    kept = response[:samples]
    # Zeros at the end make a length that the FFT handles quickly; a prime takes several times that.
    whole = next_fast_len(samples + len(kept) - 1, real=True)
    padded = np.zeros(whole - samples + 1, np.float32)
    padded[: len(kept)] = kept
    response_R = upload(torch.from_numpy(padded), speech_S.device).to(speech_S.dtype)
    heard_S: Tensor = audio.fftconvolve(speech_S, response_R)[:samples]
    before, after = speech_S.square().sum(), heard_S.square().sum()
    return heard_S * torch.where(after > 0, (before / after).sqrt(), 0.0)
