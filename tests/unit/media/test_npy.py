"""Arrays in numpy's file format are read, all others refused."""

import io
import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from emotalk.media.npy import UnfitArray, read_npy
from tests.helpers.shared import shared_data


def stored(array: np.ndarray) -> bytes:
    stream = io.BytesIO()
    np.save(stream, array)
    return stream.getvalue()


@pytest.mark.parametrize("shape", [(), (0,), (3,), (5, 68, 2), (0, 68, 2), (1, 1, 1, 1, 2)])
@pytest.mark.parametrize("dtype", ["<f2", "<f4", ">f4", "<f8", ">f8"])
@pytest.mark.parametrize("order", ["C", "F"])
def test_real_numbers_are_read_as_numpy_reads_them(
    shape: tuple[int, ...], dtype: str, order: str
) -> None:
    numbers = np.arange(np.prod(shape, dtype=int)).reshape(shape)
    array = np.asarray(numbers, dtype, order="F" if order == "F" else "C")
    read = read_npy(stored(array))
    assert read.dtype == np.float32
    np.testing.assert_array_equal(read, numbers.astype(np.float32))


@pytest.mark.parametrize("version", [(1, 0), (2, 0), (3, 0)])
def test_every_version_of_the_format_is_read(version: tuple[int, int]) -> None:
    stream = io.BytesIO()
    np.lib.format.write_array(stream, np.ones((4, 2), np.float32), version=version)
    np.testing.assert_array_equal(read_npy(stream.getvalue()), np.ones((4, 2)))


def test_the_header_that_hung_the_reader_is_refused() -> None:
    with pytest.raises(UnfitArray, match="not an array file"):
        read_npy(shared_data("data/faults/hostile/npy_redos.npy").read_bytes())


@pytest.mark.parametrize(
    "shape", ["9" * 60 + "X", "1" * 60, "1," * 30, "999999999999, 999999999999", "-1", "1_0", "1e3"]
)
def test_a_shape_that_does_not_fit_the_bytes_takes_no_memory(shape: str) -> None:
    text = f"{{'descr': '<f8', 'fortran_order': False, 'shape': ({shape}), }}\n".encode()
    data = b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text + b"\0" * 16
    tracemalloc.start()
    with pytest.raises(UnfitArray):
        read_npy(data)
    assert tracemalloc.get_traced_memory()[1] < 100_000
    tracemalloc.stop()


@pytest.mark.parametrize("dtype", ["O", "i4", "U3", "c8", "M8[s]", "f4,f4", "?", "V8"])
def test_other_kinds_of_values_are_refused(dtype: str) -> None:
    stream = io.BytesIO()
    np.save(stream, np.zeros(3, dtype), allow_pickle=True)
    with pytest.raises(UnfitArray, match="not an array file of real numbers"):
        read_npy(stream.getvalue())


@given(st.data())
def test_changed_bytes_are_read_or_refused_and_nothing_else(data: st.DataObject) -> None:
    changed = bytearray(stored(np.ones((3, 2), np.float32)))
    places = st.tuples(st.integers(0, len(changed) - 1), st.integers(0, 255))
    for place, value in data.draw(st.lists(places, min_size=1, max_size=6)):
        changed[place] = value
    try:
        assert read_npy(bytes(changed)).size == 6
    except UnfitArray:
        return
