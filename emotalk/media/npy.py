"""Read arrays of real numbers in numpy's file format without evaluating the header."""

import math
import re

import numpy as np

from emotalk.schema import Floats

MAGIC = b"\x93NUMPY"
MAX_HEADER = 4096  # bytes; numpy writes 118 for three axes
MAX_AXES = 8
# Bytes of the header's length, by the format's version.
LENGTH_BYTES = {
    b"\x01\x00": 2,
    b"\x02\x00": 4,
    b"\x03\x00": 4,
}
# The three entries that numpy writes. Each part can match in one way only, so there is no
# backtracking on a long header.
HEADER = re.compile(
    rb" *\{ *'descr': *'([<>]f[248])' *, *'fortran_order': *(True|False) *, "
    rb"*'shape': *\(([0-9, ]*)\) *(?:, *)?\} *\n?"
)


class UnfitArray(ValueError):  # noqa: N818  says what the bytes are, not what the program did
    """The bytes are no array of real numbers as numpy writes it."""


def read_npy(data: bytes) -> Floats:
    """Return the numbers of a .npy file as float32.

    The header's size is compared with the number of bytes before memory is allocated.

    Args:
        data: the whole file; half, single or double precision, either byte and axis order.

    Raises:
        UnfitArray: another format or kind of numbers, or a header that does not fit the bytes.
    """
    header, begin = _header(data)
    found = HEADER.fullmatch(header)
    if found is None:
        raise UnfitArray("not an array file of real numbers as numpy writes it")
    dtype, turned = np.dtype(found[1].decode()), found[2] == b"True"
    shape = _shape(found[3])
    stored = len(data) - begin
    if math.prod(shape) * dtype.itemsize != stored:
        raise UnfitArray(
            f"the array file is not as its header says: {shape} of {dtype.itemsize} bytes each are "
            f"not {stored} bytes"
        )
    array = np.frombuffer(data, dtype, offset=begin).reshape(shape, order="F" if turned else "C")
    with np.errstate(over="ignore"):  # beyond float32: infinite, which callers refuse
        return np.array(array, np.float32)  # a copy, because the bytes cannot be written to


def _header(data: bytes) -> tuple[bytes, int]:
    """Return the header's text and the offset of the numbers."""
    version = data[len(MAGIC) : len(MAGIC) + 2]
    size = LENGTH_BYTES.get(version, 0) if data[: len(MAGIC)] == MAGIC else 0
    begin = len(MAGIC) + 2 + size
    length = int.from_bytes(data[begin - size : begin], "little")
    if not size or length > MAX_HEADER or begin + length > len(data):
        raise UnfitArray("not an array file of real numbers as numpy writes it")
    return data[begin : begin + length], begin + length


def _shape(text: bytes) -> tuple[int, ...]:
    """Return the shape in a tuple's text: `30, 68, 2`, `30,` or nothing."""
    parts = [part.strip() for part in text.split(b",")]
    if parts[-1] == b"":
        parts.pop()
    if len(parts) > MAX_AXES or not all(part.isdigit() and len(part) <= 18 for part in parts):
        raise UnfitArray(f"the array file is not as its header says: a shape of ({text.decode()})")
    return tuple(map(int, parts))
