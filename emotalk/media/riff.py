"""Parse the chunks of RIFF files (WAV, WebP)."""

import struct
from collections.abc import Iterator


def riff_chunks(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Yield kind, offset and length of each chunk's content; it may exceed the data."""
    place = 12  # after "RIFF", the size and the format
    while place + 8 <= len(data):
        length = struct.unpack_from("<I", data, place + 4)[0]
        yield data[place : place + 4], place + 8, length
        place += 8 + length + length % 2
