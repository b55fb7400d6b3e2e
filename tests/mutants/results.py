"""What is known of each fault, kept in a file so that a run that was broken off goes on."""

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal, TypeAlias

import yaml

from tests.mutants.faults import Fault

State: TypeAlias = Literal["caught", "timeout", "survived"]


@dataclass(frozen=True)
class Result:
    """The end of one fault.

    Attributes:
        key: the fault's name.
        state: a timeout counts as caught.
        seconds: of its tests.
        tests: digest of the tests that ran.
        by: the test that noticed.
    """

    key: str
    state: State
    seconds: float
    tests: str
    by: str = ""


class Results:
    """A file of results, a JSON object a line; a later line of the same fault counts."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._known: dict[str, Result] = {}
        if path.exists():
            for line in path.read_text(encoding="utf-8").splitlines():
                result = Result(**json.loads(line))
                self._known[result.key] = result

    def of(self, fault: Fault, tests: str) -> Result | None:
        """Return what is known: that it is caught for good, that it survived for these tests."""
        known = self._known.get(fault.key)
        if known is None or (known.state == "survived" and known.tests != tests):
            return None
        return known

    def keep(self, result: Result) -> None:
        """Add a result, also to the file."""
        self._known[result.key] = result
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(asdict(result)) + "\n")


def digest_of(root: Path, tests: Sequence[str]) -> str:
    """Return a name for the content of test files."""
    digest = hashlib.sha256()
    for name in tests:
        digest.update(name.encode() + b"\0" + (root / name).read_bytes())
    return digest.hexdigest()[:16]


def equivalents(path: Path) -> dict[str, str]:
    """Return the reason of each fault that changes nothing anybody could see, by its key.

    Raises:
        ValueError: an entry without a reason.
    """
    entries = yaml.safe_load(path.read_text(encoding="utf-8")) or []
    found: dict[str, str] = {}
    for entry in entries:
        if not entry.get("reason"):
            raise ValueError(f"{path}: {entry}: an equivalent fault needs its reason")
        parts = [entry["file"], entry["function"], entry["code"], entry["change"]]
        key = " | ".join([*parts, str(entry.get("nth", 0))])
        found[key] = " ".join(str(entry["reason"]).split())
    return found


def unknown(reasons: Iterable[str], faults: Iterable[Fault]) -> list[str]:
    """Return the explained faults whose code is not there any more."""
    present = {fault.key for fault in faults}
    return [key for key in reasons if key not in present]
