"""Store files from browsers in a temporary folder."""

import re
import secrets
import shutil
import tempfile
from collections import Counter, OrderedDict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

MAX_NAME_BYTES = 80
LASTING = "examples"


class NoRoom(Exception):  # noqa: N818  leads to an answer, not a fault
    """Raised when no stored file can be dropped, since each waits for an order."""


@dataclass
class Incoming:
    """A file that is being received, by its unique name."""

    name: str
    path: Path
    file: BinaryIO


class TemporaryFiles:
    """Keep a limited number of files and bytes, and drop the oldest files first."""

    def __init__(self, most: int, max_bytes: int) -> None:
        """Create the folder for at most `most` files with `max_bytes` in all."""
        self.folder = Path(tempfile.mkdtemp(prefix="emotalk-app-"))
        self._most, self._max_bytes = most, max_bytes
        self._kept: OrderedDict[str, Path] = OrderedDict()
        self._sizes: dict[str, int] = {}
        self._pins: Counter[str] = Counter()

    @contextmanager
    def receiving(self, shown: str) -> Iterator[Incoming]:
        """Yield a new file; it is kept if the block succeeds, else removed.

        Of `shown`, the browser's name of the file, only safe characters are used.

        Raises:
            NoRoom: no file can be dropped for it.
        """
        name = secrets.token_hex(8)
        path = self.folder / name / _safe(shown)
        path.parent.mkdir()
        try:
            with path.open("wb") as file:
                yield Incoming(name, path, file)
            self._make_room(path.stat().st_size)
        except BaseException:
            shutil.rmtree(path.parent, ignore_errors=True)
            raise
        self._kept[name] = path
        self._sizes[name] = path.stat().st_size

    def path(self, name: str) -> Path | None:
        """Return the path of a file, or None if it was dropped."""
        return self._kept.get(name)

    def name_of(self, path: Path) -> str | None:
        """Return the name of a kept file by its path, or None if it was dropped or never kept."""
        name = path.parent.name
        return name if self._kept.get(name) == path else None

    def lasting(self) -> Path:
        """Return the folder of files that are kept until the end and count to no limit."""
        folder = self.folder / LASTING
        folder.mkdir(exist_ok=True)
        return folder

    def is_lasting(self, path: Path) -> bool:
        """Return whether a path is a file of the folder `lasting`."""
        return path.parent == self.folder / LASTING and path.is_file()

    def pin(self, names: Iterable[str]) -> None:
        """Protect files from being dropped until they are unpinned as often."""
        self._pins.update(names)

    def unpin(self, names: Iterable[str]) -> None:
        """Undo `pin`."""
        self._pins.subtract(names)
        self._pins += Counter()  # removes counts of 0

    def close(self) -> None:
        """Remove the folder."""
        self._kept.clear()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _make_room(self, size: int) -> None:
        free = [name for name in self._kept if not self._pins[name]]
        while (
            len(self._kept) >= self._most
            or sum(self._sizes[name] for name in self._kept) + size > self._max_bytes
        ):
            if not free:
                raise NoRoom
            name = free.pop(0)
            self._sizes.pop(name)
            shutil.rmtree(self._kept.pop(name).parent, ignore_errors=True)


def _safe(shown: str) -> str:
    """Return a file name without folders that any file system accepts."""
    letters = re.sub(r"[^\w.-]", "_", shown.rpartition("/")[2])
    whole = letters.encode("utf-8", "replace")[-MAX_NAME_BYTES:]
    return whole.decode("utf-8", "ignore").lstrip(".") or "file"
