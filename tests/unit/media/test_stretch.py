"""Stretches of minutes-long recordings: the frames of the whole file, in step with the sound."""

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from itertools import islice
from pathlib import Path

import numpy as np
import pytest

from emotalk.media import stretch_frames, stretch_sound
from emotalk.media.frames import VideoFrames, read_video
from emotalk.media.scan import scan
from emotalk.media.sound import read_sound
from emotalk.media.stretch_frames import Span, StretchFrames, crc_of, part_of, read_stretch
from emotalk.media.stretch_sound import read_stretch_sound
from emotalk.schema import Bytes, Floats, Rejection
from tests.media_matrix.cases import AAC, MP3, MPEG4, OPUS, VP8
from tests.media_matrix.flash_beep import FFMPEG, RATE, Recipe, write_clip

SECONDS = 24.0  # the slow test takes minutes
MINUTES = 130.0
EVERY_S = 2.37  # between two flashes
SPANS = (Span(0.0, 3.0), Span(13.234, 17.5), Span(19.04, 23.5))
LATE_SPANS = (Span(61.234, 68.0), Span(120.04, 126.5))
LONG_GOP = ("-c:v", "libx264", "-preset", "ultrafast", "-x264-params", "scenecut=0", "-g", "250")
B_FRAMES = (*LONG_GOP, "-bf", "3")
OPEN_GOP = (
    *LONG_GOP[:4], "-bf", "3", "-x264-params", "open-gop=1:keyint=50:min-keyint=50:scenecut=0",
)  # fmt: skip
NTSC = Fraction(30000, 1001)


SOUGHT = [
    Recipe("mp4", "mp4", B_FRAMES),
    Recipe("mkv", "mkv", B_FRAMES),
    Recipe("webm", "webm", (*VP8, "-cpu-used", "8"), OPUS),
    Recipe("ts", "ts", B_FRAMES),
    Recipe("mp4_vfr", "mp4", B_FRAMES, every=2, fps=Fraction(30)),
    Recipe("mp4_cut", "mp4", B_FRAMES, then=(("-c", "copy"),), input_options=("-ss", "3.9")),
    Recipe("ts_late_sound", "ts", B_FRAMES, sound_from_s=0.7),
    Recipe("mp4_late_sound", "mp4", B_FRAMES, sound_from_s=0.7),
    Recipe("mkv_vfr", "mkv", B_FRAMES, every=2, fps=NTSC),
    Recipe("ts_wraps", "ts", B_FRAMES, AAC, ("-output_ts_offset", "95400.0")),
    Recipe("mkv_open_gop", "mkv", OPEN_GOP),
]
QUICK = 7  # of these; the slow test tries all
IN_ORDER = [
    Recipe("avi_b_frames", "avi", B_FRAMES, MP3),
    Recipe("avi", "avi", MPEG4, MP3),
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if FFMPEG is None:
        pytest.skip("needs Debian's ffmpeg: apt-get install ffmpeg")
    return tmp_path_factory.mktemp("recordings")


def written(case: Recipe, folder: Path, seconds: float = SECONDS) -> Path:
    """Return the recording of a recipe, written once."""
    at_s = tuple(np.arange(1.3, seconds - 1, EVERY_S).round(3).tolist())
    long = replace(case, name=f"{case.name}_{seconds:g}", seconds=seconds, at_s=at_s)
    path = folder / f"{long.name}{'-0' if case.then else ''}.{case.suffix}"
    return path if path.exists() else write_clip(long, folder)


def stretch_of(path: Path, span: Span, *, seeks: bool) -> StretchFrames:
    video = read_video(path)
    crc = crc_of(part_of(video.stamps, video.info, span))
    first = span.contains(video.times_s).start
    return read_stretch(path, span, first=first, stamps_crc=crc, seeks=seeks)


def pictures(video: VideoFrames, inside: slice) -> list[Bytes]:
    """Return some frames of a file that is read in order."""
    frames = islice(scan(video), inside.start, inside.stop)
    return [frame.rgb() for frame in frames if frame is not None]


def flashes(frames: StretchFrames) -> list[float]:
    bright = np.array([frame.mean() > 200 for frame in frames])
    return [float(frames.times_s[n]) for n in np.flatnonzero(bright[1:] & ~bright[:-1]) + 1]


def beeps(audio_S: Floats) -> list[float]:
    """Return the onsets of sound at 8 kHz."""
    loud = np.flatnonzero(np.convolve(np.abs(audio_S), np.ones(40) / 40, "same") > 0.15)
    return [float(n) / 8000 for n in loud[np.diff(loud, prepend=-8000) > 4000]]


@pytest.mark.parametrize("case", SOUGHT[:QUICK], ids=lambda case: case.name)
def test_a_seek_finds_the_frames_of_the_whole_file_in_step_with_the_sound(
    folder: Path, case: Recipe
) -> None:
    check_spans(written(case, folder), case, SPANS)


@pytest.mark.slow
@pytest.mark.parametrize("case", SOUGHT, ids=lambda case: case.name)
def test_so_it_does_after_minutes(folder: Path, case: Recipe) -> None:
    check_spans(written(case, folder, MINUTES), case, LATE_SPANS)


def check_spans(path: Path, case: Recipe, spans: Sequence[Span]) -> None:
    """Compare the stretches with the whole file, and their flashes with their beeps."""
    whole = read_video(path)
    frame_s = 1.5 / float(case.fps) * case.every
    for span in (span for span in spans if span.end_s < whole.times_s[-1]):
        frames = stretch_of(path, span, seeks=span.start_s > 0)
        inside = span.contains(whole.times_s)
        np.testing.assert_allclose(frames.times_s, whole.times_s[inside] - span.start_s, atol=1e-6)
        expected = pictures(whole, inside)
        np.testing.assert_array_equal(np.stack(list(frames)), np.stack(expected))
        sound = read_stretch_sound(path, whole.info, span, seeks=True)
        heard = beeps(sound.between(0.0, round(8000 * (span.end_s - span.start_s))))
        seen = flashes(frames)
        assert seen
        for flash in seen:
            assert min(abs(flash - beep) for beep in heard) <= frame_s


@pytest.mark.parametrize("case", IN_ORDER, ids=lambda case: case.name)
def test_where_time_stamps_lack_the_stream_is_decoded_from_its_beginning(
    folder: Path, case: Recipe
) -> None:
    path, span = written(case, folder), SPANS[1]
    whole = read_video(path)
    frames = stretch_of(path, span, seeks=False)
    inside = span.contains(whole.times_s)
    expected = pictures(whole, inside)
    np.testing.assert_array_equal(np.stack(list(frames)), np.stack(expected))
    heard = beeps(read_stretch_sound(path, whole.info, span, seeks=False).between(0.0, 8000 * 4))
    seen = [flash for flash in flashes(frames) if flash < 3.9]
    assert seen
    assert all(min(abs(flash - beep) for beep in heard) <= 0.04 for flash in seen)


def test_a_seek_that_lands_behind_the_stretch_is_noticed(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = written(SOUGHT[0], folder)
    monkeypatch.setattr(stretch_frames, "BEFORE_S", (-8.0,))
    with pytest.raises(Rejection, match=r"file_changed.*13\.234 and 17\.500 s are not"):
        stretch_of(path, SPANS[1], seeks=True)
    assert len(stretch_of(path, SPANS[1], seeks=False)) == 107
    monkeypatch.setattr(stretch_frames, "BEFORE_S", (-8.0, 0.5))  # then further back
    assert len(stretch_of(path, SPANS[1], seeks=True)) == 107


@pytest.mark.parametrize("before_s", [(-8.0,), (-8.0, 1.0)])
def test_a_seek_that_lands_within_the_sound_of_the_stretch_is_noticed(
    folder: Path, before_s: tuple[float, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    path, span = written(SOUGHT[0], folder), Span(13.234, 22.5)
    info = read_video(path).info
    expected = read_stretch_sound(path, info, span, seeks=True).between(0.0, 8000)
    monkeypatch.setattr(stretch_sound, "BEFORE_S", before_s)
    found = read_stretch_sound(path, info, span, seeks=True).between(0.0, 8000)
    assert np.abs(expected).max() > 0.01
    np.testing.assert_allclose(found, expected, atol=1e-4)


def test_frames_of_another_file_are_refused(folder: Path) -> None:
    path = written(SOUGHT[0], folder)
    for seeks in (True, False):
        with pytest.raises(Rejection, match="file_changed"):
            read_stretch(path, SPANS[1], first=0, stamps_crc=1, seeks=seeks)


@pytest.mark.parametrize("suffix", ["mp4", "mkv", "ts"])
def test_the_sound_after_a_seek_is_that_of_the_whole_file(folder: Path, suffix: str) -> None:
    """Matroska's times are whole milliseconds, to which a seek aligns the sound anew."""
    case = next(case for case in SOUGHT if case.name == suffix)
    path = written(case, folder)
    whole, span, rate = read_sound(path, rate=RATE), SPANS[1], RATE
    sound = read_stretch_sound(path, read_video(path).info, span, seeks=True, rate=rate)
    assert -1.0 < sound.start_s < 0
    samples = round(rate * (span.end_s - span.start_s))
    expected_S, found_S = whole.between(span.start_s, samples), sound.between(0.0, samples)
    most = RATE // 200 if suffix == "mkv" else 0  # 5 ms
    offsets = range(-most, most + 1)
    middle = slice(RATE // 100, -RATE // 100)
    apart = min(float(np.abs(np.roll(found_S, n) - expected_S)[middle].max()) for n in offsets)
    assert apart < 0.01


def test_a_stretch_without_sound_is_named(folder: Path) -> None:
    path = written(Recipe("short_sound", "mkv", B_FRAMES, sound_to_s=9.0), folder)
    with pytest.raises(Rejection, match=r"no_audio: .* no sound between"):
        read_stretch_sound(path, read_video(path).info, SPANS[2], seeks=True)


def test_frames_by_number_are_the_right_ones_with_open_gops(folder: Path) -> None:
    """decord's numbers are off there, so it is not asked."""
    whole = read_video(written(next(c for c in SOUGHT if c.name == "mkv_open_gop"), folder))
    wanted = [550, 500, 400]
    expected = {n: frame.rgb() for n, frame in enumerate(scan(whole)) if frame and n in wanted}
    for number, frame in zip(wanted, whole.at(wanted), strict=True):
        np.testing.assert_array_equal(frame, expected[number])
