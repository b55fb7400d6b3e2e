"""Image files that claim more data than they have are refused before memory is allocated."""

import io
import os
import struct
import tracemalloc
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from emotalk.errors import WrongUse
from emotalk.media.image import read_image
from emotalk.media.image_check import check_image_file
from emotalk.schema import Bytes
from tests.helpers.shared import shared_data

MEMORY = 35_000_000


def picture() -> Bytes:
    return np.random.default_rng(0).integers(0, 256, (24, 40, 3), np.uint8)


def encoded(kind: str, **options: object) -> bytes:
    file = io.BytesIO()
    Image.fromarray(picture()).save(file, kind, **options)
    return file.getvalue()


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def with_chunk(kind: bytes, body: bytes) -> bytes:
    """Return a PNG with one more chunk behind its header."""
    png = encoded("PNG")
    return png[:33] + chunk(kind, body) + png[33:]


def png_header(width: int, height: int, bits: int, colour: int) -> bytes:
    header = struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, 0)
    rest = chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + rest


def read(path: Path) -> Bytes:
    """Return the picture; fail where reading it takes more memory than a small one may."""
    tracemalloc.start()
    try:
        return read_image(path)
    finally:
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < MEMORY


def refused(tmp_path: Path, data: bytes, match: str) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(data)
    with pytest.raises(WrongUse, match=match):
        read(path)


@pytest.mark.parametrize("kind", ["PPM", "TGA", "PCX", "ICO", "SGI", "JPEG2000", "EPS", "PDF"])
def test_only_allowed_kinds_are_opened_whatever_the_name(tmp_path: Path, kind: str) -> None:
    refused(
        tmp_path,
        encoded(kind),
        r"not an image file of a kind that is opened here; save it.* as PNG, JPEG, BMP, WebP, TIFF",
    )


def test_postscript_starts_no_interpreter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    started = tmp_path / "started"
    for name in ("gs", "gswin32c", "gswin64c"):
        (tmp_path / name).write_text(f"#!/bin/sh\ntouch {started}\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    with pytest.raises(WrongUse, match="not an image file"):
        read_image(shared_data("data", "faults", "hostile", "eps_as.png"))
    assert not started.exists()


def test_a_chunk_that_announces_two_gigabytes_is_refused(tmp_path: Path) -> None:
    with pytest.raises(WrongUse, match=r"chunk b'IDAT' announces 2147483647 bytes, 68 are left"):
        read(shared_data("data", "faults", "hostile", "png_chunk_2g.png"))
    png = encoded("PNG")
    for kind in (b"IDAT", b"iCCP", b"tEXt", b"eXIf", b"abcD"):
        head = struct.pack(">I", 2**31 - 1) + kind
        refused(tmp_path, png[:33] + head + png[41:], f"chunk {kind!r} announces")


@pytest.mark.parametrize("kind", [b"zTXt", b"iTXt", b"tEXt"])
def test_text_that_unpacks_to_much_is_not_unpacked(tmp_path: Path, kind: bytes) -> None:
    packed = zlib.compress(bytes(50_000_000))
    body = {
        b"zTXt": b"a\0\0" + packed,
        b"iTXt": b"a\0\1\0\0\0" + packed,
        b"tEXt": b"a\0" + packed,
    }[kind]
    path = tmp_path / "a.png"
    path.write_bytes(with_chunk(kind, body * 20 if kind == b"tEXt" else body))
    np.testing.assert_array_equal(read(path), picture())


def test_a_profile_that_unpacks_to_much_is_refused(tmp_path: Path) -> None:
    packed = zlib.compress(bytes(40_000_000))
    refused(tmp_path, with_chunk(b"iCCP", b"a\0\0" + packed), "profile unpacks to more than")


@pytest.mark.parametrize(
    ("header", "match"),
    [
        ((12_000, 10_000, 8, 0), "12000 x 10000 pixels are more than 100000000"),
        ((10_000, 9_000, 8, 6), "10000 x 9000 pixels of 4 bytes are more than 300000000 bytes"),
        ((8_000, 7_000, 16, 2), "pixels of 6 bytes are more than"),
        ((8_000, 5_000, 16, 6), "pixels of 8 bytes are more than"),
        ((2**31 - 1, 2**31 - 1, 8, 2), "pixels are more than"),
    ],
)
def test_pixels_and_their_bytes_are_bounded_before_any_is_read(
    tmp_path: Path, header: tuple[int, int, int, int], match: str
) -> None:
    refused(tmp_path, png_header(*header), match)


def test_giants_of_other_kinds_are_refused_by_their_headers(tmp_path: Path) -> None:
    bmp = bytearray(encoded("BMP"))
    bmp[18:26] = struct.pack("<ii", 60_000, 60_000)
    webp = bytearray(encoded("WEBP", lossless=True))
    webp[21:25] = struct.pack("<I", 0xFFFFFFF)  # 16384 x 16384 in VP8L's header
    gif = bytearray(encoded("GIF"))
    gif[6:10] = struct.pack("<HH", 65535, 65535)
    tiff = encoded("TIFF").replace(
        struct.pack("<HHII", 256, 4, 1, 40), struct.pack("<HHII", 256, 4, 1, 9_000_000)
    )
    jpeg = bytearray(encoded("JPEG"))
    frame = jpeg.index(b"\xff\xc0")
    jpeg[frame + 5 : frame + 9] = struct.pack(">HH", 65_000, 65_000)
    for data in (bmp, webp, gif, tiff, jpeg):
        refused(tmp_path, bytes(data), "pixels are more than 100000000")


def test_a_gif_frame_beyond_its_screen_counts(tmp_path: Path) -> None:
    gif = bytearray(encoded("GIF"))
    place = gif.index(b"\x2c", 13 + 768)
    gif[place + 5 : place + 9] = struct.pack("<HH", 65535, 65535)
    refused(tmp_path, bytes(gif), "65535 x 65535 pixels are more")


def test_tags_of_a_tiff_are_bounded(tmp_path: Path) -> None:
    tiff = encoded("TIFF")
    strips = struct.pack("<HH", 273, 4)
    place = tiff.index(strips) + 4
    huge = tiff[:place] + struct.pack("<I", 2**31) + tiff[place + 4 :]
    refused(tmp_path, huge, "tag 273 has 8589934592 bytes of values")
    beyond = tiff[:place] + struct.pack("<II", 1000, 5) + tiff[place + 8 :]
    refused(tmp_path, beyond, "beyond the file's end")


def test_metadata_of_a_tiff_is_not_unpacked(tmp_path: Path) -> None:
    """5,000 tags that each claim the same megabyte would be 5 GB."""
    tiff = encoded("TIFF")
    start = struct.unpack_from("<I", tiff, 4)[0]
    count = struct.unpack_from("<H", tiff, start)[0]
    entries = tiff[start + 2 : start + 2 + 12 * count]
    more = b"".join(struct.pack("<HHII", 40_000 + n, 7, 1_000_000, 8) for n in range(5_000))
    directory = struct.pack("<H", count + 5_000) + entries + more + bytes(4)
    padded = tiff + bytes(1_000_000)
    data = tiff[:4] + struct.pack("<I", len(padded)) + padded[8:] + directory
    path = tmp_path / "a.tif"
    path.write_bytes(data)
    np.testing.assert_array_equal(read(path), picture())


def test_camera_data_of_a_jpeg_is_not_unpacked(tmp_path: Path) -> None:
    entries = b"".join(struct.pack("<HHII", n, 7, 60_000, 0) for n in range(4_900))
    exif = b"Exif\0\0II*\0\x08\0\0\0" + struct.pack("<H", 4_900) + entries
    jpeg = encoded("JPEG")
    segment = b"\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif
    path = tmp_path / "a.jpg"
    path.write_bytes(jpeg[:2] + segment * 30 + jpeg[2:])
    seen = check_image_file(path)
    assert seen is not None
    assert seen.data == jpeg
    np.testing.assert_array_equal(read(path), np.asarray(Image.open(io.BytesIO(jpeg))))


def test_a_jpeg_of_endless_scans_is_refused(tmp_path: Path) -> None:
    jpeg = encoded("JPEG", progressive=True)
    last = jpeg.rindex(b"\xff\xda")
    refused(tmp_path, jpeg[:last] + jpeg[last:-2] * 200 + jpeg[-2:], "scans, more than 64")


def test_a_pipe_a_device_and_a_giant_file_are_refused_unread(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.png")
    for path in (tmp_path / "pipe.png", Path("/dev/zero"), tmp_path):
        with pytest.raises(WrongUse, match=r"not a file|is a folder"):
            read_image(path)
    with (tmp_path / "a.png").open("wb") as file:
        file.truncate(400_000_000)
    with pytest.raises(WrongUse, match="bytes are more than"):
        read_image(tmp_path / "a.png")


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "TIFF"])
@pytest.mark.parametrize("number", range(1, 9))
def test_every_orientation_of_every_kind_is_undone(tmp_path: Path, kind: str, number: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = number
    options = {"quality": 100, "lossless": True} if kind in ("JPEG", "WEBP") else {}
    path = tmp_path / "a"
    path.write_bytes(encoded(kind, exif=exif, **options))
    stored = {1: (24, 40), 5: (40, 24)}[1 if number < 5 else 5]
    seen = read_image(path)
    assert seen.shape[:2] == stored
    corner = {1: (0, 0), 2: (0, -1), 3: (-1, -1), 4: (-1, 0),
              5: (0, 0), 6: (0, -1), 7: (-1, -1), 8: (-1, 0)}[number]  # fmt: skip
    first = np.asarray(Image.open(io.BytesIO(encoded(kind, **options))).convert("RGB"))[0, 0]
    np.testing.assert_array_equal(seen[corner], first)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "TIFF", "GIF", "BMP"])
def test_damage_is_a_message_or_a_picture(tmp_path: Path, kind: str) -> None:
    rng = np.random.default_rng(7)
    good = encoded(kind)
    path = tmp_path / "a"
    for _ in range(60):
        data = bytearray(good)
        for place in rng.integers(0, min(len(data), 400), rng.integers(1, 6)):
            data[place] = rng.integers(256)
        path.write_bytes(bytes(data[: rng.integers(1, len(data) + 1)]))
        try:
            seen = read_image(path)
        except WrongUse:
            continue
        assert seen.dtype == np.uint8
        assert seen.shape[2] == 3
