"""Arrays of real numbers in numpy's file format, read without evaluating what a header says."""

import math
import re

import numpy as np

from emotalk.schema import Floats

MAGIC = b"\x93NUMPY"
LONGEST_HEADER = 4096  # numpy writes 118 bytes for three axes
MOST_AXES = 8
# Bytes of the header's length, by the format's version.
LENGTH_BYTES = {
    b"\x01\x00": 2,
    b"\x02\x00": 4,
    b"\x03\x00": 4,
}
# The three entries that numpy writes. Each part matches in one way only, so a long header that does
# not fit is refused in one pass.
HEADER = re.compile(
    rb" *\{ *'descr': *'([<>]f[248])' *, *'fortran_order': *(True|False) *, "
    rb"*'shape': *\(([0-9, ]*)\) *(?:, *)?\} *\n?"
)


class UnfitArray(ValueError):  # noqa: N818  says what the bytes are, not what the program did
    """Bytes are not an array of real numbers as numpy writes it."""


def read_npy(data: bytes) -> Floats:
    """Return the numbers of a .npy file as float32.

    The size that the header gives is compared with the bytes there are before any memory is taken.

    Args:
        data: the whole file; half, single or double precision, either byte and axis order.

    Raises:
        UnfitArray: another kind of file or of numbers, or a header that does not fit the bytes.
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
    with np.errstate(over="ignore"):  # beyond float32: infinite, which the reader refuses
        return np.array(array, np.float32)  # a copy, because the bytes cannot be written to


def _header(data: bytes) -> tuple[bytes, int]:
    """Return the header's text and where the numbers begin."""
    version = data[len(MAGIC) : len(MAGIC) + 2]
    size = LENGTH_BYTES.get(version, 0) if data[: len(MAGIC)] == MAGIC else 0
    begin = len(MAGIC) + 2 + size
    length = int.from_bytes(data[begin - size : begin], "little")
    if not size or length > LONGEST_HEADER or begin + length > len(data):
        raise UnfitArray("not an array file of real numbers as numpy writes it")
    return data[begin : begin + length], begin + length


def _shape(text: bytes) -> tuple[int, ...]:
    """Return the sizes of the axes of a tuple's text: `30, 68, 2`, `30,` or nothing."""
    parts = [part.strip() for part in text.split(b",")]
    if parts[-1] == b"":
        parts.pop()
    if len(parts) > MOST_AXES or not all(part.isdigit() and len(part) <= 18 for part in parts):
        raise UnfitArray(f"the array file is not as its header says: a shape of ({text.decode()})")
    return tuple(map(int, parts))
