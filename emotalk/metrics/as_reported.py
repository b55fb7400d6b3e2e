"""Compute a figure with the fault of the original report's scripts, to compare with its tables.

The fault flatters: 28.3 dB become 35.6 dB. Reports always name these figures as faulty.
"""

import numpy as np

from emotalk.schema import Bytes


def psnr_of_wrapped_bytes(video_TCHW: Bytes, truth_TCHW: Bytes) -> float:
    """Return the PSNR in dB, mean over frames, computed in uint8 arithmetic that wraps.

    Differences and squares are taken modulo 256, so that many large errors become small. Frames
    whose error wraps to zero are left out (NaN if all do).

    Raises:
        ValueError: an argument is not uint8.
    """
    if video_TCHW.dtype != np.uint8 or truth_TCHW.dtype != np.uint8:
        raise ValueError(
            f"as reported: uint8 frames only, got {video_TCHW.dtype} and {truth_TCHW.dtype}"
        )
    with np.errstate(over="ignore"):
        wrapped = np.square(video_TCHW - truth_TCHW)
    error_T = wrapped.astype(np.float64).mean((1, 2, 3))
    differs = error_T > 0
    if not differs.any():
        return float("nan")
    return float((10 * np.log10(255**2 / error_T[differs])).mean())
