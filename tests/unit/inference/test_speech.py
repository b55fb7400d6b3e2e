import errno
from pathlib import Path

import numpy as np
import pytest
import soundfile

from emotalk.errors import WrongUse
from emotalk.inference.speech import network_speech, read_speech
from emotalk.media.loudness import loudness_db
from emotalk.media.sound_source import SpooledSound
from emotalk.schema import Floats
from tests.helpers.clips import write_in_parts
from tests.helpers.shared import shared_data
from tests.helpers.sound import read_all
from tests.helpers.tiny_model import tiny_facts


def recording(path: Path, samples_S: Floats, rate: int = 16000) -> Path:
    soundfile.write(path, samples_S, rate)
    return path


def tone(seconds: float, rate: int = 16000, level: float = 0.3) -> Floats:
    times = np.arange(round(seconds * rate)) / rate
    return (level * np.sin(2 * np.pi * 220 * times)).astype(np.float32)


def test_speech_and_sound_last_equally_long(tmp_path: Path) -> None:
    speech = read_speech(recording(tmp_path / "a.wav", tone(1.01)))
    assert read_all(speech.speech).size == 8080
    assert read_all(speech.sound).size == 48480
    assert speech.frames == 26


def test_stereo_is_averaged_and_pitch_kept(tmp_path: Path) -> None:
    stereo = np.stack([tone(1.0), np.zeros(16000, np.float32)], 1)
    speech = read_speech(recording(tmp_path / "a.flac", stereo))
    spectrum = np.abs(np.fft.rfft(read_all(speech.speech)))
    assert spectrum.argmax() == 220
    assert np.abs(read_all(speech.speech)).max() == pytest.approx(0.15, rel=0.02)


def test_loudness_of_a_full_scale_sine_is_minus_three_db() -> None:
    assert loudness_db(tone(1.0, level=1.0)) == pytest.approx(-3.01, abs=0.01)


@pytest.mark.parametrize("level", [0.0, 1e-4])
def test_silence_is_refused_with_its_level(tmp_path: Path, level: float) -> None:
    with pytest.raises(WrongUse, match=r"silent: its level is -(inf|8\d) dB.*-60 dB"):
        read_speech(recording(tmp_path / "a.wav", tone(1.0, level=level)))


def test_quiet_speech_is_accepted(tmp_path: Path) -> None:
    assert read_speech(recording(tmp_path / "a.wav", tone(1.0, level=0.005))).frames == 25


def test_less_than_a_frame_is_refused(tmp_path: Path) -> None:
    with pytest.raises(WrongUse, match="30 ms of sound are shorter than one frame"):
        read_speech(recording(tmp_path / "a.wav", tone(0.03)))


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", r"/a\.wav: 0 bytes; name"),
        (
            b"no sound at all, only words " * 9,
            r"/a\.wav: not a media file that FFmpeg reads \(Invalid data found [a-z ]+\); give",
        ),
        (
            b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n",
            r"/a\.wav: .*git-lfs pointer.*git lfs pull",
        ),
    ],
)
def test_what_holds_no_sound_is_refused(tmp_path: Path, content: bytes, reason: str) -> None:
    path = tmp_path / "a.wav"
    path.write_bytes(content)
    with pytest.raises(WrongUse, match=reason):
        read_speech(path)


def test_a_missing_recording_is_refused(tmp_path: Path) -> None:
    with pytest.raises(WrongUse, match="no such file"):
        read_speech(tmp_path / "a.wav")


@pytest.mark.parametrize(("name", "unlike"), [("drawn_voice_click", 0.002), ("drawn_voice_dc", 0)])
def test_clicks_and_offsets_leave_the_generator_the_speech_as_it_is_without(
    name: str, unlike: float, caplog: pytest.LogCaptureFixture
) -> None:
    """At most this share of the samples differs: those of the click itself."""
    heard = {}
    for file in ("drawn_voice", name):
        speech = read_speech(shared_data(f"data/faults/sound/{file}.wav"))
        heard[file] = network_speech(read_all(speech.speech), tiny_facts(), frames=speech.frames)
    away_S = np.abs(heard[name] - heard["drawn_voice"])
    assert np.mean(away_S > 0.04) <= unlike
    assert np.median(away_S) < 0.002
    assert ("times as loud as the speech" in caplog.text) == (name == "drawn_voice_click")


def test_an_offset_alone_is_silent() -> None:
    with pytest.raises(WrongUse, match=r"dc_silence\.wav: silent"):
        read_speech(shared_data("data/faults/sound/dc_silence.wav"))


def test_turned_channels_are_speech() -> None:
    speech = read_speech(shared_data("data/faults/sound/antiphase.wav"))
    assert loudness_db(read_all(speech.speech)) > -30


def test_speech_of_a_video_begins_with_its_sound_and_keeps_its_gaps(tmp_path: Path) -> None:
    sound_S = tone(0.5, rate=48_000)
    path = write_in_parts(tmp_path / "clip.mkv", [(0.3, sound_S), (1.0, sound_S)])
    speech = read_speech(path)
    assert read_all(speech.sound).size == round(1.2 * 48_000)
    loud = (
        np.abs(read_all(speech.sound).reshape(-1, 4800)).max(1) > 0.1
    )  # of each tenth of a second
    np.testing.assert_array_equal(loud, [True] * 5 + [False] * 2 + [True] * 5)


def test_a_recording_beyond_the_limit_is_refused_with_advice_that_works(tmp_path: Path) -> None:
    path = recording(tmp_path / "a.wav", tone(4.0))
    with pytest.raises(WrongUse, match=r"a\.wav: its sound .* at most 3 s .*; cut the record"):
        read_speech(path, max_s=3.0)
    assert read_speech(recording(tmp_path / "b.wav", tone(2.9)), max_s=3.0).frames == 73


def test_no_room_for_the_decoded_sound_is_one_message(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(SpooledSound, "add", full)
    with pytest.raises(WrongUse, match=r"No space left on device; an hour takes .* TMPDIR"):
        read_speech(recording(tmp_path / "a.wav", tone(1.0)))


def test_what_is_done_to_a_recording_is_told_unless_it_is_refused(
    caplog: pytest.LogCaptureFixture,
) -> None:
    read_speech(shared_data("data/faults/sound/antiphase.wav"))
    assert "antiphase.wav: its channels cancel each other, channel" in caplog.text
    caplog.clear()
    with pytest.raises(WrongUse, match="silent"):
        read_speech(shared_data("data/faults/sound/dc_silence.wav"))
    assert caplog.text == ""
