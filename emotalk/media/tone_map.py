"""Map images of high dynamic range or wide gamut to standard range and BT.709 colours.

Transfer functions: ITU-R BT.2100-2 (PQ, and HLG with its system gamma for 1000 cd/m2), else
BT.1886. Highlights are compressed by the EETF of ITU-R BT.2390-10, from a mastering peak of
1000 cd/m2 to reference white (203 cd/m2, ITU-R BT.2408), by the largest of the three BT.709 colours
so that hues do not change. Colours of BT.2020 and P3 outside BT.709 are clipped.
"""

import math
from functools import lru_cache

import numpy as np
from av.video.reformatter import ColorPrimaries, ColorTrc
from numpy.typing import NDArray

from emotalk.schema import Bytes, Doubles, Floats

PEAK_NITS = 1000.0
WHITE_NITS = 203.0
PQ_PEAK_NITS = 10_000.0
PQ_M1, PQ_M2 = 2610 / 16384, 2523 / 4096 * 128
PQ_C1, PQ_C2, PQ_C3 = 3424 / 4096, 2413 / 4096 * 32, 2392 / 4096 * 32
HLG_GAMMA = 1.2  # for a display of 1000 cd/m2
DISPLAY_GAMMA = 2.4
LUMA_2020 = (0.2627, 0.6780, 0.0593)
# Linear light of the named primaries (white D65) -> BT.709's.
TO_709 = {
    ColorPrimaries.BT2020: ((1.660491, -0.587641, -0.072850), (-0.124550, 1.132900, -0.008349),
                            (-0.018151, -0.100579, 1.118730)),
    ColorPrimaries.SMPTE432: ((1.224940, -0.224940, 0.0), (-0.042057, 1.042057, 0.0),
                              (-0.019638, -0.078636, 1.098274)),
}  # fmt: skip
CODES = 4096  # table size: the upper 12 of 16 bits


def needs_tone_map(transfer: int, primaries: int) -> bool:
    """Return whether a stream has high dynamic range or a wide gamut, by FFmpeg's numbers."""
    return transfer in (ColorTrc.SMPTE2084, ColorTrc.ARIB_STD_B67) or primaries in TO_709


def to_standard(deep_HWC: NDArray[np.uint16], transfer: int, primaries: int) -> Bytes:
    """Return an image in standard range and BT.709 colours, uint8 (H, W, 3).

    Args:
        deep_HWC: R'G'B' of full range in 16 bits (H, W, 3).
        transfer: FFmpeg's number of the transfer function.
        primaries: FFmpeg's number of the primaries; unspecified ones of PQ and HLG are BT.2020's.
    """
    light_HWC = _linear_table(transfer)[deep_HWC >> 4]  # 1 is reference white
    if transfer == ColorTrc.ARIB_STD_B67:
        luma_HW = light_HWC @ np.array(LUMA_2020, np.float32)
        gain_HW = np.power(np.maximum(luma_HW, 1e-6), np.float32(HLG_GAMMA - 1))
        light_HWC = light_HWC * (gain_HW * np.float32(PEAK_NITS / WHITE_NITS))[..., None]
    wide = ColorPrimaries(primaries) if primaries in TO_709 else ColorPrimaries.BT2020
    shown_HWC = np.maximum(light_HWC @ np.array(TO_709[wide], np.float32).T, 0.0)
    if transfer in (ColorTrc.SMPTE2084, ColorTrc.ARIB_STD_B67):
        peaks, shares = _roll_off_table()
        share_HW = np.interp(shown_HWC.max(2), peaks, shares).astype(np.float32)
        shown_HWC = shown_HWC * share_HW[..., None]
    shown_HWC = np.minimum(shown_HWC, 1.0)
    levels_HWC = np.rint(255 * np.power(shown_HWC, np.float32(1 / DISPLAY_GAMMA)))
    return np.asarray(levels_HWC, np.uint8)


def pq_to_nits(signal: Doubles) -> Doubles:
    """Return the luminance in cd/m2 of PQ signals in [0, 1] (BT.2100-2, table 4)."""
    power = np.power(np.clip(signal, 0.0, 1.0), 1 / PQ_M2)
    linear = np.maximum(power - PQ_C1, 0) / (PQ_C2 - PQ_C3 * power)
    return np.asarray(PQ_PEAK_NITS * np.power(linear, 1 / PQ_M1))


def nits_to_pq(nits: Doubles) -> Doubles:
    """Return the PQ signals in [0, 1] of luminances in cd/m2."""
    power = np.power(np.clip(nits / PQ_PEAK_NITS, 0.0, 1.0), PQ_M1)
    return np.asarray(np.power((PQ_C1 + PQ_C2 * power) / (1 + PQ_C3 * power), PQ_M2))


def roll_off(nits: Doubles) -> Doubles:
    """Return luminances mastered for `PEAK_NITS`, mapped to a display of `WHITE_NITS`.

    BT.2390-10, 5.4.1: below a knee nothing changes, above it a Hermite spline leads to the peak.
    """
    master = float(nits_to_pq(np.array(PEAK_NITS)))
    signal = np.minimum(nits_to_pq(nits) / master, 1.0)
    peak = float(nits_to_pq(np.array(WHITE_NITS))) / master
    knee = 1.5 * peak - 0.5
    t = np.clip((signal - knee) / (1 - knee), 0.0, 1.0)
    spline = (
        (2 * t**3 - 3 * t**2 + 1) * knee
        + (t**3 - 2 * t**2 + t) * (1 - knee)
        + (-2 * t**3 + 3 * t**2) * peak
    )
    return pq_to_nits(np.where(signal < knee, signal, spline) * master)


@lru_cache(maxsize=4)
def _linear_table(transfer: int) -> Floats:
    """Return linear light of each code: in units of reference white, for HLG of the scene."""
    signal = (np.arange(CODES) + 0.5) / CODES
    signal[0], signal[-1] = 0.0, 1.0
    if transfer == ColorTrc.SMPTE2084:
        light = pq_to_nits(signal) / WHITE_NITS
    elif transfer == ColorTrc.ARIB_STD_B67:
        light = _hlg_to_scene(signal)
    else:
        light = signal**DISPLAY_GAMMA
    return light.astype(np.float32)


def _hlg_to_scene(signal: Doubles) -> Doubles:
    """Return scene light in [0, 1] of HLG signals (BT.2100-2, table 5)."""
    a, b = 0.17883277, 0.28466892
    c = 0.5 - a * math.log(4 * a)
    light: Doubles = np.where(signal <= 0.5, signal**2 / 3, (np.exp((signal - c) / a) + b) / 12)
    return light


@lru_cache(maxsize=1)
def _roll_off_table() -> tuple[Doubles, Doubles]:
    """Return light in units of reference white, and its factors of `roll_off`."""
    light = np.concatenate([[1e-4], np.geomspace(0.01, PQ_PEAK_NITS / WHITE_NITS, 2000)])
    return light, roll_off(light * WHITE_NITS) / WHITE_NITS / light
