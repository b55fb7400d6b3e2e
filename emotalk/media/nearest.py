"""Find the frames of a video that are nearest in time to wanted times."""

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from emotalk.schema import Doubles

Indices: TypeAlias = NDArray[np.int64]


def nearest(times_s: Doubles, wanted_s: Doubles) -> Indices:
    """Return for each wanted time the index of the nearest of rising `times_s`; ties: earlier."""
    after = np.clip(np.searchsorted(times_s, wanted_s), 1, max(1, len(times_s) - 1))
    if len(times_s) == 1:
        return np.zeros(len(wanted_s), np.int64)
    before = after - 1
    closer = wanted_s - times_s[before] <= times_s[after] - wanted_s + 1e-9
    return np.where(closer, before, after).astype(np.int64)
