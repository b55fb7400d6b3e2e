"""Parse the chunks of a PNG file before it is decoded."""

import struct
import zlib
from collections.abc import Iterator

from emotalk.media.checked_image import MAX_PROFILE, CheckedImage
from emotalk.media.orientation import exif_orientation, xmp_orientation

SIGNATURE = 8  # bytes
CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}  # by colour type
KEPT = (b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND")
XMP_KEYWORD = b"XML:com.adobe.xmp\0"
DEEP_COLOUR = (2, 6)


def check_png(data: bytes) -> CheckedImage:
    """Return a PNG reduced to the chunks of its first image.

    Raises:
        ValueError: a chunk is longer than the rest of the file, or the header is not a PNG's.
    """
    kept = [memoryview(data)[:SIGNATURE]]
    header: tuple[int, int, int, int] | None = None
    orientation, profile, transparent = 1, None, False
    for kind, chunk in _chunks(data):
        body = chunk[8:-4]
        if kind == b"IHDR" and header is None:
            header = struct.unpack_from(">IIBB", body)
        elif kind == b"eXIf":
            orientation = exif_orientation(body)
        elif kind == b"iTXt" and orientation == 1 and bytes(body[:18]) == XMP_KEYWORD:
            orientation = xmp_orientation(body)
        elif kind == b"iCCP" and profile is None:
            profile = _unpacked_profile(body)
        transparent |= kind == b"tRNS"
        if kind in KEPT:
            kept.append(chunk)
    if header is None or header[3] not in CHANNELS:
        raise ValueError("it has no header of a PNG picture")
    width, height, bits, colour = header
    return CheckedImage(
        "PNG",
        b"".join(kept),
        width,
        height,
        bytes_per_pixel=CHANNELS[colour] * (2 if bits == 16 else 1),
        orientation=orientation,
        deep=bits == 16 and colour in DEEP_COLOUR and not transparent,
        profile=profile,
    )


def _chunks(data: bytes) -> Iterator[tuple[bytes, memoryview]]:
    """Yield the kind of each chunk up to IEND, and the chunk: length, kind, body and checksum.

    Raises:
        ValueError: a chunk is longer than the rest of the file.
    """
    view, place = memoryview(data), SIGNATURE
    while place + 8 <= len(data):
        length = struct.unpack_from(">I", data, place)[0]
        kind = data[place + 4 : place + 8]
        if length > len(data) - place - 12:
            raise ValueError(
                f"chunk {kind!r} announces {length} bytes, {max(0, len(data) - place - 12)} are "
                "left"
            )
        yield kind, view[place : place + 12 + length]
        place += 12 + length
        if kind == b"IEND":
            break


def _unpacked_profile(chunk: memoryview) -> bytes:
    """Return the ICC profile of an `iCCP` chunk: name, zero byte, method, compressed bytes.

    Damaged data give an empty profile, about which `read_image` warns.

    Raises:
        ValueError: it is larger than `MAX_PROFILE`.
    """
    name_ends = bytes(chunk[:80]).find(b"\0")
    unpacker = zlib.decompressobj()
    try:
        profile = unpacker.decompress(chunk[name_ends + 2 :], MAX_PROFILE + 1)
    except zlib.error:
        return b""
    if len(profile) > MAX_PROFILE:
        raise ValueError(f"its colour profile unpacks to more than {MAX_PROFILE} bytes")
    return profile
