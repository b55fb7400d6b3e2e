"""The sound of a file, from time 0 of its clock."""

import wave
from pathlib import Path

import numpy as np
import pytest
import soundfile

from emotalk.media.container import probe
from emotalk.media.sound import check_length, read_sound
from emotalk.schema import Rejection
from tests.helpers.clips import RATE, tone, write_in_parts
from tests.helpers.shared import shared_data
from tests.helpers.sound import own_samples, read_audio


def test_a_wav_with_another_name_is_read_for_what_it_is(tmp_path: Path) -> None:
    path = tmp_path / "speech.mp3"
    soundfile.write(path, tone(0.5), RATE, format="WAV", subtype="PCM_24")
    np.testing.assert_allclose(read_audio(path, rate=RATE), tone(0.5), atol=1e-4)


def test_channels_are_averaged(tmp_path: Path) -> None:
    path = tmp_path / "stereo.wav"
    left, right = tone(0.5, hertz=200), tone(0.5, hertz=350)
    soundfile.write(path, np.stack([left, right], 1), RATE, subtype="FLOAT")
    np.testing.assert_allclose(read_audio(path, rate=RATE), (left + right) / 2, atol=1e-4)


def test_real_files_of_every_kind_give_sound() -> None:
    lengths = {
        "dreamtalk_ack_english.m4a": 16.57,
        "eamm_sample2.mp3": 6.316,
        "eskimez_speech01.wav": 2.903,
        "sadtalker_bus_chinese.wav": 3.376,
    }
    for name, seconds in lengths.items():
        audio = read_audio(shared_data("data", "audio", name))
        assert audio.dtype == np.float32
        assert audio.size / 8000 == pytest.approx(seconds, abs=0.01)
        assert 0.01 < np.abs(audio).max() <= 1


def test_sound_that_starts_late_is_preceded_by_silence() -> None:
    path = shared_data("data", "edge", "pyfeat_face_noface_vfr.mov")
    start = probe(path).audio_start_s
    assert start == pytest.approx(2.43, abs=0.001)
    audio = read_audio(path)
    assert not np.abs(audio[: round(start * 8000) - 100]).max() > 1e-3
    assert np.abs(audio[round(start * 8000) :]).max() > 0.1


def test_sound_of_zero_length_is_no_sound(tmp_path: Path) -> None:
    path = tmp_path / "nothing.wav"
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, RATE, 0, "NONE", ""))
    with pytest.raises(Rejection) as caught:
        read_audio(path)
    assert caught.value.reason in ("no_audio", "unreadable")


def test_silently_short_sound_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "sound.wav"
    soundfile.write(path, tone(3.0), RATE)
    promised = probe(path)
    short = read_audio(path)[: 2 * 8000]
    with pytest.raises(Rejection, match=r"2\.00 s of sound .* of the 3\.00 s") as caught:
        check_length(path, promised, short.size / 8000)
    assert caught.value.reason == "truncated_audio"


@pytest.mark.parametrize("ending", ["mkv", "nut"])
def test_gaps_are_silence_and_every_sample_keeps_its_time(tmp_path: Path, ending: str) -> None:
    rng = np.random.default_rng(0)
    smooth = np.convolve(rng.normal(0, 0.3, 48_000), np.ones(48) / 12, "same").clip(-0.9, 0.9)
    noise_S = smooth.astype(np.float32)
    parts = [(0.3, noise_S[:9600]), (0.65, noise_S[9600:24_000]), (1.45, noise_S[24_000:33_600])]
    sound = read_sound(write_in_parts(tmp_path / f"clip.{ending}", parts), rate=48_000)
    assert sound.start_s == pytest.approx(0.3, abs=0.001)
    np.testing.assert_allclose(sound.gaps_s, [(0.5, 0.65), (0.95, 1.45)], atol=0.001)
    expected_S = np.zeros(round(1.65 * 48_000), np.float32)
    for start_s, samples_S in parts:
        start = round(start_s * 48_000)
        expected_S[start : start + samples_S.size] = samples_S
    np.testing.assert_allclose(sound.between(0.0, expected_S.size), expected_S, atol=1e-3)
    own_S = own_samples(sound)
    np.testing.assert_allclose(own_S, expected_S[-own_S.size :], atol=1e-3)
    assert own_S.size == round(1.35 * 48_000)
    assert sound.silence_s(0.45, 1.0) == pytest.approx(0.2, abs=0.002)


@pytest.mark.parametrize("rate", [8_000, 11_025, 22_050, 44_100, 48_000, 96_000])
def test_a_late_part_is_resampled_onto_the_clock_s_own_samples(tmp_path: Path, rate: int) -> None:
    """A tone that begins anew after a gap has the phase of its own time."""
    t = np.arange(rate) / rate
    part_S = (0.5 * np.sin(2 * np.pi * 310 * t)).astype(np.float32)
    sound = read_sound(
        write_in_parts(tmp_path / "clip.nut", [(0.0, part_S), (1.4, part_S)], rate=rate)
    )
    inside = 1.4 + np.arange(1000, 7000) / 8000
    heard_S = sound.between(float(inside[0]), inside.size)
    expected_S = 0.5 * np.sin(2 * np.pi * 310 * (inside - 1.4))
    np.testing.assert_allclose(heard_S, expected_S, atol=0.01)


@pytest.mark.parametrize("start_s", [20_000.0, 10.0**8])
def test_sound_that_begins_or_goes_on_absurdly_late_takes_no_room(
    tmp_path: Path, start_s: float
) -> None:
    part_S = tone(0.5, rate=48_000)
    late = write_in_parts(tmp_path / "late.nut", [(start_s, part_S)])
    assert read_sound(late).samples_S.size < 8000
    gap = write_in_parts(tmp_path / "gap.nut", [(0.0, part_S), (start_s, part_S)])
    with pytest.raises(Rejection, match="by its times") as caught:
        read_sound(gap)
    assert caught.value.reason == "too_long"


def test_no_more_sound_is_read_than_there_is_room_for(tmp_path: Path) -> None:
    path = tmp_path / "long.flac"
    soundfile.write(path, np.zeros(40 * RATE), RATE)
    with pytest.raises(Rejection, match="at most 30 s"):
        read_sound(path, max_s=30)


def test_the_default_track_is_heard_not_the_first() -> None:
    audio_S = read_audio(shared_data("data", "faults", "clips", "tracks.mp4"))
    assert np.abs(audio_S).max() > 0.1
