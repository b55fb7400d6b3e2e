"""One fault against the tests of its module."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from tests.mutants.faults import Fault
from tests.mutants.results import Result, Results, digest_of
from tests.mutants.selection import files_for
from tests.mutants.tree import Outcome, Tree

NEAREST = 3  # files that are collected first: most faults are noticed there
NO_TESTS = 5  # pytest's exit code
FAILED = re.compile(r"^(?:FAILED|ERROR) (?P<test>tests/[^ ]+\.py(?:::\S+)?)", re.MULTILINE)


@dataclass(frozen=True)
class Tried:
    """A fault and what became of it.

    Attributes:
        fault: the change.
        result: how its tests ended.
        reason: why it cannot be noticed, where somebody has explained it.
    """

    fault: Fault
    result: Result
    reason: str = ""

    @property
    def open(self) -> bool:
        """Whether it survived without an explanation."""
        return self.result.state == "survived" and not self.reason


class Observer(Protocol):
    """Who is told of each fault that was tried."""

    def __call__(self, tried: Tried) -> None:
        """Take one note."""


class Trials:
    """Tries faults; remembers which test files pass on the code as it is."""

    def __init__(self, tree: Tree, results: Results, *, limit_s: float = 900.0) -> None:
        self._tree = tree
        self._results = results
        self._limit_s = limit_s
        self._sound: dict[str, bool] = {}

    @property
    def unsound(self) -> list[str]:
        """Test files that fail without any fault; they were left out."""
        return sorted(file for file, sound in self._sound.items() if not sound)

    def try_all(
        self, faults: list[Fault], reasons: Mapping[str, str], tell: Observer
    ) -> list[Tried]:
        """Return what became of each fault; the explained ones are run like all others."""
        tried = []
        for fault in faults:
            tried.append(Tried(fault, self.result(fault), reasons.get(fault.key, "")))
            tell(tried[-1])
        return tried

    def known(self, faults: list[Fault], reasons: Mapping[str, str]) -> list[Tried]:
        """Return what earlier runs said of those of the faults that they tried; run nothing."""
        found = []
        for fault in faults:
            tests = files_for(self._tree.root, fault.file)
            result = self._results.of(fault, digest_of(self._tree.root, tests))
            if result is not None:
                found.append(Tried(fault, result, reasons.get(fault.key, "")))
        return found

    def result(self, fault: Fault) -> Result:
        """Return what the tests say of a fault, now or in an earlier run."""
        tests = files_for(self._tree.root, fault.file)
        digest = digest_of(self._tree.root, tests)
        known = self._results.of(fault, digest)
        if known is None:
            known = self._run(fault, tests, digest)
            self._results.keep(known)
        return known

    def _run(self, fault: Fault, tests: list[str], digest: str) -> Result:
        compile(fault.set_into((self._tree.root / fault.file).read_bytes()), fault.file, "exec")
        while True:
            used = [test for test in tests if self._sound.get(test, True)]
            with self._tree.with_fault(fault):
                outcome = self._tree.run(used[:NEAREST], self._limit_s)
                if outcome.code in (0, NO_TESTS) and used[NEAREST:]:
                    outcome = self._tree.run(used[NEAREST:], self._limit_s)
            if outcome.code in (0, NO_TESTS):
                return Result(fault.key, "survived", outcome.seconds, digest)
            if outcome.code is None:
                return Result(fault.key, "timeout", outcome.seconds, digest)
            by = noticed_by(outcome)
            if self._passes_without(by.partition("::")[0]):
                return Result(fault.key, "caught", outcome.seconds, digest, by)

    def _passes_without(self, file: str) -> bool:
        """Return whether a test file passes on the code as it is; a crash of pytest names none."""
        if file and file not in self._sound:
            self._sound[file] = self._tree.run([file], self._limit_s).code in (0, NO_TESTS)
        return not file or self._sound[file]


def noticed_by(outcome: Outcome) -> str:
    """Return the test that failed, empty where the process ended before it could say."""
    found = FAILED.search(outcome.words)
    return found["test"] if found else ""
