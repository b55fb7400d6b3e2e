"""Facts come whole through lines that are short and may be mixed up."""

import random

import pytest

from emotalk.preflight.lines import joined, split

FACTS = {"packages": {f"package{n}": f"{n}.0" for n in range(300)}, "odd": "\x1b ä\n"}


def test_every_line_is_shorter_than_slurm_cuts() -> None:
    assert all(
        len(line.encode()) <= 1000 and line[-1] == "\n" for line in split("node", "a", FACTS)
    )


def test_lines_of_nodes_in_any_order_give_the_facts_of_each() -> None:
    lines = [line.rstrip("\n") for n in "abc" for line in split("node", n, {**FACTS, "is": n})]
    random.Random(1).shuffle(lines)
    found = joined(["of others", *lines])
    assert found == {("node", n): {**FACTS, "is": n} for n in "abc"}


def test_facts_that_lack_a_piece_are_none() -> None:
    lines = [line.rstrip("\n") for line in split("exchange", "a", FACTS)]
    for missing in range(len(lines)):
        assert joined(lines[:missing] + lines[missing + 1 :]) == {}


@pytest.mark.parametrize("text", ["{", "[1]", "[" * 600, "7"])
def test_what_is_no_object_is_passed_over(text: str) -> None:
    assert joined([f"preflight node a 1/1 {text}", "preflight node a 0/99999 x"]) == {}
