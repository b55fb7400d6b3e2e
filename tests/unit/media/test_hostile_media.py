"""Unusual files of cameras and converters: pixel formats, rates, channels, start times."""

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
import soundfile

from emotalk.media.container import probe
from emotalk.media.frames import read_video
from emotalk.media.resample import resample
from emotalk.schema import Bytes, Floats
from tests.helpers.clips import frames, tone
from tests.helpers.sound import read_audio

MILLISECOND = Fraction(1, 1000)


def write(
    path: Path,
    made: Bytes,
    *,
    codec: str = "libx264",
    pixels: str = "yuv420p",
    times_ms: Sequence[int] | None = None,
    sound_CS: Floats | None = None,
    rate: int = 48_000,
    layout: str = "mono",
    sound_starts_ms: int = 0,
    options: dict[str, str] | None = None,
) -> Path:
    """Write frames at given times, and sound that begins at another."""
    times = [40 * number for number in range(len(made))] if times_ms is None else times_ms
    with av.open(str(path), "w", options={"avoid_negative_ts": "disabled"}) as output:
        video = output.add_stream(codec, rate=25, options=options or {})
        video.height, video.width = made.shape[1:3]
        video.pix_fmt = pixels
        video.codec_context.time_base = MILLISECOND
        sound = None
        if sound_CS is not None:
            sound = output.add_stream("flac", rate=rate, layout=layout)
        for time_ms, frame in zip(times, made, strict=True):
            picture = av.VideoFrame.from_ndarray(frame, format="rgb24").reformat(format=pixels)
            picture.pts, picture.time_base = time_ms, MILLISECOND
            output.mux(video.encode(picture))
        output.mux(video.encode(None))
        if sound is not None and sound_CS is not None:
            packed = np.ascontiguousarray((sound_CS.T * 32767).astype(np.int16).reshape(1, -1))
            heard = av.AudioFrame.from_ndarray(packed, format="s16", layout=layout)
            heard.sample_rate, heard.time_base = rate, Fraction(1, rate)
            heard.pts = rate * sound_starts_ms // 1000
            output.mux(sound.encode(heard))
            output.mux(sound.encode(None))
    return path


@pytest.mark.parametrize(
    ("codec", "pixels", "ending"),
    [
        ("libx264", "yuv420p10le", "mp4"),  # 10 bits a colour
        ("libx264", "yuv422p", "mp4"),
        ("libx265", "yuv420p10le", "mp4"),
        ("libx264", "gray", "mp4"),  # black and white
        ("png", "rgba", "mov"),  # with an alpha channel
        ("qtrle", "argb", "mov"),
        ("ffv1", "yuva444p", "mkv"),
        ("rawvideo", "bgr24", "avi"),
        ("mjpeg", "yuvj420p", "avi"),  # full range
        ("gif", "rgb8", "gif"),
    ],
)
def test_pixels_of_every_kind_become_rgb(
    tmp_path: Path, codec: str, pixels: str, ending: str
) -> None:
    made = frames(8)
    path = write(tmp_path / f"clip.{ending}", made, codec=codec, pixels=pixels)
    found = list(read_video(path))
    assert len(found) == 8
    assert {(frame.dtype, frame.shape) for frame in found} == {(np.dtype(np.uint8), (96, 128, 3))}
    wanted = made.astype(float)
    if pixels == "gray":
        wanted = np.repeat((wanted @ [0.299, 0.587, 0.114])[..., None], 3, -1)
    difference = np.abs(np.stack(found) - wanted).mean()
    assert difference < (20 if ending == "gif" else 6)  # a GIF has 256 colours


def test_an_interlaced_video_gives_each_of_its_frames_once(tmp_path: Path) -> None:
    made = frames(10)
    path = write(tmp_path / "clip.mp4", made, options={"flags": "+ilme+ildct"})
    video = read_video(path)
    assert len(video) == len(list(video)) == 10
    np.testing.assert_allclose([f.mean() for f in video], made.mean((1, 2, 3)), atol=3)


def test_variable_frame_rates_are_read_by_their_stamps(tmp_path: Path) -> None:
    times_ms = [0, 33, 67, 100, 400, 420, 440, 500, 501, 900]
    video = read_video(write(tmp_path / "clip.mkv", frames(10), times_ms=times_ms))
    np.testing.assert_allclose(video.times_s * 1000, times_ms, atol=1)


@pytest.mark.parametrize("ending", ["mkv", "mp4"])
def test_start_offsets_of_picture_and_sound_are_kept(tmp_path: Path, ending: str) -> None:
    sound = tone(1.0, rate=48_000)[None]
    times_ms = [200 + 40 * number for number in range(20)]
    late_picture = write(tmp_path / f"a.{ending}", frames(20), times_ms=times_ms, sound_CS=sound)
    assert read_video(late_picture).times_s[0] == pytest.approx(0.2, abs=0.002)
    assert np.abs(read_audio(late_picture)[:80]).max() > 0.1
    late_sound = write(tmp_path / f"b.{ending}", frames(20), sound_CS=sound, sound_starts_ms=300)
    assert read_video(late_sound).times_s[0] == pytest.approx(0, abs=0.002)
    heard = read_audio(late_sound)
    assert np.abs(heard[: 8 * 290]).max() < 1e-3
    assert np.abs(heard[8 * 310 : 8 * 400]).max() > 0.2


def test_times_before_zero_are_not_shown_and_not_heard(tmp_path: Path) -> None:
    sound = np.zeros((1, 48_000), np.float32)
    sound[:, 24_000:] = 2 * tone(0.5, hertz=400, rate=48_000)  # from time 0 on
    times_ms = [-500 + 40 * number for number in range(25)]
    path = write(
        tmp_path / "clip.mp4", frames(25), times_ms=times_ms, sound_CS=sound, sound_starts_ms=-500
    )
    video, info = read_video(path), probe(path)
    assert info.start_s == 0
    assert len(video) == len(list(video)) == 12  # of 25: 13 have times before 0
    assert video.times_s[0] == pytest.approx(0, abs=0.021)
    heard = read_audio(path)
    assert heard.size == pytest.approx(4000, abs=60)
    periods = heard[100 : 100 + 20 * (heard[100:].size // 20)].reshape(-1, 20)
    assert np.abs(periods).max(1).min() > 0.4


@pytest.mark.parametrize(
    ("layout", "channels"), [("mono", 1), ("stereo", 2), ("5.1", 6), ("7.1", 8)]
)
def test_channels_however_many_become_their_mean(
    tmp_path: Path, layout: str, channels: int
) -> None:
    each = np.stack([tone(0.5, hertz=200 + 50 * n, rate=48_000) for n in range(channels)])
    path = write(tmp_path / "clip.mkv", frames(12), sound_CS=each, layout=layout)
    heard = read_audio(path, rate=48_000)
    np.testing.assert_allclose(heard, each.mean(0), atol=1e-3)


@pytest.mark.parametrize("rate", [1_000, 5_513, 7_999, 8_001, 22_050, 96_000, 192_000, 655_350])
def test_sample_rates_however_odd_keep_the_length_and_the_tone(tmp_path: Path, rate: int) -> None:
    path = tmp_path / "sound.wav"
    soundfile.write(path, tone(1.0, hertz=300, rate=rate), rate, subtype="FLOAT")
    heard = read_audio(path)
    assert heard.size == pytest.approx(8000, abs=1)
    spectrum = np.abs(np.fft.rfft(heard * np.hanning(heard.size)))
    assert np.argmax(spectrum) == pytest.approx(300, abs=1)
    assert np.abs(heard[400:-400]).max() == pytest.approx(0.25, rel=0.02)


def level_db(hertz: float, rate: int) -> float:
    """Return what is left of a tone after resampling to 8 kHz, in dB of itself."""
    t = np.arange(rate) / rate
    left = resample(np.sin(2 * np.pi * hertz * t).astype(np.float32), rate, 8000)[800:-800]
    return 10 * float(np.log10(2 * np.mean(left.astype(float) ** 2) + 1e-20))


@pytest.mark.parametrize("rate", [11_025, 16_000, 22_050, 44_100, 48_000])
def test_what_8_khz_cannot_hold_is_gone_and_what_it_can_stays(rate: int) -> None:
    for hertz in (100, 1000, 3000, 3500):
        assert abs(level_db(hertz, rate)) < 0.1, hertz
    above = [hertz for hertz in (4200, 4500, 5000, 6000, 7900, 12_000) if hertz < rate / 2]
    for hertz in above:
        assert level_db(hertz, rate) < -60, hertz
