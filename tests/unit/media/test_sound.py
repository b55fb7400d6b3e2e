"""Any file gives its sound from time 0 of its clock."""

import wave
from pathlib import Path

import numpy as np
import pytest
import soundfile

from emotalk.media.container import probe
from emotalk.media.sound import _check_length, read_audio
from emotalk.schema import Rejection
from tests.helpers.clips import RATE, tone
from tests.helpers.shared import shared_data


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
        _check_length(path, promised, short.size / 8000)
    assert caught.value.reason == "truncated_audio"
