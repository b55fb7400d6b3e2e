"""Parse the tags of a TIFF file before it is decoded."""

import struct
from dataclasses import dataclass

from emotalk.media.checked_image import MAX_PROFILE, CheckedImage
from emotalk.media.orientation import ENTRY_BYTES, TAG, exif_orientation

WIDTH, HEIGHT, BITS, SAMPLES, TILE_WIDTH, TILE_HEIGHT, PROFILE = 256, 257, 258, 277, 322, 323, 34675
# Tags that a decoder needs: sizes, compression, colours, strips and tiles, palette, JPEG tables.
KEPT = {
    *(254, WIDTH, HEIGHT, BITS, 259, 262, 266, 273, SAMPLES, 278, 279, 284, 292, 293, 317, 320),
    *(TILE_WIDTH, TILE_HEIGHT, 324, 325, 332, 338, 339, 347, 529, 530, 531, 532, PROFILE),
}
UNITS = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4}
MAX_VALUE = 4 * 2**20
MAX_TILE = 100_000_000


@dataclass(frozen=True)
class _Entry:
    """Entry of one tag in the directory, and the first ones of its values."""

    tag: int
    raw: bytes
    numbers: tuple[int, ...]


def check_tiff(data: bytes) -> CheckedImage:
    """Return the first image of a TIFF, its directory reduced to the tags that a decoder needs.

    The new directory is appended, so that offsets stay valid.

    Raises:
        ValueError: the directory or the values of a tag lie outside the file or are too large.
    """
    order = "<" if data[:2] == b"II" else ">"
    entries = {entry.tag: entry for entry in _entries(data, order)}
    width, height, tile = (
        _number(entries, WIDTH, 0),
        _number(entries, HEIGHT, 0),
        _number(entries, TILE_WIDTH, 1) * _number(entries, TILE_HEIGHT, 1),
    )
    if tile > MAX_TILE:
        raise ValueError(f"its tiles have {tile} pixels, more than {MAX_TILE}")
    bits = max(entries[BITS].numbers, default=8) if BITS in entries else 1
    kept = [entries[tag] for tag in sorted(entries) if tag in KEPT]
    place = len(data) + len(data) % 2
    directory = struct.pack(order + "H", len(kept)) + b"".join(e.raw for e in kept) + bytes(4)
    head = data[:4] + struct.pack(order + "I", place)
    return CheckedImage(
        "TIFF",
        b"".join([head, memoryview(data)[8:], bytes(len(data) % 2), directory]),
        width,
        height,
        bytes_per_pixel=_number(entries, SAMPLES, 1) * max(1, -(-bits // 8)),
        orientation=exif_orientation(data) if TAG in entries else 1,
    )


def _entries(data: bytes, order: str) -> "list[_Entry]":
    """Return the entries of the first directory, checked to lie within the file."""
    start = struct.unpack_from(order + "I", data, 4)[0]
    count = struct.unpack_from(order + "H", data, start)[0]
    found = []
    for number in range(count):
        place = start + 2 + number * ENTRY_BYTES
        raw = data[place : place + ENTRY_BYTES]
        tag, kind, values = struct.unpack(order + "HHI", raw[:8])
        if tag not in KEPT and tag != TAG:
            continue
        size = UNITS.get(kind, 1) * values
        limit = MAX_PROFILE if tag == PROFILE else MAX_VALUE
        if size > limit:
            raise ValueError(f"tag {tag} has {size} bytes of values, more than {limit}")
        offset = place + 8 if size <= 4 else struct.unpack(order + "I", raw[8:])[0]
        if offset + size > len(data):
            raise ValueError(f"tag {tag} announces {size} bytes beyond the file's end")
        found.append(_Entry(tag, raw, _numbers(data, order, kind, values, offset)))
    return found


def _numbers(data: bytes, order: str, kind: int, values: int, offset: int) -> tuple[int, ...]:
    """Return the first values of a tag that holds integers."""
    letter = {1: "B", 3: "H", 4: "I"}.get(kind)
    if letter is None:
        return ()
    shown: tuple[int, ...] = struct.unpack_from(f"{order}{min(values, 8)}{letter}", data, offset)
    return shown


def _number(entries: dict[int, _Entry], tag: int, default: int) -> int:
    return next(iter(entries[tag].numbers), default) if tag in entries else default
