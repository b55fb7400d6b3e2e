"""Random draws keyed by what they are for, so that ranks and workers change nothing.

A window, a noise field or an augmentation depends on (seed, step or epoch, sample key, purpose) and
on nothing else. The same draw is therefore made by whichever process meets the sample.
"""

import hashlib

import numpy as np


def draw_seed(seed: int, *parts: str | int) -> int:
    """Return the 63-bit seed of one draw, a pure function of its arguments.

    Args:
        seed: the run's seed.
        parts: what the draw is for, from general to particular: `("window", epoch, key)`.
    """
    text = "\x1f".join([str(seed), *(f"{type(part).__name__}:{part}" for part in parts)])
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest()) >> 1


def numpy_generator(seed: int, *parts: str | int) -> np.random.Generator:
    """Return a numpy generator that starts at the keyed draw `parts`."""
    return np.random.Generator(np.random.PCG64(draw_seed(seed, *parts)))
