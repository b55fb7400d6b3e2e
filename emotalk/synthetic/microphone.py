"""Record a drawn voice with a microphone in a room: colouring, reflections and background noise."""

from dataclasses import dataclass

import numpy as np
from scipy.fft import irfft, next_fast_len, rfft, rfftfreq

from emotalk.schema import Doubles, Floats
from emotalk.seeding import numpy_generator
from emotalk.synthetic.voice import VOICE_RATE

BANDS_HZ = (60.0, 125.0, 250.0, 500.0, 1000.0, 2000.0, 4000.0, 8000.0, 22_050.0)
DIRECT_S = 0.004  # reflections that come earlier colour the voice only


@dataclass(frozen=True)
class Microphone:
    """A microphone and its room; the same for all clips of a person."""

    seed: int  # of the room's reflections
    gains_db: tuple[float, ...]  # at each of `BANDS_HZ`
    decay_s: float = 0.0  # time in which reflections fade by 60 dB; 0: none
    reflections: float = 0.0  # their energy, the direct sound's being 1
    noise_db: float = -70.0  # background noise, of the voice's mean power


def record(microphone: Microphone, audio_S: Floats, generator: np.random.Generator) -> Floats:
    """Return a voice (S,) at 44.1 kHz as the microphone records it, at its old peak level.

    `generator` draws the background noise, brown as that of rooms is (its power falls with the
    frequency).
    """
    voice = audio_S.astype(np.float64)
    size = next_fast_len(len(voice) + int(microphone.decay_s * VOICE_RATE))
    f_hz = rfftfreq(size, 1.0 / VOICE_RATE)
    gain_db = np.interp(np.log(np.maximum(f_hz, 1.0)), np.log(BANDS_HZ), microphone.gains_db)
    response = 10.0 ** (gain_db / 20.0) * rfft(_room(microphone), size)
    sound = irfft(rfft(voice, size) * response, size)[: len(voice)]
    shaped = rfft(generator.standard_normal(len(voice)))
    f_noise = np.maximum(rfftfreq(len(voice), 1.0 / VOICE_RATE), 60.0)
    noise = irfft(shaped / f_noise, len(voice))
    power = sound.std() * 10.0 ** (microphone.noise_db / 20.0)
    sound = sound + noise * (power / max(float(noise.std()), 1e-12))
    peak = max(float(np.abs(sound).max()), 1e-9)
    return np.asarray(sound * (float(np.abs(audio_S).max()) / peak), np.float32)


def _room(microphone: Microphone) -> Doubles:
    """Return the room's response to an impulse: the direct sound and a fading tail of noise."""
    count = int(microphone.decay_s * VOICE_RATE)
    first = int(DIRECT_S * VOICE_RATE)
    if count <= first or microphone.reflections <= 0.0:
        return np.ones(1)
    tail = numpy_generator(microphone.seed, "room").standard_normal(count)
    tail *= 10.0 ** (-3.0 * np.arange(count) / count)
    tail[:first] = 0.0
    tail *= np.sqrt(microphone.reflections / np.square(tail).sum())
    tail[0] = 1.0
    return np.asarray(tail)
