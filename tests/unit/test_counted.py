"""A number stands with the right form of its word."""

import pytest

from emotalk.counted import counted


@pytest.mark.parametrize(("number", "text"), [(0, "0 rows"), (1, "1 row"), (2, "2 rows")])
def test_only_one_takes_the_singular(number: int, text: str) -> None:
    assert counted(number, "row") == text


def test_irregular_plurals_and_large_numbers_are_written_as_asked() -> None:
    assert counted(1, "person", plural="people") == "1 person"
    assert counted(2, "person", plural="people") == "2 people"
    assert counted(12345, "clip", form=",") == "12,345 clips"
