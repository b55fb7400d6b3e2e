"""Any file gives frames with their real times and sound from time 0, or a reason."""

import resource
import struct
import subprocess
import sys
import wave
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
import soundfile

from emotalk.media.decode import _check_length, probe, read_audio, read_video
from emotalk.media.encode import AudioTrack, encode_video
from emotalk.schema import Bytes, Doubles, Floats, Rejection
from tests.helpers.clips import NTSC, RATE, frames, tone, write_clip
from tests.helpers.shared import shared_data

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


@pytest.mark.parametrize(("quarters", "matrix"), [(1, (0, -1, 1, 0)), (3, (0, 1, -1, 0))])
def test_a_phone_held_upright_gives_upright_frames(
    tmp_path: Path, quarters: int, matrix: tuple[int, int, int, int]
) -> None:
    path = write_clip(tmp_path / "clip.mp4", container="mp4")
    lying = next(read_video(path).at([5]))
    data = bytearray(path.read_bytes())
    a, b, c, d = matrix
    unity = struct.pack(">9i", 1 << 16, 0, 0, 0, 1 << 16, 0, 0, 0, 1 << 30)
    turned = struct.pack(">9i", a << 16, b << 16, 0, c << 16, d << 16, 0, 0, 0, 1 << 30)
    at = data.index(unity, data.index(b"tkhd"))
    data[at : at + len(unity)] = turned
    path.write_bytes(data)
    upright = read_video(path)
    assert upright.size == lying.shape[1::-1]
    np.testing.assert_array_equal(next(upright.at([5])), np.rot90(lying, quarters))


def test_reading_in_order_holds_a_few_frames_of_a_long_video(tmp_path: Path) -> None:
    path = tmp_path / "clip.mp4"
    picture = np.zeros((1080, 1920, 3), np.uint8)
    encode_video(path, (picture for _ in range(150)), fps=Fraction(30))  # 0.9 GB of frames
    code = (
        "import sys, time, psutil; from pathlib import Path\n"
        "from emotalk.media.decode import read_video\n"
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
        "import emotalk.media.decode, cv2, numpy as np\n"
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
    monkeypatch.setattr("emotalk.media.decode.BATCH_BYTES", 96 * 128 * 3 * 7)
    video = read_video(path)
    assert video.batch == 7
    assert len(list(video.at(range(19, -1, -1)))) == 20


def test_a_wav_with_another_name_is_read_for_what_it_is(tmp_path: Path) -> None:
    path = tmp_path / "speech.mp3"
    soundfile.write(path, tone(0.5), RATE, format="WAV", subtype="PCM_24")
    np.testing.assert_allclose(read_audio(path, rate=RATE), tone(0.5), atol=1e-4)


def test_channels_are_averaged(tmp_path: Path) -> None:
    path = tmp_path / "stereo.wav"
    left, right = tone(0.5, hertz=200), tone(0.5, hertz=350)
    soundfile.write(path, np.stack([left, right], 1), RATE, subtype="FLOAT")
    np.testing.assert_allclose(read_audio(path, rate=RATE), (left + right) / 2, atol=1e-4)


def test_real_files_of_every_kind_give_sound() -> None:
    lengths = {
        "dreamtalk_ack_english.m4a": 16.57,
        "eamm_sample2.mp3": 6.316,
        "eskimez_speech01.wav": 2.903,
        "sadtalker_bus_chinese.wav": 3.376,
    }
    for name, seconds in lengths.items():
        audio = read_audio(shared_data("data", "audio", name))
        assert audio.dtype == np.float32
        assert audio.size / 8000 == pytest.approx(seconds, abs=0.01)
        assert 0.01 < np.abs(audio).max() <= 1


def test_sound_that_starts_late_is_preceded_by_silence() -> None:
    path = shared_data("data", "edge", "pyfeat_face_noface_vfr.mov")
    start = probe(path).audio_start_s
    assert start == pytest.approx(2.43, abs=0.001)
    audio = read_audio(path)
    assert not np.abs(audio[: round(start * 8000) - 100]).max() > 1e-3
    assert np.abs(audio[round(start * 8000) :]).max() > 0.1


def test_variable_frame_rates_keep_their_times() -> None:
    times = read_video(shared_data("data", "edge", "pyfeat_face_noface_vfr.mov")).times_s
    steps = np.diff(times)
    assert steps.min() > 0
    np.testing.assert_allclose([steps[0], steps[-1]], [1 / 30, 1 / 24], atol=1e-4)


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


def test_sound_of_zero_length_is_no_sound(tmp_path: Path) -> None:
    path = tmp_path / "nothing.wav"
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, RATE, 0, "NONE", ""))
    with pytest.raises(Rejection) as caught:
        read_audio(path)
    assert caught.value.reason in ("no_audio", "unreadable")


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


def test_silently_short_sound_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "sound.wav"
    soundfile.write(path, tone(3.0), RATE)
    promised = probe(path)
    short = read_audio(path)[: 2 * 8000]
    with pytest.raises(Rejection, match=r"2\.00 s of sound .* of the 3\.00 s") as caught:
        _check_length(path, promised, short.size / 8000)
    assert caught.value.reason == "truncated_audio"
