"""Files of JSON lines as queues: one process appends, another follows; memory stays bounded."""

import json
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

BLOCK = 1 << 20  # bytes taken from the file at a time
Line = dict[str, Any]


class Outbox:
    """The lines of a file that grows, from its beginning, each handed out until it is done.

    The file stays open: one that is replaced under its name (a run that continues cuts it back) is
    read to its end as it was.
    """

    def __init__(self, path: Path) -> None:
        """Follow `path`, which need not be there yet."""
        self._path = path
        self._file: BinaryIO | None = None
        self._torn = b""
        self._ready: deque[Line] = deque()

    def first(self) -> Line | None:
        """Return the oldest line that is not done, or None when there is nothing new."""
        if not self._ready:
            self._ready.extend(self._read())
        return self._ready[0] if self._ready else None

    def done(self) -> None:
        """Forget the line that `first` returned."""
        self._ready.popleft()

    def _read(self) -> Iterator[Line]:
        if self._file is None:
            if not self._path.exists():
                return
            self._file = self._path.open("rb")
        while block := self._file.read(BLOCK):
            *whole, self._torn = (self._torn + block).split(b"\n")
            lines = [line for text in whole if (line := _parsed(text)) is not None]
            if lines:
                yield from lines
                return


def append(path: Path, line: Line) -> None:
    """Append one line to the file at `path`, also behind one that a crash has torn."""
    with path.open("a+b") as lines:
        size = lines.seek(0, 2)
        lines.seek(max(size - 1, 0))
        torn = lines.read() not in (b"", b"\n")
        lines.write((b"\n" if torn else b"") + json.dumps(line).encode() + b"\n")


def _parsed(text: bytes) -> Line | None:
    try:
        line = json.loads(text)
    except ValueError:
        return None  # torn by a crash
    return line if isinstance(line, dict) and line else None
