"""Files that browsers sent, in a folder that goes with the server."""

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

LONGEST_NAME = 80  # bytes


class NoRoom(Exception):  # noqa: N818  an answer to a browser, not a fault
    """Every file that is kept waits for an order."""


@dataclass
class Incoming:
    """A file on its way in.

    Attributes:
        name: what it is asked for by.
        path: where it lies.
        file: open for writing.
    """

    name: str
    path: Path
    file: BinaryIO


class TemporaryFiles:
    """Keeps files until there are too many, or too many bytes; the oldest goes first."""

    def __init__(self, most: int, most_bytes: int) -> None:
        """Make the folder.

        Args:
            most: files kept.
            most_bytes: of them together.
        """
        self.folder = Path(tempfile.mkdtemp(prefix="emotalk-app-"))
        self._most, self._most_bytes = most, most_bytes
        self._kept: OrderedDict[str, Path] = OrderedDict()
        self._sizes: dict[str, int] = {}
        self._pins: Counter[str] = Counter()

    @contextmanager
    def receiving(self, shown: str) -> Iterator[Incoming]:
        """Lend a new file to write to; it is kept if the block ends well and else removed.

        Args:
            shown: its name at the browser's, of which only letters and digits are used.

        Raises:
            NoRoom: nothing can be dropped for it.
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
        """Return where a file lies, None if it is not kept any more."""
        return self._kept.get(name)

    def pin(self, names: Iterable[str]) -> None:
        """Keep files whatever comes, until they are let go as often."""
        self._pins.update(names)

    def let_go(self, names: Iterable[str]) -> None:
        """Undo `pin`."""
        self._pins.subtract(names)
        self._pins += Counter()  # drops what is at 0

    def close(self) -> None:
        """Remove everything."""
        self._kept.clear()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _make_room(self, size: int) -> None:
        free = [name for name in self._kept if not self._pins[name]]
        while (
            len(self._kept) >= self._most
            or sum(self._sizes[name] for name in self._kept) + size > self._most_bytes
        ):
            if not free:
                raise NoRoom
            name = free.pop(0)
            self._sizes.pop(name)
            shutil.rmtree(self._kept.pop(name).parent, ignore_errors=True)


def _safe(shown: str) -> str:
    """Return a name that leads nowhere else and that any file system takes."""
    letters = re.sub(r"[^\w.-]", "_", shown.rpartition("/")[2])
    whole = letters.encode("utf-8", "replace")[-LONGEST_NAME:]
    return whole.decode("utf-8", "ignore").lstrip(".") or "file"
