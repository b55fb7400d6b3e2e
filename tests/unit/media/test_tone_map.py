"""Tone mapping against the numbers of the ITU recommendations."""

import numpy as np
import pytest
from av.video.reformatter import ColorPrimaries, ColorTrc

from emotalk.media.tone_map import needs_tone_map, nits_to_pq, pq_to_nits, roll_off, to_standard
from emotalk.schema import Bytes

PQ, HLG, SDR = ColorTrc.SMPTE2084, ColorTrc.ARIB_STD_B67, ColorTrc.BT709
WIDE, P3 = ColorPrimaries.BT2020, ColorPrimaries.SMPTE432


def shown(signal: tuple[float, float, float], transfer: int, primaries: int = WIDE) -> Bytes:
    deep = np.round(np.array(signal) * 65535).astype(np.uint16).reshape(1, 1, 3)
    return np.asarray(to_standard(deep, transfer, primaries)[0, 0], np.uint8)


# BT.2408-7, table 1, and BT.2100-2's definition: signal of a luminance in cd/m2.
@pytest.mark.parametrize(
    ("nits", "signal"),
    [(0, 0.0), (100, 0.508), (203, 0.581), (1000, 0.752), (4000, 0.903), (10_000, 1.0)],
)
def test_pq_s_signals_are_the_recommendation_s(nits: float, signal: float) -> None:
    assert float(nits_to_pq(np.array(nits))) == pytest.approx(signal, abs=1e-3)
    assert float(pq_to_nits(nits_to_pq(np.array(nits)))) == pytest.approx(nits, rel=1e-6)


def test_the_roll_off_keeps_what_is_dark_and_ends_at_white() -> None:
    """BT.2390's knee: 1.5 * 0.581 / 0.752 - 0.5 = 0.659 of 0.752, a signal of 0.496: 89 cd/m2."""
    dark = np.array([0.0, 1, 10, 50, 85])
    np.testing.assert_allclose(roll_off(dark), dark, rtol=1e-6)
    assert float(roll_off(np.array(100.0))) < 100
    np.testing.assert_allclose(roll_off(np.array([1000.0, 4000.0])), 203, rtol=1e-6)
    assert (np.diff(roll_off(np.linspace(0, 1000, 500))) > 0).all()


@pytest.mark.parametrize("nits", [5.0, 20.0, 60.0])
def test_a_grey_below_the_knee_keeps_its_light(nits: float) -> None:
    signal = float(nits_to_pq(np.array(nits)))
    wanted = 255 * (nits / 203) ** (1 / 2.4)
    np.testing.assert_allclose(shown((signal,) * 3, PQ), wanted, atol=1.5)


def test_the_peak_is_white_and_nothing_is_black() -> None:
    np.testing.assert_array_equal(shown((0.0,) * 3, PQ), 0)
    np.testing.assert_array_equal(shown((0.7518,) * 3, PQ), 255)
    np.testing.assert_array_equal(shown((1.0,) * 3, PQ), 255)
    np.testing.assert_array_equal(shown((1.0,) * 3, HLG), 255)


def test_a_grey_of_hlg_is_pq_s_of_the_same_light() -> None:
    """HLG's 0.5 is scene light 1 / 12; 1000 * (1 / 12) ** 1.2 = 50.7 cd/m2."""
    nits = 1000 * (1 / 12) ** 1.2
    assert nits == pytest.approx(50.7, abs=0.05)
    wanted = 255 * (nits / 203) ** (1 / 2.4)
    np.testing.assert_allclose(shown((0.5,) * 3, HLG), wanted, atol=1.5)


def test_hues_survive_the_roll_off() -> None:
    """Light in the ratio 4 : 2 : 1 keeps that ratio, here of BT.709's primaries."""
    light = np.array([400.0, 200.0, 100.0])
    to_2020 = np.array(
        [[0.6274, 0.3293, 0.0433], [0.0691, 0.9195, 0.0114], [0.0164, 0.0880, 0.8956]]
    )  # fmt: skip  BT.2087-0
    signal = nits_to_pq(to_2020 @ light)
    seen = (shown((float(signal[0]), float(signal[1]), float(signal[2])), PQ) / 255.0) ** 2.4
    np.testing.assert_allclose(seen / seen[2], [4, 2, 1], rtol=0.03)
    assert seen.max() < 1


@pytest.mark.parametrize("primaries", [WIDE, P3])
def test_greys_of_a_wide_gamut_stay_and_colours_are_moved(primaries: int) -> None:
    for level in (40, 128, 230):
        np.testing.assert_allclose(shown((level / 255,) * 3, SDR, primaries), level, atol=1)
    red = shown((0.6, 0.3, 0.3), SDR, primaries).astype(int)
    assert red[0] > 153  # the same numbers mean a stronger red there
    assert red[1] < 77


def test_the_red_of_bt_709_comes_back_from_bt_2020() -> None:
    light = np.array([0.6274, 0.0691, 0.0164]) * 0.5  # BT.2087-0, first column, at half the light
    seen = shown(tuple(light ** (1 / 2.4)), SDR)
    assert seen[0] == pytest.approx(255 * 0.5 ** (1 / 2.4), abs=1)
    assert seen[1:].max() <= 14  # the printed matrix has four digits


@pytest.mark.parametrize(
    ("transfer", "primaries", "needed"),
    [(PQ, WIDE, True), (HLG, WIDE, True), (PQ, 2, True), (SDR, WIDE, True), (SDR, P3, True),
     (SDR, ColorPrimaries.BT709, False), (2, 2, False), (ColorTrc.SMPTE170M, 6, False)],
)  # fmt: skip
def test_only_what_a_standard_display_cannot_show_is_mapped(
    transfer: int, primaries: int, needed: bool
) -> None:
    assert needs_tone_map(transfer, primaries) is needed
