"""A frame becomes the picture that a player shows."""

import struct
from pathlib import Path

import numpy as np
import pytest

from emotalk.media.frames import read_video
from tests.helpers.clips import write_clip


@pytest.mark.parametrize(("quarters", "matrix"), [(1, (0, -1, 1, 0)), (3, (0, 1, -1, 0))])
def test_a_phone_held_upright_gives_upright_frames(
    tmp_path: Path, quarters: int, matrix: tuple[int, int, int, int]
) -> None:
    path = write_clip(tmp_path / "clip.mp4", container="mp4")
    lying = next(read_video(path).at([5]))
    data = bytearray(path.read_bytes())
    a, b, c, d = matrix
    unity = struct.pack(">9i", 1 << 16, 0, 0, 0, 1 << 16, 0, 0, 0, 1 << 30)
    turned = struct.pack(">9i", a << 16, b << 16, 0, c << 16, d << 16, 0, 0, 0, 1 << 30)
    at = data.index(unity, data.index(b"tkhd"))
    data[at : at + len(unity)] = turned
    path.write_bytes(data)
    upright = read_video(path)
    assert upright.size == lying.shape[1::-1]
    np.testing.assert_array_equal(next(upright.at([5])), np.rot90(lying, quarters))
