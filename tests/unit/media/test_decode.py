"""Windows of encoded video have the right frames and colours; damaged members are refused."""

import io
from fractions import Fraction

import cv2
import decord
import numpy as np
import pytest
import soundfile

from emotalk.media.decode import (
    MemberFault,
    check_video,
    decode_audio,
    decode_image,
    decode_video_window,
)
from emotalk.media.encode import encode_video
from emotalk.schema import Bytes
from tests.helpers.shared import shared_data


def moving_picture(frames: int) -> Bytes:
    """Return smooth colours that drift."""
    t, y, x = np.meshgrid(np.arange(frames), np.arange(128), np.arange(128), indexing="ij")
    channels = [
        128 + 90 * np.sin(x / 19 + t / 3 + 2 * c) * np.cos(y / 23 - t / 5) for c in range(3)
    ]
    return np.stack(channels, axis=-1).astype(np.uint8)


def mp4(frames: Bytes, *, pixel_format: str = "yuv444p", fps: int = 25, **options: str) -> bytes:
    target = io.BytesIO()
    settings = {"crf": "4", "preset": "veryfast", "g": "8", **options}
    encode_video(target, frames, fps=Fraction(fps), pixel_format=pixel_format, options=settings)
    return target.getvalue()


@pytest.mark.parametrize("pixel_format", ["yuv444p", "yuv420p"])
@pytest.mark.parametrize("b_frames", ["0", "2"])
def test_every_window_is_a_part_of_the_whole_and_as_decord_reads_it(
    pixel_format: str, b_frames: str
) -> None:
    frames = moving_picture(30)
    data = mp4(frames, pixel_format=pixel_format, bf=b_frames)
    whole = decode_video_window(data, 0, 30)
    reference = decord.VideoReader(io.BytesIO(data), num_threads=1).get_batch(range(30)).asnumpy()
    assert np.abs(whole.astype(int) - reference).max() <= 1
    assert np.abs(whole.astype(int) - frames).mean() < 3
    for start in range(30):
        length = min(7, 30 - start)
        window = decode_video_window(data, start, length)
        np.testing.assert_array_equal(window, whole[start : start + length])


@pytest.mark.parametrize("colour", [(255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255)])
def test_colours_come_back_as_they_were(colour: tuple[int, int, int]) -> None:
    frames = np.full((2, 128, 128, 3), colour, np.uint8)
    assert np.abs(decode_video_window(mp4(frames), 0, 2).astype(int) - frames).max() <= 3


def test_a_window_past_the_end_is_refused() -> None:
    data = mp4(moving_picture(12))
    with pytest.raises(MemberFault, match="has 4 of the 10 frames wanted from frame 8 on"):
        decode_video_window(data, 8, 10)


@pytest.mark.parametrize("data", [b"", b"version https://git-lfs.github.com/spec/v1\n", b"x" * 999])
def test_what_is_not_a_video_is_refused(data: bytes) -> None:
    with pytest.raises(MemberFault, match="the video cannot be decoded"):
        decode_video_window(data, 0, 1)


def test_a_video_cut_off_is_refused() -> None:
    data = mp4(moving_picture(40))
    for share in (0.2, 0.5, 0.9, 0.99):
        with pytest.raises(MemberFault):
            decode_video_window(data[: int(len(data) * share)], 0, 40)


def test_another_frame_rate_is_refused() -> None:
    with pytest.raises(MemberFault, match="has 30 frames a second, expected 25"):
        decode_video_window(mp4(moving_picture(5), fps=30), 0, 5)


def wav(samples: np.ndarray, rate: int = 8000, kind: str = "FLAC") -> bytes:
    target = io.BytesIO()
    soundfile.write(target, samples, rate, format=kind, subtype="PCM_16")
    return target.getvalue()


@pytest.mark.parametrize("kind", ["FLAC", "WAV"])
def test_sound_comes_back_to_its_last_bit(kind: str) -> None:
    samples = np.random.default_rng(0).integers(-32768, 32768, 4000) / 32768
    np.testing.assert_array_equal(decode_audio(wav(samples, kind=kind)), samples.astype(np.float32))


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (wav(np.zeros(100), rate=16000), "16000 Hz"),
        (wav(np.zeros((100, 2))), "2 channels at 8000 Hz, expected one"),
        (b"no sound", "cannot be decoded"),
        (b"", "cannot be decoded"),
    ],
)
def test_other_sound_is_refused(data: bytes, message: str) -> None:
    with pytest.raises(MemberFault, match=message):
        decode_audio(data)


def test_images_come_back_as_rgb() -> None:
    image = moving_picture(1)[0]
    data = bytes(cv2.imencode(".png", image[:, :, ::-1])[1])
    np.testing.assert_array_equal(decode_image(data), image)


def test_an_hour_of_silence_in_a_few_bytes_is_not_decoded() -> None:
    silence = wav(np.zeros(8000 * 3600))
    assert len(silence) < 200_000
    with pytest.raises(MemberFault, match="has 28800000 samples, expected 8000"):
        decode_audio(silence, 8000)


def test_sound_that_breaks_off_is_refused() -> None:
    data = wav(np.random.default_rng(0).uniform(-0.5, 0.5, 32000))
    with pytest.raises(MemberFault, match=r"ends after \d+ of 32000 samples|cannot be decoded"):
        decode_audio(data[: len(data) // 2], 32000)


def test_a_video_of_another_size_is_refused_before_room_is_made_for_it() -> None:
    with pytest.raises(MemberFault, match="is 4096 x 2160, expected 128 x 128"):
        decode_video_window(mp4(np.zeros((1, 2160, 4096, 3), np.uint8)), 0, 10**9)


def test_a_frame_the_decoder_patched_up_is_refused() -> None:
    data = bytearray(mp4(moving_picture(16)))
    middle = data.index(b"mdat") + 2 * len(data) // 5
    data[middle : middle + 40] = bytes(40)
    with pytest.raises(MemberFault, match=r"frame \d+ is damaged"):
        decode_video_window(bytes(data), 0, 16)


PNG = bytes(cv2.imencode(".png", moving_picture(1)[0])[1])


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "not a PNG"),
        (b"not a picture", "not a PNG"),
        (PNG[:20], "not a PNG"),
        (PNG[: len(PNG) // 2], "damaged"),
        (PNG[:900] + b"?" + PNG[901:], "damaged"),
        (PNG[:16] + b"\0\0\xff\xff" * 2 + PNG[24:], "is 65535 x 65535, expected 128 x 128"),
    ],
)
def test_what_is_not_a_whole_image_of_the_right_size_is_refused(data: bytes, message: str) -> None:
    with pytest.raises(MemberFault, match=message):
        decode_image(data)


def test_a_member_that_pyav_answers_with_its_own_error_is_named() -> None:
    data = shared_data("data/faults/hostile/mp4_member_valueerror.bin").read_bytes()
    with pytest.raises(MemberFault, match="the video cannot be decoded: "):
        decode_video_window(data, 0, 1)
    with pytest.raises(MemberFault, match="the video cannot be decoded: "):
        check_video(data, 1)


def test_a_whole_video_is_counted_without_being_kept() -> None:
    data = mp4(moving_picture(12))
    check_video(data, 12)
    with pytest.raises(MemberFault, match="has 12 frames, expected 13"):
        check_video(data, 13)
    with pytest.raises(MemberFault, match="has more than 11 frames, expected 11"):
        check_video(data, 11)


def test_a_chunk_that_announces_more_than_there_is_takes_no_memory() -> None:
    data = shared_data("data/faults/hostile/png_chunk_2g.png").read_bytes()
    with pytest.raises(MemberFault, match="chunk b'IDAT' announces 2147483647 bytes"):
        decode_image(data)
