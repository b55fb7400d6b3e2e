"""Check an image file's structure before it is decoded.

Decoders trust the lengths, counts and sizes in a file. So the structure of each format is parsed
here first: all lengths must lie within the file, and decompressed sizes are limited. Data that a
decoder does not need (comments, thumbnails, camera data) are removed.
"""

import os
import stat
import struct
from pathlib import Path

from emotalk.media.checked_image import CheckedImage
from emotalk.media.jpeg_segments import check_jpeg
from emotalk.media.orientation import exif_orientation, xmp_orientation
from emotalk.media.png_chunks import check_png
from emotalk.media.riff import riff_chunks
from emotalk.media.tiff_tags import check_tiff

MAX_FILE = 320_000_000
WEBP_CANVAS_BYTES = 4
KINDS = "PNG, JPEG, BMP, WebP, TIFF or GIF"


def check_image_file(path: Path) -> CheckedImage | None:
    """Return the checked image, or None where the format is not an allowed one.

    Raises:
        ValueError: it is damaged, no regular file, or claims more data than it has.
        OSError: it cannot be read.
    """
    status = os.stat(path)
    if not stat.S_ISREG(status.st_mode):
        raise ValueError("it is a folder, a pipe or a device, not a file")
    if status.st_size > MAX_FILE:
        raise ValueError(f"{status.st_size} bytes are more than {MAX_FILE}")
    with path.open("rb") as file:
        data = file.read(status.st_size)  # `read` allocates the number of bytes it is given
    for begins, check in CHECKS.items():
        if data.startswith(begins):
            try:
                return check(data)
            except (struct.error, IndexError):
                raise ValueError("the file ends in the middle of its header") from None
    return None


def _check_webp(data: bytes) -> CheckedImage | None:
    if data[8:12] != b"WEBP":
        return None
    size, orientation = None, 1
    for kind, body, length in riff_chunks(data):
        if length > len(data) - body:
            raise ValueError(
                f"chunk {kind!r} announces {length} bytes, {len(data) - body} are left"
            )
        if size is None:
            size = _webp_size(kind, data, body)
        if kind == b"EXIF":
            exif = data[body : body + length].removeprefix(b"Exif\0\0")
            orientation = exif_orientation(exif)
        elif kind == b"XMP " and orientation == 1:
            orientation = xmp_orientation(data[body : body + length])
    if size is None:
        raise ValueError("it holds no picture")
    return CheckedImage(
        "WEBP", data, *size, bytes_per_pixel=WEBP_CANVAS_BYTES, orientation=orientation
    )


def _webp_size(kind: bytes, data: bytes, body: int) -> tuple[int, int] | None:
    """Return width and height where this chunk holds them."""
    if kind == b"VP8X":
        return (
            1 + int.from_bytes(data[body + 4 : body + 7], "little"),
            1 + int.from_bytes(data[body + 7 : body + 10], "little"),
        )
    if kind == b"VP8L":
        bits = struct.unpack_from("<I", data, body + 1)[0]
        return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    if kind == b"VP8 ":
        width, height = struct.unpack_from("<HH", data, body + 6)
        return width & 0x3FFF, height & 0x3FFF
    return None


def _check_gif(data: bytes) -> CheckedImage:
    """Return a GIF; a first frame beyond the logical screen enlarges it."""
    width, height, flags = struct.unpack_from("<HHB", data, 6)
    place = 13 + (3 << (flags & 7) + 1 if flags & 0x80 else 0)
    while data[place] == 0x21:  # extensions: a label, then blocks up to an empty one
        place += 2
        while data[place]:
            place += 1 + data[place]
        place += 1
    if data[place] != 0x2C:
        raise ValueError("it holds no picture")
    left, top, wide, high = struct.unpack_from("<HHHH", data, place + 1)
    size = max(width, left + wide), max(height, top + high)
    return CheckedImage("GIF", data, *size, bytes_per_pixel=1)


def _check_bmp(data: bytes) -> CheckedImage:
    if struct.unpack_from("<I", data, 14)[0] == 12:
        width, height, _, bits = struct.unpack_from("<HHHH", data, 18)
    else:
        width, height, _, bits = struct.unpack_from("<iiHH", data, 18)
    return CheckedImage("BMP", data, abs(width), abs(height), bytes_per_pixel=max(1, bits // 8))


CHECKS = {
    b"\x89PNG\r\n\x1a\n": check_png,
    b"\xff\xd8\xff": check_jpeg,
    b"BM": _check_bmp,
    b"RIFF": _check_webp,
    b"II*\0": check_tiff,
    b"MM\0*": check_tiff,
    b"GIF87a": _check_gif,
    b"GIF89a": _check_gif,
}
