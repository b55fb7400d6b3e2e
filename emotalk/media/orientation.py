"""Read the orientation of an image from EXIF or XMP, and rotate the image upright.

EXIF's numbers: 1 is upright, 2 to 4 are mirrored or upside down, 5 to 8 lie on a side.
"""

import re
import struct

import numpy as np

from emotalk.schema import Bytes

UPRIGHT = 1
TAG = 0x0112
ENTRY_BYTES = 12
XMP_ORIENTATION = re.compile(rb"tiff:Orientation(?:>|\s*=\s*[\"'])\s*([1-8])")


def upright(image_HWC: Bytes, orientation: int) -> Bytes:
    """Return the image (H, W, 3) upright, contiguous in memory.

    Args:
        image_HWC: the pixels as stored.
        orientation: EXIF's number, 1 to 8.
    """
    if orientation >= 5:  # stored by columns
        image_HWC = image_HWC.swapaxes(0, 1)
    if orientation in (2, 3, 6, 7):
        image_HWC = image_HWC[:, ::-1]
    if orientation in (3, 4, 7, 8):
        image_HWC = image_HWC[::-1]
    return np.ascontiguousarray(image_HWC)


def exif_orientation(exif: bytes | memoryview) -> int:
    """Return the orientation in an EXIF block, 1 if there is none.

    Only this value of the first directory is read: a block may claim 65,535 values that are each as
    large as itself.

    Args:
        exif: the block from its byte order mark (`II` or `MM`) on.
    """
    data = bytes(exif[:8])
    if len(data) < 8 or data[:2] not in (b"II", b"MM"):
        return UPRIGHT
    order = "<" if data[:2] == b"II" else ">"
    start = struct.unpack(order + "I", data[4:8])[0]
    head = bytes(exif[start : start + 2])
    entries = struct.unpack(order + "H", head)[0] if len(head) == 2 else 0
    directory = bytes(exif[start + 2 : start + 2 + entries * ENTRY_BYTES])
    for place in range(0, len(directory) - ENTRY_BYTES + 1, ENTRY_BYTES):
        tag, kind, _, value = struct.unpack_from(order + "HHIH", directory, place)
        if tag == TAG and kind == 3:
            return value if 1 <= value <= 8 else UPRIGHT
    return UPRIGHT


def xmp_orientation(packet: bytes | memoryview) -> int:
    """Return the orientation in an XMP packet, 1 if there is none."""
    found = XMP_ORIENTATION.search(packet)
    return int(found[1]) if found else UPRIGHT
