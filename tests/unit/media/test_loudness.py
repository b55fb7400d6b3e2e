"""Levels and peaks, computed by hand."""

import math

import numpy as np
import pytest

from emotalk.media.loudness import PeakMeter, loudness_db, speech_peak

TONE = (0.5 * np.sin(2 * np.pi * 100 * np.arange(8000) / 8000)).astype(np.float32)


def test_loudness_is_that_of_the_sound_without_its_offset() -> None:
    assert loudness_db(TONE) == pytest.approx(20 * math.log10(0.5 / math.sqrt(2)), abs=1e-3)
    assert loudness_db(TONE + np.float32(0.3)) == pytest.approx(loudness_db(TONE), abs=1e-3)
    assert loudness_db(np.full(8000, 0.3, np.float32)) < -120
    assert loudness_db(np.zeros(0, np.float32)) == -math.inf


@pytest.mark.parametrize("samples", [1, 4, 40])
def test_a_click_of_milliseconds_is_no_level_of_speech(samples: int) -> None:
    clicked = 0.2 * TONE
    clicked[4000 : 4000 + samples] = 0.9
    peak, level = speech_peak(clicked)
    assert peak == pytest.approx(0.9)
    assert level == pytest.approx(0.1, rel=1e-3)


def test_the_peak_of_ordinary_sound_is_returned_to_the_bit() -> None:
    for loud in (TONE, np.append(TONE, np.float32(0.99)), TONE[:100], np.zeros(0, np.float32)):
        peak, level = speech_peak(loud)
        assert level == peak == float(np.abs(loud).max(initial=0.0))


def test_a_word_in_a_long_silence_keeps_its_peak() -> None:
    quiet = np.zeros(80_000, np.float32)
    quiet[40_000:40_800] = TONE[:800]
    assert speech_peak(quiet) == (0.5, 0.5)
    assert speech_peak(np.zeros(8000, np.float32)) == (0.0, 0.0)


def test_pieces_of_any_length_give_the_same_peaks() -> None:
    sound = np.random.default_rng(0).standard_normal(5000).astype(np.float32)
    sound[1234] = 40
    whole = speech_peak(sound)
    meter = PeakMeter()
    for piece in np.split(sound, [1, 7, 300, 301, 2999]):
        meter.add(piece)
    assert (meter.peak(), meter.speech_peak()) == whole
