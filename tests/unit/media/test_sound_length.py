"""The length of a recording by its packets, whatever its header says."""

from pathlib import Path

import numpy as np
import pytest
import soundfile

from emotalk.media.encode import AudioTrack, encode_audio
from emotalk.media.sound_length import is_longer_than


@pytest.mark.parametrize("name", ["a.wav", "a.flac", "a.ogg", "a.mp3"])
def test_seconds_are_told_apart(tmp_path: Path, name: str) -> None:
    soundfile.write(tmp_path / name, 0.1 * np.sin(np.arange(3 * 16000) / 7), 16000)
    assert is_longer_than(tmp_path / name, 2.8)
    assert not is_longer_than(tmp_path / name, 3.3)


def test_a_container_s_sound_is_measured(tmp_path: Path) -> None:
    track = AudioTrack(np.zeros(3 * 16000, np.float32), 16000)
    encode_audio(tmp_path / "a.m4a", track)
    assert is_longer_than(tmp_path / "a.m4a", 2.8)
    assert not is_longer_than(tmp_path / "a.m4a", 3.3)


def test_a_header_that_lies_is_not_believed(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", np.zeros(3 * 16000), 16000)
    data = bytearray((tmp_path / "a.wav").read_bytes())
    place = data.index(b"data") + 4
    data[place : place + 4] = (0xFFFFFFFF).to_bytes(4, "little")  # as streamed WAVs say
    (tmp_path / "a.wav").write_bytes(data)
    assert is_longer_than(tmp_path / "a.wav", 2.8)
    assert not is_longer_than(tmp_path / "a.wav", 3.3)


def test_what_is_no_sound_is_for_the_decoder_to_refuse(tmp_path: Path) -> None:
    (tmp_path / "a.wav").write_bytes(b"no sound")
    assert not is_longer_than(tmp_path / "a.wav", 1.0)
