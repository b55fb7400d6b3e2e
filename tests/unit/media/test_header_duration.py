"""Durations come from a file's header; FFmpeg's estimates are not used."""

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
import soundfile

from emotalk.media.container import probe
from emotalk.media.sound import read_sound
from emotalk.schema import Rejection
from tests.helpers.clips import tone, write_clip
from tests.helpers.shared import shared_data
from tests.media_matrix.flash_beep import FFMPEG


def cut(path: Path, share: float) -> Path:
    data = path.read_bytes()
    path.write_bytes(data[: round(share * len(data))])
    return path


@pytest.mark.parametrize("container", ["mp4", "flv", "matroska", "avi"])
def test_a_container_with_an_index_states_its_length(tmp_path: Path, container: str) -> None:
    codec = "mp3" if container == "avi" else "aac"
    path = write_clip(tmp_path / "clip", seconds=2.0, container=container, codec=codec)
    assert probe(path).duration_s == pytest.approx(2.0, abs=0.15)


def test_a_stream_without_an_index_promises_nothing(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "clip", seconds=2.0, container="mpegts")
    info = probe(path)
    assert info.duration_s is None
    assert info.audio_duration_s is None
    read_sound(cut(path, 0.6), info=info)


@pytest.mark.parametrize(
    ("name", "seconds"),
    [("vbr_noxing.mp3", 151 * 1152 / 44_100), ("raw_adts.aac", 170 * 1024 / 44_100)],
)
def test_sound_whose_length_nobody_states_is_read_whole(name: str, seconds: float) -> None:
    path = shared_data("data", "faults", "sound", name)
    assert probe(path).duration_s is None
    assert read_sound(path).samples_S.size / 8000 == pytest.approx(seconds, abs=0.03)


def test_two_mp3s_joined_are_read_to_the_end_of_the_second() -> None:
    path = shared_data("data", "faults", "sound", "concat_xing.mp3")
    sound = read_sound(path)
    assert sound.samples_S.size / 8000 == pytest.approx(216 * 576 / 24_000, abs=0.15)
    assert sound.faults.packets == 1  # the second one's table of contents
    second_half = sound.samples_S[sound.samples_S.size // 2 + 800 :]
    assert np.abs(second_half).max() > 0.05


def test_an_mp3_with_a_table_of_contents_that_was_cut_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "speech.mp3"
    soundfile.write(path, tone(4.0, rate=44_100), 44_100, format="MP3")
    assert probe(path).duration_s == pytest.approx(4.0, abs=0.1)
    with pytest.raises(Rejection) as caught:
        read_sound(cut(path, 0.5))
    assert caught.value.reason == "truncated_audio"


@pytest.mark.skipif(FFMPEG is None, reason="no ffmpeg here: apt-get install ffmpeg")
@pytest.mark.parametrize("name", ["joined.mp3", "joined.aac"])
@pytest.mark.parametrize(
    ("rates", "channels"), [((44_100, 24_000), (2, 1)), ((22_050, 48_000), (1, 2))]
)
def test_recordings_of_other_rates_and_channels_joined_are_all_heard_at_their_pitch(
    tmp_path: Path, name: str, rates: tuple[int, int], channels: tuple[int, int]
) -> None:
    joined = tmp_path / name
    mp3_only = ["-write_xing", "0"] if joined.suffix == ".mp3" else []
    with joined.open("wb") as file:
        for rate, count in zip(rates, channels, strict=True):
            wav, part = tmp_path / "part.wav", tmp_path / f"part{joined.suffix}"
            sound_SC = np.repeat(tone(1.5, hertz=400, rate=rate)[:, None], count, 1)
            soundfile.write(wav, sound_SC, rate)
            command = [str(FFMPEG), "-v", "error", "-y", "-i", str(wav), *mp3_only, str(part)]
            subprocess.run(command, check=True)
            with part.open("rb") as source:
                shutil.copyfileobj(source, file)
    heard_S = read_sound(joined).samples_S
    assert heard_S.size / 8000 == pytest.approx(3.0, abs=0.2)
    for part_S in (heard_S[2000:10_000], heard_S[-10_000:-2000]):
        spectrum = np.abs(np.fft.rfft(part_S * np.hanning(part_S.size)))
        assert np.argmax(spectrum) == pytest.approx(400, abs=2)
        assert np.abs(part_S).max() == pytest.approx(0.25, rel=0.1)


@pytest.mark.parametrize("form", ["PCM_U8", "PCM_16", "PCM_24", "FLOAT", "ULAW"])
def test_a_wav_that_was_cut_is_refused(tmp_path: Path, form: str) -> None:
    path = tmp_path / "speech.wav"
    soundfile.write(path, tone(2.0, rate=8000), 8000, subtype=form)
    assert probe(path).duration_s == pytest.approx(2.0, abs=0.01)
    with pytest.raises(Rejection, match=r"1\.0\d s of sound could be decoded of the 2\.00 s"):
        read_sound(cut(path, 0.502))


@pytest.mark.parametrize("stated", [0, 2**31 - 37, 2**31 - 2**12, 2**32 - 1])
def test_a_wav_written_to_a_pipe_states_no_length(tmp_path: Path, stated: int) -> None:
    path = tmp_path / "speech.wav"
    soundfile.write(path, tone(2.0, rate=8000), 8000, subtype="PCM_16")
    data = bytearray(path.read_bytes())
    at = data.index(b"data") + 4
    data[at : at + 4] = stated.to_bytes(4, "little")
    path.write_bytes(data)
    assert read_sound(path).samples_S.size == 16_000


def test_compressed_sound_in_a_wav_is_not_measured_by_its_rounded_rate(tmp_path: Path) -> None:
    path = tmp_path / "speech.wav"
    soundfile.write(path, tone(3.0, rate=8000), 8000, subtype="MS_ADPCM")
    data = bytearray(path.read_bytes())
    data[28:32] = (3000).to_bytes(4, "little")  # bytes a second; 4128 are right
    path.write_bytes(data)
    assert read_sound(path).samples_S.size == pytest.approx(24_000, abs=600)


def test_a_start_that_is_late_does_not_count_into_the_length() -> None:
    info = probe(shared_data("data", "faults", "clips", "concat_shift.mkv"))
    assert info.start_s == pytest.approx(12.34)
    assert info.duration_s == pytest.approx(3.0, abs=0.01)
