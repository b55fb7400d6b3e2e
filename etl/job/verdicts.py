"""Keep the verdicts of a job on disk: a million of them would fill the driver's memory."""

import os
from array import array
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self, overload

from emotalk.files.atomic_write import unfinished_path
from emotalk.schema import Doubles
from etl.job.verdict import Verdict, pack_verdict, unpack_face, unpack_verdict


class Verdicts(Mapping[str, Verdict]):
    """The verdicts of a job by key, in a file that only this process knows.

    The file lies in the store of the job and is removed when the block ends. A verdict is read
    again each time that it is asked for. In memory are its place and whether it is accepted.

    Example:
        with Verdicts(store) as verdicts:
            verdicts.add(verdict)
    """

    def __init__(self, folder: Path) -> None:
        self._path = unfinished_path(folder)
        self._file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        self._rows: dict[str, int] = {}
        self._ends = array("q", [0])
        self._accepted = bytearray()

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Remove the file."""
        os.close(self._file)
        self._path.unlink(missing_ok=True)

    def add(self, verdict: Verdict) -> None:
        """Add a verdict; it takes the place of an earlier one on the same clip.

        Raises:
            OSError: the disk is full.
        """
        data = pack_verdict(verdict)
        written = 0
        while written < len(data):
            written += os.pwrite(self._file, data[written:], self._ends[-1] + written)
        self._rows[verdict.key] = len(self._accepted)
        self._ends.append(self._ends[-1] + len(data))
        self._accepted.append(verdict.accepted)

    def is_accepted(self, key: str) -> bool:
        """Return whether a clip was accepted, without reading its verdict.

        Raises:
            KeyError: no verdict on it.
        """
        return bool(self._accepted[self._rows[key]])

    def faces(self, keys: Sequence[str]) -> "Faces":
        """Return the mean faces of accepted clips, each read when it is asked for."""
        return Faces(self, keys)

    def __getitem__(self, key: str) -> Verdict:
        """Return the verdict on a clip."""
        row = self._rows[key]
        begin, end = self._ends[row], self._ends[row + 1]
        return unpack_verdict(os.pread(self._file, end - begin, begin))

    def __contains__(self, key: object) -> bool:
        """Return whether there is a verdict on a clip."""
        return key in self._rows

    def __iter__(self) -> Iterator[str]:
        """Yield the keys."""
        return iter(self._rows)

    def __len__(self) -> int:
        """Return the number of verdicts."""
        return len(self._rows)


class Faces(Sequence[Doubles]):
    """The mean landmarks (68, 2) of clips in crop pixels."""

    def __init__(self, verdicts: Verdicts, keys: Sequence[str]) -> None:
        self._verdicts, self._keys = verdicts, keys

    @overload
    def __getitem__(self, place: int) -> Doubles: ...

    @overload
    def __getitem__(self, place: slice) -> list[Doubles]: ...

    def __getitem__(self, place: int | slice) -> Doubles | list[Doubles]:
        """Return one face, or those of a slice."""
        if isinstance(place, slice):
            return [unpack_face(self._verdicts[key].face) for key in self._keys[place]]
        return unpack_face(self._verdicts[self._keys[place]].face)

    def __len__(self) -> int:
        """Return the number of faces."""
        return len(self._keys)
