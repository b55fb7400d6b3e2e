import io
import os
import platform
import subprocess
import sys
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emotalk.media.encode import AudioTrack, encode_video

NTSC = Fraction(30_000, 1_001)


def moving_frames(count: int, height: int = 64, width: int = 96) -> list[np.ndarray]:
    rows, columns = np.mgrid[0:height, 0:width].astype(float)
    return [
        np.stack(
            [
                128 + 100 * np.sin((columns + 3 * t) / 12),
                128 + 100 * np.sin((rows - 2 * t) / 9),
                128 + 60 * np.cos((rows + columns + t) / 15),
            ],
            axis=-1,
        ).astype(np.uint8)
        for t in range(count)
    ]


def tone(samples: int, rate: int = 44_100) -> np.ndarray:
    return (0.4 * np.sin(2 * np.pi * 440 * np.arange(samples) / rate)).astype(np.float32)


def decoded(source: Path | io.BytesIO, kind: str) -> list[np.ndarray]:
    with av.open(str(source) if isinstance(source, Path) else source) as container:
        if kind == "video":
            return [f.to_ndarray(format="rgb24") for f in container.decode(video=0)]
        return [f.to_ndarray() for f in container.decode(audio=0)]


@pytest.mark.parametrize("container", ["mp4", "flv", "matroska"])
def test_every_frame_and_the_frame_rate_come_back(tmp_path: Path, container: str) -> None:
    frames, target = moving_frames(31), tmp_path / "clip.bin"
    encode_video(target, frames, fps=NTSC, container=container, options={"crf": "12"})
    back = decoded(target, "video")
    assert len(back) == 31
    error = np.asarray(back, float) - np.asarray(frames, float)
    assert 10 * np.log10(255**2 / np.mean(error**2)) > 32
    with av.open(str(target)) as read:
        assert float(read.streams.video[0].average_rate) == pytest.approx(float(NTSC), rel=2e-3)


def test_frames_keep_their_order_and_time(tmp_path: Path) -> None:
    levels = [20, 60, 100, 140, 180, 220]
    target = tmp_path / "steps.mp4"
    encode_video(target, (np.full((64, 64, 3), v, np.uint8) for v in levels), fps=Fraction(25))
    with av.open(str(target)) as read:
        seen = [(float(f.time), f.to_ndarray(format="rgb24").mean()) for f in read.decode(video=0)]
    assert [time for time, _ in seen] == pytest.approx([i / 25 for i in range(6)])
    assert [level for _, level in seen] == pytest.approx(levels, abs=2)


def test_colours_are_not_swapped_or_shifted(tmp_path: Path) -> None:
    for colour in ([220, 40, 40], [40, 200, 60], [40, 60, 220]):
        target = tmp_path / "colour.mp4"
        encode_video(
            target,
            [np.full((64, 64, 3), colour, np.uint8)] * 3,
            fps=Fraction(25),
            pixel_format="yuv444p",
            options={"crf": "1"},
        )
        np.testing.assert_allclose(decoded(target, "video")[1][32, 32], colour, atol=4)


def test_plain_samples_come_back_exactly_in_flv(tmp_path: Path) -> None:
    sound, target = tone(50_001), tmp_path / "clip.flv"
    encode_video(
        target,
        moving_frames(30),
        fps=NTSC,
        container="flv",
        audio=AudioTrack(sound, 44_100, codec="pcm_s16le"),
    )
    back = np.concatenate(decoded(target, "audio"), axis=-1)[0]
    np.testing.assert_array_equal(back, np.rint(sound * 32767).astype(np.int16))


def test_aac_in_mp4_starts_in_time_and_is_not_cut_off(tmp_path: Path) -> None:
    sound, target = tone(40_000, 8_000) * np.float32(0.01), tmp_path / "clip.mp4"
    sound[2_000:2_040] = 0.9
    sound[39_900:39_940] = 0.9
    audio = AudioTrack(sound, 8_000)
    encode_video(target, moving_frames(125), fps=Fraction(25), audio=audio)
    back = np.concatenate(decoded(target, "audio"), axis=-1)[0]
    assert len(back) >= 40_000
    assert len(decoded(target, "video")) == 125
    assert abs(int(np.argmax(np.abs(back[:20_000]))) - 2_020) < 40
    assert abs(int(np.argmax(np.abs(back[20_000:]))) + 20_000 - 39_920) < 40


def test_stereo_keeps_its_sides(tmp_path: Path) -> None:
    target = tmp_path / "stereo.flv"
    both = np.stack([tone(44_100), 0 * tone(44_100)], axis=-1)
    track = AudioTrack(both, 44_100, codec="pcm_s16le")
    encode_video(target, moving_frames(30), fps=NTSC, container="flv", audio=track)
    with av.open(str(target)) as read:
        assert read.streams.audio[0].channels == 2
    packed = np.concatenate(decoded(target, "audio"), axis=-1)[0].reshape(-1, 2)
    assert np.abs(packed[:, 0]).max() > 12_000
    assert np.abs(packed[:, 1]).max() == 0


@settings(max_examples=8, deadline=None)
@given(st.integers(1, 12), st.sampled_from(["mp4", "flv", "matroska"]), st.integers(0, 9_000))
def test_the_same_input_gives_the_same_bytes(count: int, container: str, samples: int) -> None:
    written = []
    for _ in range(2):
        target = io.BytesIO()
        audio = AudioTrack(tone(samples), 44_100) if samples else None
        frames = moving_frames(count, 32, 32)
        encode_video(target, frames, fps=Fraction(25), container=container, audio=audio)
        written.append(target.getvalue())
    assert written[0] == written[1]


DIRTY = """
import hashlib, io
from fractions import Fraction
from emotalk.media.encode import encode_video
from tests.unit.media.test_encode import moving_frames
for side in (32, 48, 130):
    for options in ({}, {"bf": "0", "mbtree": "1"}):  # as videos to look at and as shards are made
        target = io.BytesIO()
        encode_video(target, moving_frames(14, side, side), fps=Fraction(25), options=options)
        print(side, options, hashlib.sha256(target.getvalue()).hexdigest())
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="another C library than glibc")
def test_the_bytes_do_not_depend_on_what_lay_in_memory_before() -> None:
    command = [sys.executable, "-c", DIRTY]
    written = {
        subprocess.run(
            command, env={**os.environ, "MALLOC_PERTURB_": dirt}, capture_output=True, check=True
        ).stdout
        for dirt in ("0", "85", "170")  # what glibc fills new memory with
    }
    assert len(written) == 1


def test_an_mp4_at_a_path_has_its_index_in_front(tmp_path: Path) -> None:
    target = tmp_path / "clip.mp4"
    encode_video(target, moving_frames(5), fps=Fraction(25), metadata={"comment": "made here"})
    content = target.read_bytes()
    assert content.index(b"moov") < content.index(b"mdat")
    with av.open(str(target)) as read:
        assert read.metadata["comment"] == "made here"


def test_a_failure_leaves_the_old_file_and_no_half_file(tmp_path: Path) -> None:
    target = tmp_path / "clip.mp4"
    target.write_bytes(b"what was there")

    def breaks_off() -> Iterator[np.ndarray]:
        yield from moving_frames(4)
        raise RuntimeError("no more frames")

    with pytest.raises(RuntimeError, match="no more frames"):
        encode_video(target, breaks_off(), fps=Fraction(25))
    assert target.read_bytes() == b"what was there"
    assert list(tmp_path.iterdir()) == [target]


@pytest.mark.parametrize(
    ("frames", "message"),
    [
        ([], "no frames"),
        ([np.zeros((64, 64, 3), np.float32)], "expected uint8"),
        ([np.zeros((64, 64), np.uint8)], "expected uint8"),
        ([np.zeros((64, 64, 3), np.uint8), np.zeros((64, 62, 3), np.uint8)], "one size"),
        ([np.zeros((63, 64, 3), np.uint8)], "even height and width"),
    ],
)
def test_wrong_frames_are_named(tmp_path: Path, frames: list[np.ndarray], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        encode_video(tmp_path / "clip.mp4", frames, fps=Fraction(25))
    assert not any(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("samples", "message"),
    [
        (np.zeros((10, 3), np.float32), "expected"),
        (np.array([0.0, np.nan], np.float32), "not finite"),
    ],
)
def test_wrong_sound_is_named(samples: np.ndarray, message: str) -> None:
    audio = AudioTrack(samples, 8_000)
    with pytest.raises(ValueError, match=message):
        encode_video(io.BytesIO(), moving_frames(2), fps=Fraction(25), audio=audio)
