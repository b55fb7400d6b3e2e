"""The report's own figures, with the faults of the scripts behind them: for continuity only.

They flatter: a true 28.3 dB reads as 35.6 dB. Never shown without being named as what they are.
"""

import numpy as np

from emotalk.schema import Bytes


def psnr_of_wrapped_bytes(video_TCHW: Bytes, truth_TCHW: Bytes) -> float:
    """Return the PSNR in dB, mean over frames, computed as the scripts did: in uint8 that wraps.

    Differences and squares are taken modulo 256, so no error counts for more than 255 and many
    large ones count for nothing. Frames that then look equal are left out (NaN if all do).

    Args:
        video_TCHW: generated frames.
        truth_TCHW: true frames.

    Raises:
        ValueError: an argument is not uint8, which is what makes the fault.
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
