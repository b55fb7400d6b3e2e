"""Images are rotated as Pillow does; damaged EXIF blocks are harmless."""

import struct
import tracemalloc

import numpy as np
import pytest
from PIL import Image, ImageOps

from emotalk.media.orientation import exif_orientation, upright, xmp_orientation


def exif_block(number: int) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = number
    return exif.tobytes().removeprefix(b"Exif\0\0")


@pytest.mark.parametrize("number", range(1, 9))
def test_each_orientation_is_undone_as_pillow_does(number: int) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (5, 7, 3), np.uint8)
    image = Image.fromarray(pixels)
    image.getexif()[0x0112] = number
    wanted = np.asarray(ImageOps.exif_transpose(image))
    assert exif_orientation(exif_block(number)) == number
    np.testing.assert_array_equal(upright(pixels, number), wanted)
    assert upright(pixels, number).flags.c_contiguous


@pytest.mark.parametrize("number", [0, 9, 65535])
def test_an_orientation_that_is_none_counts_as_upright(number: int) -> None:
    assert exif_orientation(exif_block(number)) == 1


@pytest.mark.parametrize("block", [b"", b"II*\0", b"XX*\0\x08\0\0\0", b"II*\0\xff\xff\xff\xff"])
def test_a_broken_block_counts_as_upright(block: bytes) -> None:
    assert exif_orientation(block) == 1


def test_values_that_overlap_cost_no_memory() -> None:
    size = 1_000_000
    entries = b"".join(struct.pack("<HHII", tag, 7, size, 0) for tag in range(60_000))
    block = b"II*\0\x08\0\0\0" + struct.pack("<H", 60_000) + entries + bytes(size)
    tracemalloc.start()
    assert exif_orientation(block) == 1
    assert tracemalloc.get_traced_memory()[1] < 10 * len(block)
    tracemalloc.stop()


def test_an_orientation_in_xmp_is_read_in_both_spellings() -> None:
    assert xmp_orientation(b'<rdf tiff:Orientation="6"/>') == 6
    assert xmp_orientation(b"<tiff:Orientation>3</tiff:Orientation>") == 3
    assert xmp_orientation(b"<nothing/>") == 1
