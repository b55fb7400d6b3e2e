"""Faults made by rule: what the rules make of a few lines, and what they leave alone."""

from pathlib import Path

import pytest

from tests.mutants.faults import faults_of
from tests.mutants.rules import RULES
from tests.mutants.sample import PACKAGES, all_faults, draw, shares

ROOT = Path(__file__).parents[2]

MODULE = b'''"""Text."""
LIMIT = 3


def mean(values: list[float], start: int = 0) -> float:
    """Return 1."""
    with frozen(values):
        update(values, start, rate=0.5)
    if start < LIMIT and not values:
        raise ValueError(f"{start - 1} of 7")
    return -sum(values) / len(values)
'''


def changes(source: bytes) -> dict[str, set[str]]:
    made: dict[str, set[str]] = {}
    for fault in faults_of("x.py", source):
        made.setdefault(fault.rule, set()).add(fault.change)
    return made


def test_every_rule_makes_its_faults() -> None:
    made = changes(MODULE.replace(b"-sum(values)", b"-(sum(values) - start)"))
    assert set(made) == set(RULES)
    assert made["argument swapped"] == {
        "update(values, start, rate=0.5)  ->  (update(start, values, rate=0.5))"
    }
    assert made["argument dropped"] == {
        "update(values, start, rate=0.5)  ->  (update(values, start))",
        "update(values, start, rate=0.5)  ->  (update(values, rate=0.5))",
    }
    assert made["comparison"] == {"start < LIMIT  ->  (start >= LIMIT)"}
    assert made["boundary"] == {"start < LIMIT  ->  (start <= LIMIT)"}
    assert made["constant"] == {"3  ->  4", "0  ->  1", "0.5  ->  1.0"}
    assert "frozen(values)  ->  __import__('contextlib').nullcontext()" in made["call dropped"]
    assert "update(values, start, rate=0.5)  ->  pass" in made["call dropped"]


def test_arguments_that_may_change_places_do_not() -> None:
    assert "argument swapped" not in changes(b"x = max(a, b)\n")
    assert "argument swapped" not in changes(b"x = np.minimum(a, b)\n")
    assert "argument swapped" in changes(b"x = f(a, b)\n")


def test_a_fault_changes_its_place_alone() -> None:
    for fault in faults_of("x.py", MODULE):
        changed = fault.set_into(MODULE)
        start, end = fault.span
        assert MODULE[start:end].decode() == fault.before
        assert changed == MODULE[:start] + fault.after.encode() + MODULE[end:]
        compile(changed, "x.py", "exec")


def test_text_for_people_is_left_alone() -> None:
    source = b'"""One 1."""\nimport logging\nLOG = logging.getLogger("a")\nLOG.info("%d", 1 + 2)\n'
    assert faults_of("x.py", source) == []
    lines = {fault.code for fault in faults_of("x.py", MODULE)}
    assert not any(line.startswith(("raise", '"""')) for line in lines)


def test_a_fault_keeps_its_name_when_its_line_moves() -> None:
    moved = MODULE.replace(b"LIMIT = 3\n", b"LIMIT = 3\n\nOTHER = 'x'\n\n")
    assert {f.key for f in faults_of("x.py", MODULE)} == {f.key for f in faults_of("x.py", moved)}


def test_equal_changes_of_equal_lines_have_different_names() -> None:
    source = b"def f(a: int) -> None:\n    g(a - 1)\n    g(a - 1)\n"
    keys = [fault.key for fault in faults_of("x.py", source)]
    assert len(set(keys)) == len(keys)


def test_places_after_other_than_ascii_letters_are_found() -> None:
    source = 'NAME = "äöü"; SIZE = 3\n'.encode()
    (fault,) = [fault for fault in faults_of("x.py", source) if fault.rule == "constant"]
    assert fault.set_into(source).decode() == 'NAME = "äöü"; SIZE = 4\n'


@pytest.mark.parametrize("package", sorted(PACKAGES))
def test_every_package_has_faults_of_every_kind(package: str) -> None:
    drawn = draw(all_faults(ROOT, package), 18, seed=0)
    assert len({fault.key for fault in drawn}) == 18
    assert len({fault.rule for fault in drawn}) >= 8
    assert len({fault.file for fault in drawn}) >= 3
    for fault in drawn:
        compile(fault.set_into((ROOT / fault.file).read_bytes()), fault.file, "exec")


def test_a_draw_is_that_of_its_seed() -> None:
    faults = all_faults(ROOT, "losses")
    first = [fault.key for fault in draw(faults, 10, seed=1)]
    assert first == [fault.key for fault in draw(reversed(faults), 10, seed=1)]
    assert first != [fault.key for fault in draw(faults, 10, seed=2)]


def test_the_faults_are_shared_evenly() -> None:
    assert shares(9, ["a", "b", "c", "d"]) == {"a": 3, "b": 2, "c": 2, "d": 2}
