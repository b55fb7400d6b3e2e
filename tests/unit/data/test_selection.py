"""Clips that a run leaves out are counted, and the first of them named."""

from emotalk.data.selection import left_out_lines


def test_clips_left_out_are_counted_and_the_first_ones_named() -> None:
    eight = [f"clip{number}" for number in range(8)]
    names = "clip0, clip1, clip2, clip3, clip4, clip5, clip6, clip7"
    assert left_out_lines({"too short": eight, "no still": [*eight, "last"]}) == [
        f"8 clips left out, too short: {names}",
        f"9 clips left out, no still: {names}, ...",
    ]
