"""Every frame of a file is read once, with its time."""

import resource
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from emotalk.media.encode import AudioTrack, encode_video
from emotalk.media.frames import read_video
from emotalk.schema import Bytes, Doubles, Floats, Rejection
from tests.helpers.clips import NTSC, RATE, frames
from tests.helpers.shared import shared_data
from tests.helpers.sound import read_audio

CLICKS = (0.5, 1.0, 1.5)


def click_track(seconds: float = 2.0) -> Floats:
    sound = np.zeros(round(seconds * RATE), np.float32)
    for at in CLICKS:
        sound[round(at * RATE) : round(at * RATE) + 40] = 0.9
    return sound


def click_times(audio: Floats) -> Doubles:
    loud = np.flatnonzero(np.abs(audio) > 0.3)
    onsets: Doubles = loud[np.insert(np.diff(loud) > 400, 0, True)] / 8000
    return onsets


def test_frames_are_written_and_read_without_starting_threads(tmp_path: Path) -> None:
    """FFmpeg's conversion of colours would start one for each core and frame, and wait for them."""
    path, count = tmp_path / "clip.mp4", 60
    waits = resource.getrusage(resource.RUSAGE_THREAD).ru_nvcsw
    encode_video(path, frames(count), fps=Fraction(25), options={"preset": "ultrafast"})
    assert sum(1 for _ in read_video(path)) == count
    assert resource.getrusage(resource.RUSAGE_THREAD).ru_nvcsw - waits < count


@pytest.mark.parametrize(
    ("container", "codec"), [("mp4", "aac"), ("flv", "aac"), ("matroska", "flac")]
)
def test_picture_and_sound_share_one_clock(tmp_path: Path, container: str, codec: str) -> None:
    path = tmp_path / "clip"
    video = frames(60)
    encode_video(
        path, video, fps=NTSC, container=container, audio=AudioTrack(click_track(), RATE, codec)
    )
    read = read_video(path)
    assert len(read) == 60
    since_first = click_times(read_audio(path)) - read.times_s[0]
    np.testing.assert_allclose(since_first, CLICKS, atol=0.006)
    np.testing.assert_allclose(np.diff(read.times_s), 1001 / 30000, atol=0.0011)


def test_frames_come_in_order_and_by_index(tmp_path: Path) -> None:
    made = frames(30)
    path = tmp_path / "clip.mp4"
    encode_video(path, made, fps=Fraction(25), options={"crf": "4"}, pixel_format="yuv444p")
    video = read_video(path)
    assert video.size == (96, 128)
    for frame, original in zip(video, made, strict=True):
        assert np.abs(frame.astype(int) - original).mean() < 2
    wanted = [3, 4, 20]
    some = np.stack(list(video.at(wanted))).mean((1, 2, 3))
    np.testing.assert_allclose(some, made[wanted].mean((1, 2, 3)), atol=0.6)


def write_with_b_frames(path: Path, container: str, codec: str, made: Bytes) -> None:
    with av.open(str(path), "w", format=container) as output:
        stream = output.add_stream(codec, rate=25)
        stream.height, stream.width = made.shape[1:3]
        stream.pix_fmt = "yuv420p"
        stream.codec_context.max_b_frames, stream.codec_context.gop_size = 2, 12
        for index, frame in enumerate(made):
            picture = av.VideoFrame.from_ndarray(frame, format="rgb24")
            picture.pts, picture.time_base = index, Fraction(1, 25)
            output.mux(stream.encode(picture))
        output.mux(stream.encode())


@pytest.mark.parametrize(
    ("container", "codec"),
    [
        ("mpeg", "mpeg1video"),
        ("vob", "mpeg2video"),
        ("mpegts", "libx264"),
        ("avi", "mpeg4"),
        ("avi", "libx264"),
        ("mp4", "libx264"),
        ("matroska", "libvpx"),
    ],
)
def test_every_container_gives_each_frame_once_and_at_its_own_number(
    tmp_path: Path, container: str, codec: str
) -> None:
    made = np.empty((50, 96, 128, 3), np.uint8)
    made[:] = 20 + 4 * np.arange(50)[:, None, None, None]
    path = tmp_path / "clip"
    write_with_b_frames(path, container, codec, made)
    video = read_video(path)
    assert len(video) == 50
    brightness_T = made.mean((1, 2, 3))  # 4 more from frame to frame
    np.testing.assert_allclose([f.mean() for f in video], brightness_T, atol=3)
    wanted = [49, 3, 3, 20, 0]
    some = [frame.mean() for frame in video.at(wanted)]
    np.testing.assert_allclose(some, brightness_T[wanted], atol=3)
    np.testing.assert_allclose(np.diff(video.times_s), 1 / 25, atol=1e-3)


@pytest.mark.parametrize("name", ["sbia1a.mpg", "bbaf2n.mpg"])
def test_a_real_program_stream_is_read_from_its_first_frame_on(name: str) -> None:
    video = read_video(next(shared_data("data", "clips").rglob(f"*{name}")))
    shown = np.stack(list(video)).astype(int)
    assert len(shown) == 75
    changes = np.abs(np.diff(shown, axis=0)).mean((1, 2, 3))
    assert changes.min() > 0  # no frame stands in for another


def test_frames_that_an_edit_list_hides_are_not_shown() -> None:
    video = read_video(shared_data("data", "edge", "pyfeat_no_face.mp4"))
    assert len(list(video)) == len(video) == 95
    assert video.times_s[0] == 0
    np.testing.assert_array_equal(next(video.at([90])), list(video.at(range(91)))[-1])


def test_reading_in_order_holds_a_few_frames_of_a_long_video(tmp_path: Path) -> None:
    path = tmp_path / "clip.mp4"
    picture = np.zeros((1080, 1920, 3), np.uint8)
    encode_video(path, (picture for _ in range(150)), fps=Fraction(30))  # 0.9 GB of frames
    code = (
        "import sys, time, psutil; from pathlib import Path\n"
        "from emotalk.media.frames import read_video\n"
        "me = psutil.Process(); frames = iter(read_video(Path(sys.argv[1]))); next(frames)\n"
        "before = me.memory_info().rss\n"
        "[time.sleep(0.005) for _ in frames]\n"
        "print((me.memory_info().rss - before) / 2**20)"
    )
    run = subprocess.run(
        [sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=True
    )
    assert float(run.stdout) < 100


def test_pngs_are_decoded_also_where_decord_came_first() -> None:
    code = (
        "import emotalk.media.frames, cv2, numpy as np\n"
        "noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)\n"
        "png = cv2.imencode('.png', noise)[1]\n"
        "assert (cv2.imdecode(png, cv2.IMREAD_COLOR) == noise).all()"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_video_of_many_frames_is_read_by_index_in_batches(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "clip.mp4"
    encode_video(path, frames(20), fps=Fraction(25))
    monkeypatch.setattr("emotalk.media.frames.BATCH_BYTES", 96 * 128 * 3 * 7)
    video = read_video(path)
    assert video.batch == 7
    assert len(list(video.at(range(19, -1, -1)))) == 20


def test_variable_frame_rates_keep_their_times() -> None:
    times = read_video(shared_data("data", "edge", "pyfeat_face_noface_vfr.mov")).times_s
    steps = np.diff(times)
    assert steps.min() > 0
    np.testing.assert_allclose([steps[0], steps[-1]], [1 / 30, 1 / 24], atol=1e-4)


def test_a_picture_larger_than_there_is_room_for_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "clip.mp4"
    encode_video(path, frames(5), fps=Fraction(25))
    monkeypatch.setattr("emotalk.media.container.MAX_PIXELS", 96 * 128 - 1)
    with pytest.raises(Rejection, match="128 x 96 pixels, at most 12287") as caught:
        read_video(path)
    assert caught.value.reason == "unreadable"
