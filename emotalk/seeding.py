"""Derive seeds of random draws from their purpose, independent of ranks and workers.

A window, a noise field or an augmentation depends on (seed, step or epoch, sample key, purpose) and
on nothing else. The same draw is therefore made by whichever process meets the sample.
"""

import hashlib

import numpy as np


def draw_seed(seed: int, *parts: str | int) -> int:
    """Return the 63-bit seed of one draw, which depends on the arguments alone.

    Args:
        seed: the run's seed.
        parts: purpose of the draw, from general to particular: `("window", epoch, key)`.
    """
    text = "\x1f".join([str(seed), *(f"{type(part).__name__}:{part}" for part in parts)])
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest()) >> 1


def numpy_generator(seed: int, *parts: str | int) -> np.random.Generator:
    """Return a numpy generator seeded by `draw_seed` with the same arguments."""
    return np.random.Generator(np.random.PCG64(draw_seed(seed, *parts)))
