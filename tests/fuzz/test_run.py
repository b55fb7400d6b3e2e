"""The fuzzer itself: whatever a case does is noticed, counted and can be tried again."""

import os
import platform
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.fuzz import run as fuzz
from tests.fuzz.mutate import Random, change_bytes, change_json
from tests.fuzz.surface import Door, Surface, case_of
from tests.fuzz.surfaces import SURFACES

BAD_CASES = {3: "traceback", 7: "hang", 11: "crash", 13: "memory"}


def misbehaves(folder: Path) -> Door:
    """Return a door whose cases are their own numbers, in order."""
    count = iter(range(10**6))
    del folder

    def make(rng: Random) -> float:
        next(count)
        return rng.random()

    numbers = {case_of(Door(Random.random, print, ()), "bad", 0, n): n for n in range(20)}

    def enter(case: float) -> None:
        number = numbers[case]
        kind = BAD_CASES.get(number)
        if kind == "traceback":
            raise KeyError(number)
        if kind == "hang":
            time.sleep(3600)
        if kind == "crash":
            os.abort()
        if kind == "memory":
            bytearray(b"x") * (800 * 2**20)  # touched, not only asked for
        if number % 2:
            raise ValueError("documented")

    return Door(make, enter, (ValueError,))


def test_every_end_of_a_case_is_counted_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fuzz, "HANG_S", 3.0)
    monkeypatch.setattr(os, "getloadavg", lambda: (0.0, 0.0, 0.0))
    monkeypatch.setattr(fuzz, "MAX_BYTES", 400 * 2**20)
    tally = fuzz.run([Surface("bad", 20, misbehaves)], 0, processes=1)["bad"]
    assert dict(tally.counts) == {
        "fault": 6,
        "accepted": 10,
        "traceback": 1,
        "hang": 1,
        "crash": 1,
        "memory": 1,
    }
    told = fuzz.table({"bad": tally})
    for number, kind in BAD_CASES.items():
        assert f"bad: 1 x {kind}" in told
        assert f"--replay 'bad:{number}'" in told


AFTER_A_TRAINING = """
from emotalk.host_memory import keep_freed_memory
from tests.fuzz import run as fuzz
from tests.fuzz.surface import Surface
from tests.fuzz.test_run import misbehaves
keep_freed_memory()
held = [bytearray(b"x") * 2**20 for _ in range(1200)]
del held
fuzz.HANG_S = 3.0
fuzz.MAX_BYTES = 400 * 2**20
tally = fuzz.run([Surface("bad", 14, misbehaves)], 0, processes=1)["bad"]
print(tally.counts["memory"])
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="another C library than glibc")
def test_memory_counts_though_the_parent_kept_as_much_free() -> None:
    """A training in the same process keeps what it frees, and a fork inherits it."""
    command = [sys.executable, "-c", AFTER_A_TRAINING]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout == "1\n"


def test_a_busy_machine_gets_more_time_before_a_case_counts_as_hanging(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _pid: {0, 1})
    for load, times in ((0.0, 1.0), (2.0, 1.0), (20.0, 10.0)):
        monkeypatch.setattr(os, "getloadavg", lambda load=load: (load, load, load))
        assert fuzz.patience_s() == fuzz.HANG_S * times


def test_how_far_it_is_is_said_while_it_goes_on(capsys: pytest.CaptureFixture[str]) -> None:
    quick = Surface("quick", 5, lambda _folder: Door(Random.random, print, ()))
    fuzz.run([quick], 0, processes=1)
    assert capsys.readouterr().err == "quick: 5 cases, 0 bad\n"


def test_a_surface_that_cannot_be_made_ready_ends_the_run() -> None:
    def broken(folder: Path) -> Door:
        raise OSError(f"no room in {folder}")

    with pytest.raises(RuntimeError, match="broken cannot be tried"):
        fuzz.run([Surface("broken", 5, broken)], 0, processes=1)


def test_a_case_is_the_same_whenever_it_is_made() -> None:
    door = Door(lambda rng: change_bytes(bytes(range(200)), rng), print, ())
    cases = [case_of(door, "x", 5, number) for number in range(50)]
    assert cases == [case_of(door, "x", 5, number) for number in range(50)]
    assert len(set(cases)) > 40
    assert cases != [case_of(door, "x", 6, number) for number in range(50)]


def test_changes_of_one_tree_leave_the_next_alone() -> None:
    tree = {"a": [1, 2], "b": {"c": "d"}}
    first = change_json(tree, Random(5))
    for number in range(2000):
        change_json(tree, Random(number))
    assert change_json(tree, Random(5)) == first


def test_changed_trees_differ_from_the_tree() -> None:
    tree = {"a": [1, 2], "b": {"c": "d"}}
    made = {change_json(tree, Random(number)) for number in range(200)}
    assert len(made) > 120


def test_there_are_as_many_cases_as_promised() -> None:
    assert sum(surface.cases for surface in SURFACES) >= 200_000
    for surface in SURFACES:
        assert surface.cases >= (1000 if surface.media else 5000), surface.name


def test_names_of_any_letters_can_be_written_to_disk(tmp_path: Path) -> None:
    for surface in (surface for surface in SURFACES if surface.name.startswith("names ")):
        door = surface.open(tmp_path)
        cases = [case_of(door, surface.name, 7, number) for number in range(200)]
        assert all(isinstance(name, bytes) for names in cases for name in names)
        assert any(b"\xed\xa0\x80" in name for names in cases for name in names), "half a pair"
