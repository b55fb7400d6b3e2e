"""Tell unforeseen exceptions of one clip from faults of the machine."""

import errno
import mmap
import re
import socket
import stat
import traceback
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from emotalk.errors import Stopped
from etl.corpora.media_file import MediaFile
from etl.executor import NodeUnfit
from etl.paths import AGAIN, FAULTS

# Faults whichever clip is read. A file that may not be read is a fault of its own clip.
MACHINE_FAULTS = FAULTS.keys() - {errno.EACCES, errno.EPERM}
WORKING_BYTES = 256 * 2**20  # an ordinary clip takes less; a node without it can process none
LONGEST_TEXT, LONGEST_TRACE = 300, 8000  # characters
PIECE = 2**20


@dataclass(frozen=True)
class Crash:
    """An exception of one clip, as text: not every exception can be pickled."""

    text: str  # type, message and place; the same for the same clip on every node
    node: str  # the machine on which it was raised
    trace: str


class CrashCount:
    """Counts the crashes in a row on each node."""

    def __init__(self, limit: int) -> None:
        """Start with none; `limit` in a row on one node stop the job."""
        self._limit = limit
        self._in_a_row: Counter[str] = Counter()

    def reset(self, node: str) -> None:
        """Start counting anew on a node that processed a clip without a crash."""
        self._in_a_row[node] = 0

    def add(self, clip: str, crash: Crash) -> None:
        """Count a crash.

        Raises:
            Stopped: as many different clips in a row as the limit crashed on this node.
        """
        self._in_a_row[crash.node] += 1
        if self._in_a_row[crash.node] >= self._limit:
            raise Stopped(
                f"{self._limit} clips in a row crashed on {crash.node}, the last one {clip}: "
                f"{crash.text}. That is the program or the machine, not the clips: mend what the "
                f"tracebacks name, or let more of them pass (max_crashes_in_a_row), {AGAIN}"
            )


def crash_of(error: Exception, media: MediaFile) -> Crash:
    """Return an exception as a crash of the clip.

    Raises:
        OSError: the same one, where it is a fault of the machine.
        NodeUnfit: a package cannot be imported on this machine.
    """
    if is_machine_fault(error):
        raise error
    if isinstance(error, ImportError):
        raise NodeUnfit(
            f"{socket.gethostname()}: a package cannot be loaded there: {_one_line(error)}",
            "Install the project anew on that node",
        ) from error
    trace = "".join(traceback.format_exception(error))
    return Crash(_described(error, media), socket.gethostname(), trace[-LONGEST_TRACE:])


def is_machine_fault(error: BaseException) -> bool:
    """Return whether an exception is a fault of disk or kernel; FFmpeg's error numbers are not."""
    by_ffmpeg = type(error).__module__.startswith("av.")
    return isinstance(error, OSError) and not by_ffmpeg and error.errno in MACHINE_FAULTS


def check_readable(media: MediaFile) -> None:
    """Read a clip's file to its end: a decoder's error may hide a fault of the disk.

    Raises:
        OSError: the disk or the file system failed; not where the file is missing or closed to us.
    """
    if not isinstance(media, Path):
        return
    try:
        if not stat.S_ISREG(media.stat().st_mode):
            return
        with media.open("rb") as file:
            while file.read(PIECE):
                pass
    except (OSError, ValueError) as error:
        if is_machine_fault(error):
            raise


def check_memory(clip: str, crash: Crash) -> None:
    """Check that memory ran out because of the clip; call it when the clip's own is freed.

    Raises:
        NodeUnfit: this machine, or this process's limit, has too little memory for any clip.
    """
    left = psutil.virtual_memory().available
    if left >= WORKING_BYTES and _can_have(WORKING_BYTES):
        return
    raise NodeUnfit(
        f"{crash.node}: out of memory at {clip} ({left // 2**20} MiB are free, a clip needs "
        f"{WORKING_BYTES // 2**20}): {crash.text}",
        "End what else runs there, raise its limits (ulimit -v), or give it fewer workers "
        "(workers=N)",
    )


def short_of_memory(error: Exception) -> bool:
    """Return whether an exception reports a lack of memory."""
    return isinstance(error, MemoryError) or "insufficient memory" in str(error).lower()


@contextmanager
def naming_node(clip: str) -> Iterator[None]:
    """Add node and clip to an error of the file system that leaves the block."""
    try:
        yield
    except OSError as error:
        error.add_note(f"on {socket.gethostname()}, at {clip}")
        raise


def _can_have(size: int) -> bool:
    try:
        mmap.mmap(-1, size).close()
    except (OSError, MemoryError):
        return False
    return True


def _described(error: Exception, media: MediaFile) -> str:
    """Return type, message and place of an exception, the same in every run."""
    kind = type(error)
    name = kind.__name__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__name__}"
    frames = traceback.extract_tb(error.__traceback__)
    place = next((f for f in reversed(frames) if _is_ours(f.filename)), None)
    where = "" if place is None else f" ({Path(place.filename).name}, line {place.lineno})"
    return f"{name}: {_one_line(error, media)}{where}"


def _is_ours(filename: str) -> bool:
    project = Path(__file__).resolve().parents[2]
    path = Path(filename)
    inside = path.is_relative_to(project / "etl") or path.is_relative_to(project / "emotalk")
    return inside and path != Path(__file__).resolve()


def _one_line(error: Exception, media: MediaFile | None = None) -> str:
    """Return the message on one bounded line of printable characters.

    Addresses in memory and folders are removed; they differ from run to run.
    """
    text = " ".join(str(error)[: 4 * LONGEST_TEXT].split()) or "no message"
    text = re.sub(r"0x[0-9a-fA-F]{6,}", "0x...", text)
    if media is not None and media.name:
        text = re.sub(rf"[^\s'\"]*/{re.escape(media.name)}", lambda _: media.name, text)
    shown = "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)
    return shown if len(shown) <= LONGEST_TEXT else shown[:LONGEST_TEXT] + "..."
