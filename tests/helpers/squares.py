"""Draw frames with textured squares in place of faces."""

import numpy as np

from emotalk.schema import Bytes

SIDE = 64  # of a drawn face, pixels


def texture(seed: int) -> Bytes:
    """Return a square unlike those of other seeds, coarse enough for sub-pixel comparison."""
    coarse = np.random.default_rng(seed).integers(30, 255, (8, 8, 3)).astype(np.uint8)
    return np.kron(coarse, np.ones((SIDE // 8, SIDE // 8, 1), np.uint8))


def drawn(*faces: tuple[int, int, int]) -> Bytes:
    """Return a black frame with textured squares, each given as seed, left, top."""
    frame = np.zeros((240, 320, 3), np.uint8)
    for seed, left, top in faces:
        frame[top : top + SIDE, left : left + SIDE] = texture(seed)
    return frame
