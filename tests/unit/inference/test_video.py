import os
from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np
import pytest

from emotalk.errors import WrongUse
from emotalk.inference.video import (
    SOUND_RATE,
    check_length,
    check_output,
    video_format,
    write_talking_video,
)
from emotalk.media.encode import AudioTrack
from emotalk.media.gif import read_comment
from emotalk.schema import Bytes, Floats

FRAMES = 31
SAMPLES = round(30.4 / 25 * SOUND_RATE)  # the last frame is not full


def frames() -> Bytes:
    ramp = np.linspace(0, 255, 128).astype(np.uint8)
    picture = np.stack([*np.meshgrid(ramp, ramp), np.full((128, 128), 90, np.uint8)], -1)
    return np.stack([np.roll(picture, step, axis=1) for step in range(FRAMES)])


def sound() -> Floats:
    noise = np.random.default_rng(0).normal(size=SAMPLES)
    smooth = np.convolve(noise, np.hanning(40), "same")
    return np.asarray(0.5 * smooth / np.abs(smooth).max(), np.float32)


def track(samples: Floats) -> AudioTrack:
    return AudioTrack(samples, SOUND_RATE)


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("video") / "a.mp4"
    write_talking_video(path, frames(), track(sound()), provenance="Seed: 3.")
    return path


def test_browsers_play_it(video: Path) -> None:
    with av.open(str(video)) as container:
        picture, sound = container.streams.video[0], container.streams.audio[0]
        assert (picture.codec_context.name, picture.codec_context.pix_fmt) == ("h264", "yuv420p")
        assert (sound.codec_context.name, sound.codec_context.sample_rate) == ("aac", 48000)
        assert picture.average_rate == 25


def test_the_index_stands_before_the_media(video: Path) -> None:
    content = video.read_bytes()
    assert 0 < content.index(b"moov") < content.index(b"mdat")


def test_nothing_is_cut_off(video: Path) -> None:
    with av.open(str(video)) as container:
        picture, sound = container.streams.video[0], container.streams.audio[0]
        assert picture.frames == FRAMES
        durations = [float(s.duration * s.time_base) for s in (picture, sound)]
        assert abs(durations[0] - durations[1]) <= 0.04
        assert durations[1] >= SAMPLES / SOUND_RATE - 1e-3


def test_the_sound_is_the_recording_in_its_place(video: Path) -> None:
    with av.open(str(video)) as container:
        pieces = [f.to_ndarray()[0] for f in container.decode(audio=0)]
    heard = np.concatenate(pieces)[:SAMPLES]
    middle = slice(4800, SAMPLES - 4800)
    assert np.corrcoef(heard[middle], sound()[middle])[0, 1] > 0.99


def test_the_pictures_are_those_given(video: Path) -> None:
    with av.open(str(video)) as container:
        seen = np.stack([f.to_ndarray(format="rgb24") for f in container.decode(video=0)])
    assert np.abs(seen.astype(int) - frames().astype(int)).mean() < 4


def test_the_file_says_that_it_is_synthetic_and_how_it_was_made(video: Path) -> None:
    with av.open(str(video)) as container:
        tags = container.metadata
    assert "Synthetic video made by emotalk" in tags["title"]
    assert "never said or felt this" in tags["comment"]
    assert "Seed: 3." in tags["comment"]


def test_a_webm_file_has_picture_and_sound_for_browsers(tmp_path: Path) -> None:
    path = tmp_path / "a.WebM"
    samples = AudioTrack(sound(), SOUND_RATE, "libopus")
    write_talking_video(path, frames(), samples, provenance="Seed: 3.")
    with av.open(str(path)) as container:
        picture, heard = container.streams.video[0], container.streams.audio[0]
        assert picture.codec_context.name in ("vp9", "libvpx-vp9")
        assert heard.codec_context.name in ("opus", "libopus")
        seen = np.stack([f.to_ndarray(format="rgb24") for f in container.decode(video=0)])
        assert container.metadata["COMMENT"].endswith("Seed: 3.")
    assert len(seen) == FRAMES
    assert np.abs(seen.astype(int) - frames().astype(int)).mean() < 5
    with av.open(str(path)) as container:
        pieces = [f.to_ndarray()[0] for f in container.decode(audio=0)]
    played = np.concatenate(pieces)[:SAMPLES]
    middle = slice(4800, SAMPLES - 4800)
    assert np.corrcoef(played[middle], sound()[middle])[0, 1] > 0.99


def test_a_gif_says_that_it_is_synthetic_too(tmp_path: Path) -> None:
    path = tmp_path / "a.gif"
    assert video_format(path).sound_codec is None
    write_talking_video(path, frames(), None, provenance="Seed: 3.")
    assert "never said or felt this. Seed: 3." in read_comment(path)
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.gif"]


def test_a_gif_of_more_than_a_minute_is_refused(tmp_path: Path) -> None:
    check_length(tmp_path / "a.gif", 1500)
    check_length(tmp_path / "a.mp4", 1501)
    with pytest.raises(WrongUse, match=r"too long for a GIF, .* name a \.mp4 or \.webm file"):
        check_length(tmp_path / "a.gif", 1501)


def test_a_failure_leaves_no_file_behind(tmp_path: Path) -> None:
    def broken() -> Iterator[Bytes]:
        yield frames()[0]
        raise RuntimeError("no more")

    with pytest.raises(RuntimeError, match="no more"):
        write_talking_video(tmp_path / "a.mp4", broken(), track(sound()), provenance="")
    assert list(tmp_path.iterdir()) == []


def test_an_existing_file_is_kept_unless_told_otherwise(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    path.write_bytes(b"mine")
    with pytest.raises(
        WrongUse, match=r"exists already; .* --overwrite \(in Python: overwrite=True\)"
    ):
        check_output(path)
    check_output(path, overwrite=True)
    assert path.read_bytes() == b"mine"


def test_an_output_that_is_no_video_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(WrongUse, match=r"must end in \.mp4, \.webm or \.gif.* a\.mp4$"):
        check_output(tmp_path / "a.avi")
    for name in ("b.mp4", "videos"):
        (tmp_path / name).mkdir()
        with pytest.raises(WrongUse, match=f"is a folder; name a file.*{name}/video.mp4$"):
            check_output(tmp_path / name)


def test_an_output_in_no_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(WrongUse, match="does not exist; make it first"):
        check_output(tmp_path / "none" / "a.mp4")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_an_output_in_a_locked_folder_is_refused(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(WrongUse, match="cannot be written: Permission denied"):
        check_output(tmp_path / "a.mp4")


def test_an_output_where_nobody_may_write_is_refused() -> None:
    with pytest.raises(WrongUse, match="cannot be written"):
        check_output(Path("/proc/a.mp4"))


@pytest.mark.parametrize(
    "name",
    [b"out:1.mp4", b"12:30.mp4", b"caf\xe9.mp4", b"%d#?.mp4", b"-x.mp4", b"n" * 251 + b".mp4"],
)
def test_a_video_may_have_any_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: bytes
) -> None:
    monkeypatch.chdir(tmp_path)  # no folder stands before the name
    path = Path(os.fsdecode(name))
    check_output(path)
    write_talking_video(
        path, frames()[:3], track(sound()[:5000]), provenance=f"Picture: {path.name}."
    )
    assert os.listdir(os.fsencode(tmp_path)) == [name]
    with path.open("rb") as file, av.open(file) as container:
        assert container.metadata["comment"].endswith(".mp4.")
