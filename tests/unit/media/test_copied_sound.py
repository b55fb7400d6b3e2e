"""Copied sound is the file's own, to the last bit, and at its time beside the picture."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from emotalk.media.copied_sound import CopiedSound, copied_sound
from emotalk.media.encode import encode_video
from emotalk.schema import Bytes, Floats

RATE = 48_000
SECONDS = 2


def write_sound(path: Path, codec: str, container: str) -> None:
    """Write two seconds of stereo noise with a click in the left channel at 1 s."""
    noise = np.random.default_rng(0).normal(0, 0.05, (2, RATE * SECONDS))
    noise = np.stack([np.convolve(channel, np.hanning(30), "same") for channel in noise])
    noise[0, RATE : RATE + 20] += 0.6
    with av.open(str(path), "w", format=container) as output:
        stream = output.add_stream(codec, rate=RATE, layout="stereo")
        for start in range(0, RATE * SECONDS, 1024):
            part = np.ascontiguousarray(noise[:, start : start + 1024].astype(np.float32))
            frame = av.AudioFrame.from_ndarray(part, format="fltp", layout="stereo")
            frame.sample_rate, frame.pts, frame.time_base = RATE, start, Fraction(1, RATE)
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))


def heard(path: Path) -> tuple[float, Floats]:
    """Return the time of the first sample that a player plays, and all of them (2, S)."""
    with av.open(str(path)) as container:
        frames = list(container.decode(audio=0))
        to_float = av.AudioResampler(format="fltp")
        parts = [part.to_ndarray() for frame in frames for part in to_float.resample(frame)]
        return float(frames[0].time or 0.0), np.concatenate(parts, 1)


def pictures() -> Bytes:
    return np.zeros((SECONDS * 25, 64, 64, 3), np.uint8)


def write_video(path: Path, container: str, sound: CopiedSound) -> None:
    codec = {"mp4": "libx264", "webm": "libvpx"}[container]
    encode_video(path, pictures(), fps=Fraction(25), container=container, codec=codec, audio=sound)


@pytest.mark.parametrize(
    ("codec", "source", "container"),
    [
        ("aac", "mp4", "mp4"),
        ("aac", "adts", "mp4"),
        ("libmp3lame", "mp3", "mp4"),
        ("libmp3lame", "mp4", "mp4"),
        ("libopus", "ogg", "mp4"),
        ("libopus", "ogg", "webm"),
        ("libopus", "webm", "webm"),
        ("libopus", "webm", "mp4"),
        ("libopus", "mp4", "webm"),
    ],
)
def test_every_sample_is_the_original_at_its_time(
    tmp_path: Path, codec: str, source: str, container: str
) -> None:
    recording, video = tmp_path / "sound", tmp_path / f"video.{container}"
    write_sound(recording, codec, source)
    sound = copied_sound(recording, container)
    assert sound is not None
    write_video(video, container, sound)
    _, before = heard(recording)
    start_s, after = heard(video)
    # From the first sample that is heard in the recording on, which is time 0 of the video.
    shift = round(start_s * RATE)
    click = int(np.abs(before[0, RATE - 4000 : RATE + 4000]).argmax()) + RATE - 4000
    found = int(np.abs(after[0]).argmax())
    assert abs(found + shift - click) <= RATE // 1000  # WebM counts in milliseconds
    wanted = before[:, click - 9000 : click + 9000]
    np.testing.assert_array_equal(after[:, found - 9000 : found + 9000], wanted)
    with av.open(str(video)) as opened:
        assert opened.streams.audio[0].codec_context.layout.name == "stereo"


@pytest.mark.parametrize(
    ("codec", "source", "container"),
    [
        ("pcm_s16le", "wav", "mp4"),
        ("flac", "flac", "mp4"),
        ("aac", "mp4", "webm"),
        ("libmp3lame", "mp3", "webm"),
        ("aac", "matroska", "mp4"),
        ("aac", "mp4", "gif"),
    ],
)
def test_what_the_container_or_its_players_do_not_take_is_not_copied(
    tmp_path: Path, codec: str, source: str, container: str
) -> None:
    write_sound(tmp_path / "sound", codec, source)
    assert copied_sound(tmp_path / "sound", container) is None


@pytest.mark.parametrize("content", [b"", b"no sound", b"ID3" + b"\x00" * 500])
def test_a_damaged_file_is_not_copied(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "sound").write_bytes(content)
    assert copied_sound(tmp_path / "sound", "mp4") is None


def test_the_same_sound_gives_the_same_bytes(tmp_path: Path) -> None:
    write_sound(tmp_path / "a.m4a", "aac", "mp4")
    sound = copied_sound(tmp_path / "a.m4a", "mp4")
    assert sound is not None
    for name in ("a.mp4", "b.mp4"):
        write_video(tmp_path / name, "mp4", sound)
    assert (tmp_path / "a.mp4").read_bytes() == (tmp_path / "b.mp4").read_bytes()
