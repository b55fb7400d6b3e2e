"""Parse the segments of a JPEG file before it is decoded."""

import struct

from emotalk.media.checked_image import CheckedImage
from emotalk.media.orientation import exif_orientation, xmp_orientation

FRAMES = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}  # markers of a frame header
LONE = {0x01, *range(0xD0, 0xD8)}  # markers without a length
SCAN, END, EXIF_OR_XMP, COLOUR, ADOBE, JFIF, COMMENT = 0xDA, 0xD9, 0xE1, 0xE2, 0xEE, 0xE0, 0xFE
EXIF, XMP, ICC = b"Exif\0\0", b"http://ns.adobe.com/xap/1.0/\0", b"ICC_PROFILE\0"
MAX_SCANS = 64  # progressive files have about ten; each is a pass over the whole image


def check_jpeg(data: bytes) -> CheckedImage:
    """Return a JPEG without comments, thumbnails, camera data and further images.

    Raises:
        ValueError: a segment is damaged, or there are too many scans.
    """
    view = memoryview(data)
    kept = [view[:2]]
    frame: tuple[int, int, int, int] | None = None
    exif = xmp = 1
    for marker, start, end in _segments(data):
        body = view[start + 4 : end]
        if marker == SCAN:
            kept.append(view[start:])
            _check_scans(data, start)
            break
        if marker == EXIF_OR_XMP and bytes(body[:6]) == EXIF and exif == 1:
            exif = exif_orientation(body[6:])
        elif marker == EXIF_OR_XMP and bytes(body[: len(XMP)]) == XMP:
            xmp = xmp_orientation(body)
        elif marker in FRAMES and frame is None:
            frame = struct.unpack_from(">BHHB", body)
        if _is_needed(marker, body):
            kept.append(view[start:end])
    if frame is None:
        raise ValueError("it has no header of a JPEG picture")
    bits, height, width, channels = frame
    return CheckedImage(
        "JPEG",
        b"".join(kept),
        width,
        height,
        bytes_per_pixel=channels * (2 if bits > 8 else 1),
        orientation=exif if exif != 1 else xmp,
    )


def _segments(data: bytes) -> "list[tuple[int, int, int]]":
    """Return marker, start and end of every segment up to the first scan's header."""
    found = []
    place = 2
    while place + 4 <= len(data):
        if data[place] != 0xFF:
            raise ValueError(f"no segment begins at byte {place}")
        marker = data[place + 1]
        if marker == 0xFF:  # fill
            place += 1
            continue
        if marker in LONE:
            place += 2
            continue
        length = struct.unpack_from(">H", data, place + 2)[0]
        end = place + 2 + length
        if length < 2 or end > len(data) or marker == END:
            raise ValueError(f"the file ends within segment {marker:#x}")
        found.append((marker, place, end))
        if marker == SCAN:
            return found
        place = end
    raise ValueError("it has no picture data")


def _is_needed(marker: int, body: memoryview) -> bool:
    """Return whether a decoder needs this segment: tables, frame headers, JFIF, Adobe, ICC."""
    if marker == COLOUR:
        return bytes(body[: len(ICC)]) == ICC
    return marker in (JFIF, ADOBE) or (marker < JFIF and marker != COMMENT)


def _check_scans(data: bytes, start: int) -> None:
    """Raise ValueError for too many scans; in compressed data 0xFF is always followed by 0."""
    end = data.find(b"\xff\xd9", start)
    scans = data.count(b"\xff\xda", start, end if end > 0 else len(data))
    if scans > MAX_SCANS:
        raise ValueError(f"it has {scans} scans, more than {MAX_SCANS}")
