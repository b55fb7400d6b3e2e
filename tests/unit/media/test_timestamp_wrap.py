"""Wraparound of time stamps is undone."""

import pytest

from emotalk.media.timestamp_wrap import unwrap_timestamp


@pytest.mark.parametrize(
    ("stamp", "meant"),
    [
        (0, 0),
        (40, 40),
        (2**31 - 160, -160),
        (2**32 + 40, 40),
        (2**31 + 40, 40),
        (2**30 - 1, 2**30 - 1),
    ],
)
def test_an_flv_s_31_bits_hold_times_before_0(stamp: int, meant: int) -> None:
    assert unwrap_timestamp(stamp, "flv") == meant


def test_other_containers_stamps_are_what_they_are() -> None:
    assert unwrap_timestamp(2**31 - 160, "mpegts") == 2**31 - 160
