"""Augment speech: draw a shift, a room, noise at a signal-to-noise ratio, and a gain."""

from dataclasses import dataclass
from typing import Self

import numpy as np
import torch
from torch import Tensor

from emotalk.augment.reverberation import RoomDraw, impulse_response, reverberate
from emotalk.augment.time_shift import draw_shift, shifted
from emotalk.config.augment import SpeechAugmentConfig
from emotalk.data.batch import upload
from emotalk.errors import WrongUse
from emotalk.media.torchaudio_cpu import functional
from emotalk.schema import SAMPLE_RATE, Floats, check_shape
from emotalk.seeding import draw_seed, numpy_generator

PINK_FLOOR_HZ = 20.0  # below it the pink spectrum is flat; else most of its power would lie there


@dataclass(frozen=True)
class SpeechDraw:
    """Parameters drawn for one clip's speech; None where a transform was not drawn."""

    gain_db: float | None
    noise: str | None  # white, pink or babble
    snr_db: float  # within what is heard
    seed: int  # of the noise

    @classmethod
    def of(cls, config: SpeechAugmentConfig, seed: int, place: int, key: str) -> Self:
        """Return the draw of a clip: a function of seed, place in the run and sample key."""
        random = numpy_generator(seed, "augment-speech", place, key)
        gain_chance, noise_chance = random.random(2)
        gain_db = float(random.uniform(*config.gain.range))
        snr_db = float(random.uniform(*config.noise.snr_db))
        kind = config.noise.kinds[int(random.integers(len(config.noise.kinds)))]
        return cls(
            gain_db=gain_db if gain_chance < config.gain.p else None,
            noise=kind if noise_chance < config.noise.p else None,
            snr_db=snr_db,
            seed=draw_seed(seed, "speech-noise", place, key),
        )


class SpeechAugment:
    """Apply a separate `RoomDraw` and `SpeechDraw` to each clip of a batch.

    First a shift in time, then the room, then noise, whose ratio is to the reverberant speech, then
    the gain.
    """

    def __init__(self, config: SpeechAugmentConfig) -> None:
        self.config = config
        self.audio = functional()

    def __call__(
        self,
        speech_BS: Tensor,
        *,
        keys: tuple[str, ...],
        places: tuple[int, ...],
        seed: int,
        babble_BS: Tensor | None = None,
    ) -> Tensor:
        """Return the augmented speech; values may leave [-1, 1], nothing is clipped.

        `keys` and `places` in the run are the clips'; `babble_BS` is the sum of other clips.

        Raises:
            WrongUse: babble is drawn and the batch has none.
        """
        check_shape(speech_BS, f"{len(keys)} S", "augment: speech")
        changed = speech_BS.clone()
        for row, (key, place) in enumerate(zip(keys, places, strict=True)):
            if samples := draw_shift(self.config.shift, seed, place, key):
                changed[row] = shifted(changed[row], samples)
            room = RoomDraw.of(self.config.reverberation, seed, place, key)
            draw = SpeechDraw.of(self.config, seed, place, key)
            if room is not None:
                changed[row] = reverberate(changed[row], impulse_response(room), self.audio)
            if draw.noise is not None:
                babble_S = None if babble_BS is None else babble_BS[row]
                changed[row] = self._noisy(changed[row], draw, babble_S)
            if draw.gain_db is not None:
                changed[row] = self.audio.gain(changed[row], draw.gain_db)
        return changed

    def _noisy(self, speech_S: Tensor, draw: SpeechDraw, babble_S: Tensor | None) -> Tensor:
        if draw.noise == "babble":
            if babble_S is None:
                raise WrongUse(
                    "augment.speech.noise.kinds has babble, which is other clips' speech: set "
                    "data.babble_voices to how many talk at once, e.g. 4, or take babble out"
                )
            noise_S = babble_S
        else:
            noise = _coloured(draw.seed, speech_S.shape[0], pink=draw.noise == "pink")
            noise_S = upload(torch.from_numpy(noise), speech_S.device).to(speech_S.dtype)
        noisy_S = self.audio.add_noise(speech_S, noise_S, speech_S.new_full((), draw.snr_db))
        # Silence has no power to set a ratio by.
        return torch.where(noise_S.any() & speech_S.any(), noisy_S, speech_S)


def _coloured(seed: int, samples: int, *, pink: bool) -> Floats:
    """Return white noise, or pink: power falls by 3 dB an octave above `PINK_FLOOR_HZ`."""
    white = numpy_generator(seed).standard_normal(samples)
    if not pink:
        return white.astype(np.float32)
    hertz = np.fft.rfftfreq(samples, 1 / SAMPLE_RATE)
    spectrum = np.fft.rfft(white) / np.sqrt(np.maximum(hertz, PINK_FLOOR_HZ))
    return np.fft.irfft(spectrum, samples).astype(np.float32)
