"""Frames as a player shows them: rotated, mirrored, square pixels, the stream's colours."""

import shutil
import subprocess
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from emotalk.media.frame_rgb import RgbConverter
from emotalk.media.frames import read_video
from emotalk.schema import Bytes, Rejection
from tests.helpers.shared import shared_data

FACES = ("faults", "clips")
COLOUR = (200, 100, 40)


def ffmpeg(*arguments: str) -> None:
    """Run Debian's ffmpeg."""
    program = shutil.which("ffmpeg")
    if program is None:
        pytest.skip("makes its clips with ffmpeg (Debian: apt-get install ffmpeg)")
    subprocess.run([program, "-v", "error", "-y", *arguments], check=True)


def plain_clip(
    path: Path, size: tuple[int, int] = (64, 48), *, colour: Bytes | None = None
) -> Path:
    """Write four frames of four corners in grey: 40, 100, 160, 220; or of one colour."""
    width, height = size
    y, x = np.mgrid[0:height, 0:width]
    grey = 40 + 60 * (x >= width // 2) + 120 * (y >= height // 2)
    picture = np.repeat(grey[..., None], 3, 2).astype(np.uint8) if colour is None else colour
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25, options={"qp": "0"})
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv444p"
        for _ in range(4):
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            container.mux(stream.encode(frame.reformat(format="yuv444p")))
        container.mux(stream.encode())
    return path


def with_matrix(path: Path, a: int, b: int, c: int, d: int) -> Path:
    """Write these numbers, in 16.16, into the track's matrix."""
    data = bytearray(path.read_bytes())
    place = data.index(b"tkhd") + 4 + 40
    for index, value in zip((0, 1, 3, 4), (a, b, c, d), strict=True):
        data[place + 4 * index : place + 4 * index + 4] = (value * 65536).to_bytes(
            4, "big", signed=True
        )
    path.write_bytes(bytes(data))
    return path


def corners(image_HWC: Bytes) -> list[int]:
    """Return the greys at top left, top right, bottom left and bottom right, as 0 to 3."""
    grey = image_HWC[..., 0].astype(int)
    return [round((grey[y, x] - 40) / 60) for y in (3, -4) for x in (3, -4)]


# x' = a x + c y, y' = b x + d y; where the corners 0 1 / 2 3 come to lie, by hand.
MATRICES = {
    "as it is": ((1, 0, 0, 1), [0, 1, 2, 3]),
    "mirrored": ((-1, 0, 0, 1), [1, 0, 3, 2]),
    "half a turn": ((-1, 0, 0, -1), [3, 2, 1, 0]),
    "upside down": ((1, 0, 0, -1), [2, 3, 0, 1]),
    "transposed": ((0, 1, 1, 0), [0, 2, 1, 3]),
    "to the right": ((0, 1, -1, 0), [2, 0, 3, 1]),
    "transposed, half a turn": ((0, -1, -1, 0), [3, 1, 2, 0]),
    "to the left": ((0, -1, 1, 0), [1, 3, 0, 2]),
    "none": ((0, 0, 0, 0), [0, 1, 2, 3]),
}


@pytest.mark.parametrize("name", MATRICES)
def test_the_whole_display_matrix_is_applied(tmp_path: Path, name: str) -> None:
    numbers, wanted = MATRICES[name]
    video = read_video(with_matrix(plain_clip(tmp_path / "a.mp4"), *numbers))
    frames = list(video.at([0, 3]))
    assert [corners(frame) for frame in frames] == [wanted, wanted]
    assert video.size == ((64, 48) if numbers[0] == 0 and any(numbers) else (48, 64))
    assert corners(next(video.at([3, 1]))) == wanted  # by index, where decord could be asked


def test_a_mirrored_front_camera_stands_upright() -> None:
    clips = shared_data("data", *FACES)
    mirrored = next(read_video(clips / "mirror.mp4").at([30])).astype(float)
    straight = next(read_video(clips / "anamorphic.mp4").at([30])).astype(float)
    assert np.abs(mirrored - straight[:, ::-1]).mean() < 6


def test_pixels_are_made_square() -> None:
    clips = shared_data("data", *FACES)
    video = read_video(clips / "anamorphic.mp4")
    assert video.size == (288, 360)
    assert next(video.at([40, 20])).shape == (288, 360, 3)


@pytest.mark.parametrize(
    ("aspect", "size"),
    [("4/3", (48, 85)), ("1/2", (96, 64)), ("16/15", (48, 68)), ("1", (48, 64)), ("0", (48, 64))],
)
def test_the_shorter_side_of_a_pixel_is_enlarged(
    tmp_path: Path, aspect: str, size: tuple[int, int]
) -> None:
    plain_clip(tmp_path / "plain.mp4")
    ffmpeg("-i", str(tmp_path / "plain.mp4"), "-c:v", "libx264", "-vf", f"setsar={aspect}",
           str(tmp_path / "a.mkv"))  # fmt: skip
    assert read_video(tmp_path / "a.mkv").size == size


@pytest.mark.parametrize("aspect", [Fraction(5), Fraction(1, 5), Fraction(1, 1000)])
def test_pixels_of_an_absurd_shape_are_refused(aspect: Fraction) -> None:
    frame = av.VideoFrame(64, 48, "yuv420p")
    with pytest.raises(ValueError, match="its pixels are"):
        RgbConverter(aspect).convert(frame)
    with pytest.raises(ValueError, match="16000 x 3000 square pixels, at most 35389440 in all"):
        RgbConverter(Fraction(4)).convert(av.VideoFrame(4000, 3000, "yuv420p"))


@pytest.mark.parametrize("matrix", ["bt709", "smpte170m", "bt2020nc"])
@pytest.mark.parametrize("extent", ["limited", "full"])
def test_matrix_and_range_are_the_stream_s(tmp_path: Path, matrix: str, extent: str) -> None:
    path = tmp_path / "a.mp4"
    ffmpeg("-f", "lavfi", "-i", "color=c=0xC86428:s=64x48:r=25,format=gbrp,"
           f"zscale=matrix={matrix}:range={extent},format=yuv444p", "-frames:v", "2",
           "-colorspace", matrix, "-color_range", "pc" if extent == "full" else "tv",
           "-c:v", "libx264", "-qp", "0", str(path))  # fmt: skip
    for frame in (next(read_video(path).at([1])), next(read_video(path).at([1, 0]))):
        np.testing.assert_allclose(frame[20, 20], COLOUR, atol=1.5)


@pytest.mark.parametrize(("height", "weights"), [(576, (0.299, 0.114)), (720, (0.2126, 0.0722))])
def test_without_a_name_high_definition_is_bt_709_and_the_rest_bt_601(
    tmp_path: Path, height: int, weights: tuple[float, float]
) -> None:
    red, green, blue = COLOUR
    luma = weights[0] * red + (1 - sum(weights)) * green + weights[1] * blue
    planes = [
        16 + 219 / 255 * luma,
        128 + 224 / 255 * (blue - luma) / (2 * (1 - weights[1])),
        128 + 224 / 255 * (red - luma) / (2 * (1 - weights[0])),
    ]
    frame = av.VideoFrame(64, height, "yuv444p")
    for plane, value in zip(frame.planes, planes, strict=True):
        plane.update(bytes([round(value)]) * plane.buffer_size)
    np.testing.assert_allclose(RgbConverter(None).convert(frame)[20, 20], COLOUR, atol=2)


def test_a_matrix_that_nobody_converts_is_refused() -> None:
    frame = av.VideoFrame(64, 48, "yuv444p")
    frame.colorspace = 8  # YCgCo
    with pytest.raises(ValueError, match="colour matrix is number 8"):
        RgbConverter(None).convert(frame)


def test_high_dynamic_range_is_shown_as_standard(tmp_path: Path) -> None:
    """Grey of 60 cd/m2 in PQ; on a display whose white is 203 cd/m2 that is 0.602 of the signal."""
    for transfer, level in (("smpte2084", 0.4585), ("arib-std-b67", 0.5)):
        code = round(64 + 876 * level)
        path = tmp_path / f"{transfer}.mkv"
        ffmpeg("-f", "lavfi", "-i", f"nullsrc=s=64x48:r=25,format=yuv444p10le,"
               f"geq=lum={code}:cb=512:cr=512", "-frames:v", "3", "-c:v", "libx264", "-qp", "0",
               "-color_trc", transfer, "-color_primaries", "bt2020", "-colorspace", "bt2020nc",
               "-color_range", "tv", str(path))  # fmt: skip
        nits = 60 if transfer == "smpte2084" else 1000 * (1 / 12) ** 1.2
        wanted = 255 * (nits / 203) ** (1 / 2.4)
        for order in ([2], [2, 0]):
            seen = next(read_video(path).at(order))
            np.testing.assert_allclose(seen[20, 20], wanted, atol=2)


def test_a_real_face_in_pq_has_its_colours_again() -> None:
    seen = next(read_video(shared_data("data", *FACES, "hdr_pq.mp4")).at([0])).astype(float)
    plain = next(read_video(shared_data("data", "clips", "grid", "bbaf2n.mpg")).at([0]))
    assert np.abs(seen - plain).mean() < 15
    assert np.corrcoef(seen.ravel(), plain.astype(float).ravel())[0, 1] > 0.97


def test_frames_of_another_size_are_brought_to_the_first_s() -> None:
    to_rgb = RgbConverter(None)
    assert to_rgb.convert(av.VideoFrame(64, 48, "yuv420p")).shape == (48, 64, 3)
    assert to_rgb.convert(av.VideoFrame(128, 96, "yuv420p")).shape == (48, 64, 3)
    with pytest.raises(ValueError, match="changes from 64 x 48 to 48 x 64"):
        to_rgb.convert(av.VideoFrame(48, 64, "yuv420p"))


def test_a_clip_whose_shape_changes_is_rejected_by_name(tmp_path: Path) -> None:
    parts = []
    for number, size in enumerate(((64, 48), (128, 96), (48, 64))):
        plain_clip(tmp_path / f"{number}.mp4", size)
        part = tmp_path / f"{number}.ts"
        ffmpeg("-i", str(tmp_path / f"{number}.mp4"), "-c", "copy", "-output_ts_offset",
               str(0.16 * number), str(part))  # fmt: skip
        parts.append(part)
    (tmp_path / "larger.ts").write_bytes(parts[0].read_bytes() + parts[1].read_bytes())
    (tmp_path / "turned.ts").write_bytes(parts[0].read_bytes() + parts[2].read_bytes())
    frames = list(read_video(tmp_path / "larger.ts"))
    assert {frame.shape for frame in frames} == {(48, 64, 3)}
    assert corners(frames[-1]) == [0, 1, 2, 3]
    alone = next(read_video(tmp_path / "larger.ts").at([len(frames) - 1]))
    np.testing.assert_array_equal(alone, frames[-1])
    with pytest.raises(Rejection, match="changes from 64 x 48 to 48 x 64") as caught:
        list(read_video(tmp_path / "turned.ts"))
    assert caught.value.reason == "unreadable"
