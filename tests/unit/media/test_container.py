"""Files that are no complete media files are rejected by reason."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
from PIL import Image

from emotalk.media.container import unwrap_timestamp
from emotalk.media.frames import read_video
from emotalk.schema import Rejection
from tests.helpers.clips import RATE, tone, write_clip
from tests.helpers.sound import read_audio


def lfs_pointer(path: Path) -> Path:
    path.write_text(
        "version https://git-lfs.github.com/spec/v1\noid sha256:10dc3fd1\nsize 265922\n"
    )
    return path


def empty(path: Path) -> Path:
    path.write_bytes(b"")
    return path


def noise(path: Path) -> Path:
    path.write_bytes(np.random.Generator(np.random.PCG64(1)).bytes(5000))
    return path


def text(path: Path) -> Path:
    path.write_text("I am no video\n" * 50)
    return path


def folder(path: Path) -> Path:
    path.mkdir()
    return path


def dangling(path: Path) -> Path:
    path.symlink_to(path.with_name("gone.flv"))
    return path


def absent(path: Path) -> Path:
    return path


@pytest.mark.parametrize(
    ("make", "reason", "advice"),
    [
        (lfs_pointer, "git_lfs_pointer", "git lfs pull"),
        (empty, "empty_file", "0 bytes"),
        (noise, "unreadable", "not a media file"),
        (text, "unreadable", "not a media file"),
        (folder, "missing", "a folder"),
        (dangling, "missing", "dangling link"),
        (absent, "missing", "no such file"),
    ],
)
def test_what_is_no_media_file_is_named(
    tmp_path: Path, make: Callable[[Path], Path], reason: str, advice: str
) -> None:
    path = make(tmp_path / "clip.flv")
    for read in (read_video, read_audio):
        with pytest.raises(Rejection, match=advice) as caught:
            read(path)
        assert caught.value.reason == reason


@pytest.mark.parametrize("suffix", ["png", "jpg", "webp", "bmp", "tiff", "gif"])
def test_a_photograph_holds_no_sound(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"face.{suffix}"
    Image.fromarray(np.full((64, 64, 3), 90, np.uint8)).save(path)
    with pytest.raises(Rejection, match="holds no audio stream") as caught:
        read_audio(path)
    assert caught.value.reason == "no_audio"


def test_a_play_list_is_refused_by_its_kind(tmp_path: Path) -> None:
    path = tmp_path / "speech.wav"
    path.write_text("ffconcat version 1.0\nfile other.wav\n")
    with pytest.raises(Rejection, match=r"files of the kind concat are not opened") as caught:
        read_audio(path)
    assert caught.value.reason == "unreadable"


def test_a_missing_stream_is_named(tmp_path: Path) -> None:
    mute = write_clip(tmp_path / "mute.flv", silent_file=True)
    with pytest.raises(Rejection) as caught:
        read_audio(mute)
    assert caught.value.reason == "no_audio"
    wav = tmp_path / "sound.wav"
    soundfile.write(wav, tone(0.5), RATE)
    with pytest.raises(Rejection) as caught:
        read_video(wav)
    assert caught.value.reason == "no_video"


def verdict_on(path: Path) -> str:
    """Return the reason for which a file is refused when read to its end, or "read"."""
    try:
        read_audio(path)
        list(read_video(path))
    except Rejection as rejection:
        return rejection.reason
    return "read"


def test_an_mp4_cut_in_half_is_refused(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "clip.mp4", seconds=3.0, container="mp4")
    assert verdict_on(path) == "read"
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])
    assert verdict_on(path) in ("unreadable", "truncated_audio")


def test_an_flv_cut_in_half_gives_no_more_than_it_holds(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "clip.flv", seconds=3.0)
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])
    assert read_audio(path).size / 8000 < 2.5
    assert len(read_video(path)) < 75


@pytest.mark.parametrize(
    ("stamp", "meant"),
    [
        (0, 0),
        (40, 40),
        (2**31 - 160, -160),
        (2**32 + 40, 40),
        (2**31 + 40, 40),
        (2**30 - 1, 2**30 - 1),
    ],
)
def test_an_flv_s_31_bits_hold_times_before_0(stamp: int, meant: int) -> None:
    assert unwrap_timestamp(stamp, "flv") == meant


def test_other_containers_stamps_are_what_they_are() -> None:
    assert unwrap_timestamp(2**31 - 160, "mpegts") == 2**31 - 160
