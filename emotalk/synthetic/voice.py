"""Synthesise speech from an articulation track by formants.

Source-filter model (Fant 1960): glottal pulses and white noise, filtered by the frequency response
of the vocal tract over time. The response is a product of second-order resonators (Klatt 1980),
applied to overlapping short-time spectra.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.fft import irfft, rfft
from scipy.signal.windows import hann

from emotalk.schema import Doubles, Floats
from emotalk.synthetic.articulation import Articulation

VOICE_RATE = 44_100
HOP = 220  # 5 ms
WINDOW = 4 * HOP  # the windows then add up to 2 everywhere
SPECTRUM = 2048
BANDWIDTHS_HZ = (70.0, 100.0, 150.0, 250.0)
F4_HZ = 3500.0
LIFT_HZ = 1500.0  # radiation and higher formants amplify frequencies above
OPEN_SHARE = 0.62  # open quotient: share of a glottal period
FLOOR = 2e-4  # of background noise, so that silence is not digital zero


@dataclass(frozen=True)
class Delivery:
    """Prosody of a sentence."""

    pitch_hz: float  # mean of the fundamental
    pitch_range: float  # range of the melody; 1 is normal, 0 monotone
    energy: float  # loudness, 1 is normal
    breath: float  # share of noise in the voice, 0 to 1
    tremble: float  # depth of a vibrato of 6 Hz, 0 to 1
    tract: float  # formant frequencies relative to the average voice (short tracts above 1)


def speak(articulation: Articulation, delivery: Delivery, generator: np.random.Generator) -> Floats:
    """Return the sound of `articulation`: float32 in [-1, 1] at `VOICE_RATE`.

    Its length is the track's, to the nearest sample.
    """
    samples = round(articulation.duration_s * VOICE_RATE)
    times_s = np.arange(samples) / VOICE_RATE
    pitch = _pitch(articulation, delivery, times_s, generator)
    pulses = _glottal_pulses(pitch)
    hiss = generator.standard_normal(samples)
    moments_s = np.arange(samples // HOP + 1) * HOP / VOICE_RATE
    f_hz = np.arange(SPECTRUM // 2 + 1) * VOICE_RATE / SPECTRUM
    loudness = articulation.at(articulation.voice * (0.25 + 0.75 * articulation.opening), moments_s)
    tract_NF = _tract_response(articulation, delivery.tract, moments_s, f_hz) * loudness[:, None]
    noise_NF = _noise_response(articulation, delivery.tract, moments_s, f_hz)
    breath_NF = 0.25 * delivery.breath * np.abs(tract_NF)
    sound_NF = _spectra(pulses) * tract_NF + _spectra(hiss) * (noise_NF + breath_NF)
    sound = _overlapped(sound_NF)[:samples]
    return _levelled(sound, delivery.energy, hiss)


def _levelled(sound: Doubles, energy: float, hiss: Doubles) -> Floats:
    """Return the sound scaled by the energy, softly limited below 1."""
    scaled = sound * (0.30 * energy / np.quantile(np.abs(sound), 0.99))
    return np.asarray(np.tanh(scaled) * 0.95 + FLOOR * np.clip(hiss, -3, 3), np.float32)


def _pitch(
    articulation: Articulation,
    delivery: Delivery,
    times_s: Doubles,
    generator: np.random.Generator,
) -> Doubles:
    """Return the fundamental in Hz: declination, accents, a final fall, vibrato and jitter."""
    begin_s, end_s = articulation.speech_s
    place = np.clip((times_s - begin_s) / (end_s - begin_s), 0.0, 1.0)
    melody = 0.12 - 0.24 * place - 0.18 * np.clip(place - 0.85, 0.0, 1.0) / 0.15
    for accent_s in articulation.accents_s:
        melody = melody + 0.22 * np.exp(-0.5 * ((times_s - accent_s) / 0.09) ** 2)
    wobble = delivery.tremble * 0.08 * np.sin(2 * np.pi * 6.0 * times_s)
    knots_s = np.arange(0.0, times_s[-1] + 0.02, 0.01)
    jitter = np.interp(times_s, knots_s, generator.normal(0.0, 0.006, len(knots_s)))
    return np.asarray(delivery.pitch_hz * np.exp(melody * delivery.pitch_range + wobble + jitter))


def _glottal_pulses(pitch_hz: Doubles) -> Doubles:
    """Return the derivative of the glottal flow x^2 (1 - x) over a period's open share."""
    phase = np.cumsum(pitch_hz / VOICE_RATE) % 1.0
    x = np.clip(phase / OPEN_SHARE, 0.0, 1.0)
    pulses = np.where(phase < OPEN_SHARE, 2.0 * x - 3.0 * x * x, 0.0)
    return np.asarray(pulses - pulses.mean())


def _spectra(signal: Doubles) -> NDArray[np.complex64]:
    """Return the spectrum (N, F) of the signal around every `HOP`-th sample."""
    padded = np.pad(signal.astype(np.float32), (WINDOW // 2, WINDOW // 2 + HOP))
    count = len(signal) // HOP + 1
    windows = np.lib.stride_tricks.sliding_window_view(padded, WINDOW)[::HOP][:count]
    shaped = windows * hann(WINDOW, sym=False).astype(np.float32)
    return np.asarray(rfft(shaped, SPECTRUM, axis=1), np.complex64)


def _overlapped(spectra_NF: NDArray[np.complex64]) -> Doubles:
    """Return the signal of these spectra by overlap-add."""
    pieces = irfft(spectra_NF, SPECTRUM, axis=1)
    hops = -(-SPECTRUM // HOP)
    pieces = np.pad(pieces, ((0, 0), (0, hops * HOP - SPECTRUM)))
    total = np.zeros((len(pieces) + hops, HOP))
    for hop in range(hops):
        total[hop : hop + len(pieces)] += pieces[:, hop * HOP : (hop + 1) * HOP]
    return np.asarray(total.ravel()[WINDOW // 2 :] / 2.0)


def _tract_response(
    articulation: Articulation, tract: float, moments_s: Doubles, f_hz: Doubles
) -> NDArray[np.complex64]:
    """Return the response (N, F) of the vocal tract over time."""
    nasal = articulation.at(articulation.nasal, moments_s)
    f1 = articulation.at(articulation.f1, moments_s) * (1 - nasal) + 270.0 * nasal
    formants_N = (
        f1,
        articulation.at(articulation.f2, moments_s),
        articulation.at(articulation.f3, moments_s),
        np.full_like(f1, F4_HZ),
    )
    response = np.ones((len(moments_s), len(f_hz)), np.complex64)
    for centre_N, width in zip(formants_N, BANDWIDTHS_HZ, strict=True):
        response *= _resonance(f_hz, tract * centre_N[:, None], width)
    response *= np.sqrt(1.0 + (f_hz / LIFT_HZ) ** 2).astype(np.float32)
    above = f_hz > 1.6 * f1[:, None]
    damped = np.where(above, 1.0 - 0.6 * nasal[:, None], 1.0).astype(np.float32)
    return np.asarray(response * damped)


def _resonance(f_hz: Doubles, centre_hz: Doubles, width_hz: float) -> NDArray[np.complex64]:
    """Return a second-order resonance with gain 1 at 0 Hz."""
    square = (centre_hz**2).astype(np.float32)
    f = f_hz.astype(np.float32)
    turning = (np.complex64(1j * width_hz) * f).astype(np.complex64)
    return np.asarray(square / (square - f * f + turning))


def _noise_response(
    articulation: Articulation, tract: float, moments_s: Doubles, f_hz: Doubles
) -> Floats:
    """Return the gain (N, F) of hiss and bursts: a wide peak around their centre."""
    centre_N = tract * articulation.at(articulation.noise_hz, moments_s)
    width_N = articulation.at(articulation.noise_width_hz, moments_s)
    distance_NF = ((f_hz - centre_N[:, None]) / width_N[:, None]).astype(np.float32)
    level_N = articulation.at(articulation.noise, moments_s)
    level = (0.35 * level_N[:, None]).astype(np.float32)
    return np.asarray(level / (1.0 + distance_NF**2), np.float32)
