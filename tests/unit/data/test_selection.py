"""What is said of clips that a run leaves out."""

from emotalk.data.selection import NAMES_SHOWN, left_out_lines


def test_clips_left_out_are_counted_and_the_first_ones_named() -> None:
    few = [f"clip{number}" for number in range(NAMES_SHOWN)]
    many = [*few, "last"]
    names = ", ".join(few)
    assert left_out_lines({"too short": few, "no still": many}) == [
        f"{NAMES_SHOWN} clips left out, too short: {names}",
        f"{NAMES_SHOWN + 1} clips left out, no still: {names}, ...",
    ]
