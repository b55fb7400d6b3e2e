"""Show how far workers are with long recordings: notes in the store, which the driver reads."""

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from emotalk.files.atomic_write import atomic_write
from etl.job.store import LOOKING

NOTE_EVERY_S = 5.0
SHOW_EVERY_S = 20.0
STALE_S = 120.0  # a note that was not renewed for so long is a dead worker's
LONGEST_NOTE = 200  # characters

LOG = logging.getLogger("emotalk.etl")


@contextmanager
def look_progress(store: Path, key: str) -> Iterator[Callable[[float, float], None]]:
    """Yield a function that notes how many of how many seconds were looked at."""
    note = store / f"{key}{LOOKING}"
    noted_at = time.monotonic()

    def on_progress(done_s: float, all_s: float) -> None:
        nonlocal noted_at
        if time.monotonic() - noted_at < NOTE_EVERY_S:
            return
        noted_at = time.monotonic()
        with atomic_write(note, aside=store, on_disk=False) as file:
            file.write(f"{done_s / 60:.0f} of {all_s / 60:.0f} min looked at".encode())

    try:
        yield on_progress
    finally:
        note.unlink(missing_ok=True)


@contextmanager
def shown_looks(store: Path) -> Iterator[None]:
    """Log the notes of all workers now and then, until the block ends."""
    ended = threading.Event()

    def show() -> None:
        while not ended.wait(SHOW_EVERY_S):
            for line in notes(store):
                LOG.info("%s", line)

    thread = threading.Thread(target=show, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def notes(store: Path) -> list[str]:
    """Return the present notes, each with the key of its recording."""
    found = []
    for note in sorted(store.glob(f"*{LOOKING}")):
        try:
            if time.time() - note.stat().st_mtime < STALE_S:
                text = note.read_text(encoding="utf-8")[:LONGEST_NOTE]
                found.append(f"{note.name.removesuffix(LOOKING)}: {text}")
        except OSError:  # the worker has finished
            continue
    return found
