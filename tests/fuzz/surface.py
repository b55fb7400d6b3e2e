"""A place where something made by others enters the program, and the cases tried there."""

import random
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeAlias

Outcome: TypeAlias = Literal["fault", "accepted", "traceback"]
Case: TypeAlias = Any
ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Door:
    """One surface made ready in one process.

    Attributes:
        make: seeded generator -> a case.
        enter: hands a case to the product as its users would.
        expected: the types of the documented fault.
    """

    make: Callable[[random.Random], Case]
    enter: Callable[[Case], object]
    expected: tuple[type[Exception], ...]


@dataclass(frozen=True)
class Surface:
    """A surface by name.

    Attributes:
        name: as in the table.
        cases: how many a whole run makes.
        open: makes it ready: imports what it needs and makes material in a folder of its own.
        media: whether a case decodes media, so that fewer are made.
    """

    name: str
    cases: int
    open: Callable[[Path], Door]
    media: bool = False


def case_of(door: Door, surface: str, seed: int, number: int) -> Case:
    """Return a surface's case by its number: the same in every process."""
    return door.make(random.Random(f"{seed}/{surface}/{number}"))


def try_case(door: Door, case: Case) -> tuple[Outcome, str]:
    """Return how a case ended and, where it is neither documented nor accepted, where and what.

    The place and the exception's type come before the first `: `, its text after it.
    """
    try:
        door.enter(case)
    except door.expected:
        return "fault", ""
    except Exception as error:  # noqa: BLE001  the very thing that is looked for
        return "traceback", _place_of(error)
    return "accepted", ""


def _place_of(error: Exception) -> str:
    """Return the last line of this project that an exception passed, its type and its text."""
    frames = traceback.extract_tb(error.__traceback__)
    ours = [
        f for f in frames if Path(f.filename).is_relative_to(ROOT) and ".venv" not in f.filename
    ]
    last = ours[-1] if ours else frames[-1]
    place = f"{Path(last.filename).name}:{last.lineno}"
    return f"{type(error).__name__} at {place}: {str(error)[:100]!a}"
