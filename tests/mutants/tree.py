"""A copy of the project in which faults are set; the working tree is only read."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO

from tests.mutants.faults import Fault

SERVER = Path(__file__).with_name("server.py")
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


@dataclass(frozen=True)
class Outcome:
    """How pytest ended.

    Attributes:
        code: its exit code; None where it was stopped at the limit.
        seconds: how long it took.
        words: the end of what it printed.
    """

    code: int | None
    seconds: float
    words: str

    @property
    def passed(self) -> bool:
        """Whether every test passed, and there was one."""
        return self.code == 0


class Tree:
    """A copy of the project below `folder`, with a warm pytest process beside it."""

    def __init__(self, project: Path, folder: Path, *, warm: bool = True) -> None:
        """Copy what git tracks or would track, and start the process.

        Args:
            project: the working tree.
            folder: where the copy and what its tests write may lie; its path should be short.
            warm: import the large libraries once, before the first test.
        """
        self.root = folder / "p"
        self._log = folder / "log"
        self._version = 0
        _copy(project, self.root)
        shared = os.environ.get("EMOTALK_SHARED", str(project.parent / "shared"))
        environment = {
            **os.environ,
            "PYTHONPATH": str(self.root),
            "EMOTALK_SHARED": shared,
            "CI": "1",  # Hypothesis: the same examples each time, no database
            **dict.fromkeys(THREADS, "1"),
        }
        self._server = subprocess.Popen(
            [sys.executable, "-P", str(SERVER), *(["warm"] if warm else [])],
            cwd=self.root,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __enter__(self) -> "Tree":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        _pipe(self._server.stdin).close()
        self._server.wait()

    def run(self, tests: Sequence[str], limit_s: float) -> Outcome:
        """Return how the tests end on the copy as it is."""
        request = json.dumps({"tests": list(tests), "limit_s": limit_s, "log": str(self._log)})
        _pipe(self._server.stdin).write(request + "\n")
        _pipe(self._server.stdin).flush()
        line = _pipe(self._server.stdout).readline()
        if not line:
            raise RuntimeError("the pytest process ended; its message stands above")
        answer = json.loads(line)
        words = self._log.read_text(encoding="utf-8", errors="replace")[-4000:]
        return Outcome(answer["code"], answer["seconds"], words)

    @contextmanager
    def with_fault(self, fault: Fault) -> Iterator[None]:
        """Set a fault into the copy; the file is whole again after the block."""
        path = self.root / fault.file
        source = path.read_bytes()
        try:
            self._write(path, fault.set_into(source))
            yield
        finally:
            self._write(path, source)

    def _write(self, path: Path, source: bytes) -> None:
        """Write a file with a time of its own, so that no older compiled form is taken for it."""
        self._version += 1
        path.write_bytes(source)
        seconds = 1_000_000_000 + self._version
        os.utime(path, (seconds, seconds))


def _copy(project: Path, root: Path) -> None:
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=project, check=True, capture_output=True).stdout
    for name in listed.decode().split("\0"):
        source = project / name
        if name and source.is_file():
            target = root / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, target)
    if (project / ".venv").exists():
        (root / ".venv").symlink_to(project / ".venv")


def _pipe(stream: IO[str] | None) -> IO[str]:
    assert stream is not None
    return stream
