"""Verdicts on disk: each is found by its key, and nothing of them is left or in memory."""

import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from etl.job.verdict import Verdict, pack_face
from etl.job.verdicts import Verdicts

FACE = pack_face(np.full((68, 2), 3.25))


def verdict(number: int, reason: str = "") -> Verdict:
    face = b"" if reason else FACE
    return Verdict(f"k{number}", f"{number}.mp4", (number, 7), 25, face, reason, node="x" * 3000)


def test_each_verdict_is_found_and_a_later_one_takes_its_place(tmp_path: Path) -> None:
    with Verdicts(tmp_path) as verdicts:
        for number in range(5):
            verdicts.add(verdict(number))
        verdicts.add(verdict(2, "no_face"))
        assert [verdicts[f"k{n}"] for n in (0, 1, 3, 4)] == [verdict(n) for n in (0, 1, 3, 4)]
        assert verdicts["k2"] == verdict(2, "no_face")
        assert [verdicts.is_accepted(f"k{n}") for n in range(5)] == [True, True, False, True, True]
        assert (len(verdicts), set(verdicts)) == (5, {f"k{n}" for n in range(5)})
        assert "k5" not in verdicts
        with pytest.raises(KeyError):
            verdicts["k5"]
        faces = verdicts.faces(["k4", "k0"])
        assert len(faces) == 2
        assert np.all(faces[1] == 3.25)
        assert np.shape(faces[0:2]) == (2, 68, 2)


def test_the_file_is_removed_whatever_happens(tmp_path: Path) -> None:
    seen: list[str] = []

    def fail() -> None:
        with Verdicts(tmp_path) as verdicts:
            verdicts.add(verdict(1))
            seen.extend(path.suffix for path in tmp_path.iterdir())
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert seen == [".part"], "which clearing a store removes"
    assert list(tmp_path.iterdir()) == []


def test_a_verdict_takes_little_memory(tmp_path: Path) -> None:
    with Verdicts(tmp_path) as verdicts:
        tracemalloc.start()
        for number in range(2000):
            verdicts.add(verdict(number))
        held, _ = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert held / 2000 < 400
