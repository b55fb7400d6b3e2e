"""Try the cases of every surface in processes that may hang, crash or eat memory.

    python -m tests.fuzz.run [--seed 0] [--share 1.0] [--only manifest,yaml] [--processes 2]
    python -m tests.fuzz.run --replay yaml:1234

Prints a table and exits 1 unless every case was accepted or answered with the documented fault;
says on stderr how far it is. A case hangs after `HANG_S`, times the runnable processes per core.
A case is made from (seed, surface, number), so that any one of them can be tried again alone.
"""

import argparse
import ctypes
import multiprocessing
import os
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from multiprocessing.context import ForkProcess
from pathlib import Path
from typing import Any

from tests.fuzz.surface import Surface, case_of, try_case
from tests.fuzz.surfaces import SURFACES
from tests.helpers.peak_memory import begin_peak, peak

HANG_S = 10.0
MAX_BYTES = 2 * 2**30
KILL_BYTES = 5 * 2**30
CHUNK = 2000
OUTCOMES = ("fault", "accepted", "traceback", "hang", "memory", "crash")
BAD = OUTCOMES[2:]
PAGE = os.sysconf("SC_PAGE_SIZE")
FORK = multiprocessing.get_context("fork")


@dataclass
class Tally:
    """How the cases of one surface ended.

    Attributes:
        counts: outcome -> cases.
        told: what went wrong where -> (how often, number of the first such case, its text).
        elapsed_s: spent, over all processes.
    """

    counts: Counter[str] = field(default_factory=Counter)
    told: dict[str, tuple[int, int, str]] = field(default_factory=dict)
    elapsed_s: float = 0.0

    def add(self, outcome: str, number: int, what: str = "") -> None:
        """Count one case."""
        self.counts[outcome] += 1
        if outcome in BAD:
            place, _, text = what.partition(": ")
            times, first, known = self.told.get(f"{outcome} {place}", (0, number, text))
            if number < first:
                first, known = number, text
            self.told[f"{outcome} {place}"] = (times + 1, first, known)


class Shared(ctypes.Structure):
    """What a working process shows the one that watches it."""

    _fields_ = (("number", ctypes.c_long), ("began", ctypes.c_double), ("ready", ctypes.c_int))


@dataclass
class Work:
    """A run of one surface's cases in a process of its own."""

    surface: Surface
    first: int
    end: int
    shared: Any
    results: Any
    process: ForkProcess
    started: float


def main() -> int:
    """Run the command and return its exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--share", type=float, default=1.0, help="of every surface's cases")
    parser.add_argument("--only", default="", help="names of surfaces, with commas")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--replay", default="", metavar="SURFACE:NUMBER")
    options = parser.parse_args()
    if options.replay:
        return replay(options.replay, options.seed)
    only = [name for name in options.only.split(",") if name]
    surfaces = [surface for surface in SURFACES if not only or surface.name in only]
    tallies = run(surfaces, options.seed, options.share, options.processes)
    sys.stdout.write(table(tallies))
    return int(any(tally.counts[name] for tally in tallies.values() for name in BAD))


def replay(place: str, seed: int) -> int:
    """Try one case in this very process, with its traceback if it has one."""
    name, _, number = place.partition(":")
    surface = next(surface for surface in SURFACES if surface.name == name)
    with tempfile.TemporaryDirectory() as folder:
        door = surface.open(Path(folder))
        case = case_of(door, surface.name, seed, int(number))
        sys.stdout.write(f"{str(case)[:2000]!r}\n")
        try:
            door.enter(case)
        except door.expected as error:
            sys.stdout.write(f"documented fault: {error}\n")
            return 0
    sys.stdout.write("accepted\n")
    return 0


def run(
    surfaces: list[Surface], seed: int, share: float = 1.0, processes: int = 2
) -> dict[str, Tally]:
    """Return how the cases of each surface ended."""
    tallies = {surface.name: Tally() for surface in surfaces}
    waiting = list(_chunks(surfaces, share))[::-1]
    working: list[Work] = []
    while waiting or working:
        while waiting and len(working) < processes:
            surface, first, end = waiting.pop()
            working.append(_start(surface, first, end, seed))
        time.sleep(0.02)
        for work in list(working):
            tally = tallies[work.surface.name]
            rest = _look(work, tally)
            if rest is not None:
                working.remove(work)
                tally.elapsed_s += time.monotonic() - work.started
                _say_progress(work.surface.name, tally)
                if rest < work.end:
                    waiting.append((work.surface, rest, work.end))
    return tallies


def _say_progress(name: str, tally: Tally) -> None:
    bad = sum(tally.counts[outcome] for outcome in BAD)
    sys.stderr.write(f"{name}: {sum(tally.counts.values())} cases, {bad} bad\n")
    sys.stderr.flush()


def _chunks(surfaces: list[Surface], share: float) -> Iterator[tuple[Surface, int, int]]:
    for surface in surfaces:
        cases = max(1, round(surface.cases * share))
        for first in range(0, cases, CHUNK):
            yield surface, first, min(cases, first + CHUNK)


def _start(surface: Surface, first: int, end: int, seed: int) -> Work:
    shared = FORK.RawValue(Shared, first, time.monotonic(), 0)
    receiving, sending = FORK.Pipe(duplex=False)
    process = FORK.Process(target=_work, args=(surface, first, end, seed, shared, sending))
    process.start()
    sending.close()
    return Work(surface, first, end, shared, receiving, process, time.monotonic())


def _work(surface: Surface, first: int, end: int, seed: int, shared: Any, results: Any) -> None:
    """Try cases one after the other, telling how each ended, until one took too much memory."""
    os.environ["HOME"] = tempfile.gettempdir()
    with tempfile.TemporaryDirectory(prefix="fuzz-") as folder:
        os.chdir(folder)
        _be_silent()
        try:
            door = surface.open(Path(folder))
        except Exception:  # noqa: BLE001  told by the watching process, which ends the run
            results.send((first, "unready", traceback.format_exc()))
            return
        for number in range(first, end):
            case = case_of(door, surface.name, seed, number)
            before = begin_peak()
            shared.number, shared.began, shared.ready = number, time.monotonic(), 1
            outcome, what = try_case(door, case)
            if peak() > before + MAX_BYTES:
                results.send((number, "memory", f"{(peak() - before) / 2**30:.1f} GiB {what}"))
                break
            results.send((number, outcome, what))
        shared.ready = 0


def _be_silent() -> None:
    """Send what the product and its libraries print to nowhere."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)


def _look(work: Work, tally: Tally) -> int | None:
    """Count what a process told; return the number to go on from once it has ended, else None."""
    ended = not work.process.is_alive()
    try:
        while work.results.poll():
            number, outcome, what = work.results.recv()
            if outcome == "unready":
                raise RuntimeError(f"{work.surface.name} cannot be tried:\n{what}")
            tally.add(outcome, number, what)
            work.first = number + 1
    except EOFError:
        ended = True
    if ended:
        work.process.join()
        if work.first < work.end and work.process.exitcode:
            tally.add("crash", work.first, f"exit code {work.process.exitcode}")
            return work.first + 1
        return work.first
    hangs = work.shared.ready and time.monotonic() - work.shared.began > patience_s()
    eats = _resident(work.process.pid or 0) > KILL_BYTES
    if not hangs and not eats:
        return None
    work.process.kill()
    work.process.join()
    tally.add("hang" if hangs else "memory", work.shared.number)
    return int(work.shared.number) + 1


def patience_s() -> float:
    """Return the seconds after which a case hangs: more of them where processes wait for a core."""
    cores = len(os.sched_getaffinity(0))
    return HANG_S * max(1.0, os.getloadavg()[0] / cores)


def _resident(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * PAGE
    except (OSError, IndexError):
        return 0


def table(tallies: dict[str, Tally]) -> str:
    """Return the counts as a table, and below it what went wrong, most often first."""
    head = f"{'surface':16}{'cases':>9}" + "".join(f"{name:>11}" for name in OUTCOMES)
    lines = [head + f"{'seconds':>9}"]
    total: Counter[str] = Counter()
    for name, tally in tallies.items():
        total += tally.counts
        lines.append(_row(name, tally.counts, tally.elapsed_s))
    lines.append(_row("all", total, sum(tally.elapsed_s for tally in tallies.values())))
    for name, tally in tallies.items():
        for place, (times, first, text) in sorted(tally.told.items(), key=lambda it: -it[1][0]):
            lines.append(f"{name}: {times} x {place} {text} (--replay '{name}:{first}')")
    return "\n".join(lines) + "\n"


def _row(name: str, counts: Counter[str], elapsed_s: float) -> str:
    numbers = "".join(f"{counts[outcome]:>11}" for outcome in OUTCOMES)
    return f"{name:16}{sum(counts.values()):>9}{numbers}{elapsed_s:>9.0f}"


if __name__ == "__main__":
    sys.exit(main())
