"""Clips that a run leaves out are counted, and the first of them named."""

import pytest

from emotalk.data.selection import check_emotions, left_out_lines
from emotalk.errors import WrongUse
from emotalk.shards.sample_table import Sample, SampleTable


def test_clips_left_out_are_counted_and_the_first_ones_named() -> None:
    eight = [f"clip{number}" for number in range(8)]
    names = "clip0, clip1, clip2, clip3, clip4, clip5, clip6, clip7"
    assert left_out_lines({"too short": eight, "no still": [*eight, "last"]}) == [
        f"8 clips left out, too short: {names}",
        f"9 clips left out, no still: {names}, ...",
    ]


def test_an_unknown_emotion_fits_every_set_and_a_strange_one_none() -> None:
    samples = SampleTable.of([Sample(f"c{e}", 40, "a", e, None, 0, {}) for e in ("anger", None)])
    check_emotions(samples, ("anger", "neutral"), "set")
    with pytest.raises(WrongUse, match="set: has clips of anger, but the run's emotions are neut"):
        check_emotions(samples, ("neutral",), "set")
