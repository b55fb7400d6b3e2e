"""Mixing to mono, computed by hand and of files."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from emotalk.media.loudness import loudness_db
from emotalk.media.mixdown import ChannelStatistics, Mixdown, mean
from emotalk.schema import Floats
from tests.helpers.shared import shared_data
from tests.helpers.sound import read_audio

RATE = 8000
VOICE = (0.3 * np.sin(np.arange(RATE) * 0.31) * np.hanning(RATE)).astype(np.float32)
HISS = (0.1 * np.random.default_rng(1).standard_normal(RATE)).astype(np.float32)


def measure(blocks_SC: list[Floats]) -> dict[int, Mixdown]:
    statistics = ChannelStatistics()
    for samples_SC in blocks_SC:
        statistics.add(samples_SC)
    return statistics.mixdowns()


def channels(*columns: NDArray[np.floating[Any]]) -> Floats:
    return np.stack(columns, axis=1).astype(np.float32)


@pytest.mark.parametrize(
    "sound_SC",
    [
        channels(VOICE),
        channels(VOICE, VOICE),
        channels(VOICE, 0 * VOICE),  # on one side only
        channels(VOICE, HISS),  # nothing in common
        channels(VOICE + HISS, VOICE - HISS),  # wide stereo
        channels(VOICE, np.roll(VOICE, 3)),  # two microphones
        channels(*[0 * VOICE] * 2, VOICE, *[0 * VOICE] * 3),  # the middle one of 5.1
        channels(VOICE + 0.009),  # an offset below the limit
        channels(0 * VOICE, 0 * VOICE),
    ],
)
def test_ordinary_channels_are_averaged_to_the_very_same_samples(sound_SC: Floats) -> None:
    mixdowns = measure([sound_SC[:3000], sound_SC[3000:]])
    assert mixdowns == {sound_SC.shape[1]: Mixdown()}
    np.testing.assert_array_equal(Mixdown().apply(sound_SC), mean(sound_SC))


@pytest.mark.parametrize(
    ("sound_SC", "channel"),
    [
        (channels(VOICE, -VOICE), 0),
        (channels(0.8 * VOICE, -VOICE), 1),
        (channels(VOICE, -VOICE + 0.05 * HISS), 1),
        (channels(VOICE, -VOICE, VOICE, -VOICE), 0),
    ],
)
def test_channels_that_cancel_each_other_leave_the_loudest(sound_SC: Floats, channel: int) -> None:
    mixdown = measure([sound_SC])[sound_SC.shape[1]]
    assert mixdown == Mixdown(channel)
    np.testing.assert_array_equal(mixdown.apply(sound_SC), sound_SC[:, channel])


def test_an_offset_is_taken_off_and_hides_no_cancelling() -> None:
    mixdown = measure([channels(VOICE + 0.4, -0.9 * VOICE + 0.2)])[2]
    assert mixdown.channel == 0
    assert mixdown.offset == pytest.approx(0.4, abs=1e-4)
    np.testing.assert_allclose(mixdown.apply(channels(VOICE + 0.4, -VOICE)), VOICE, atol=1e-4)


def test_a_number_of_channels_that_changes_is_judged_by_its_own(tmp_path: Path) -> None:
    mixdowns = measure([channels(VOICE), channels(VOICE, -VOICE), channels(VOICE)])
    assert mixdowns == {1: Mixdown(), 2: Mixdown(0)}


@pytest.mark.parametrize("rate", [8000, 44_100])
def test_files_are_read_by_these_rules(tmp_path: Path, rate: int) -> None:
    time_S = np.arange(2 * rate) / rate
    voice_S = 0.4 * np.sin(2 * np.pi * 200 * time_S) * np.sin(np.pi * time_S / 2)
    soundfile.write(tmp_path / "plain.wav", voice_S, rate, subtype="FLOAT")
    soundfile.write(tmp_path / "turned.wav", channels(voice_S, -voice_S), rate, subtype="FLOAT")
    soundfile.write(tmp_path / "offset.wav", voice_S + 0.3, rate, subtype="FLOAT")
    plain_S = read_audio(tmp_path / "plain.wav")
    assert np.abs(plain_S).max() > 0.39
    np.testing.assert_allclose(read_audio(tmp_path / "turned.wav"), plain_S, atol=1e-6)
    np.testing.assert_allclose(read_audio(tmp_path / "offset.wav"), plain_S, atol=2e-4)


def test_files_met_in_the_field() -> None:
    assert loudness_db(read_audio(shared_data("data/faults/sound/antiphase.wav"))) > -30
    assert loudness_db(read_audio(shared_data("data/faults/sound/dc_silence.wav"))) < -60
