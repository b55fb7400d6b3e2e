"""Copy checkpoints to object storage in the background, and fetch them on a fresh machine.

A checkpoint is whole there once its `SHA256SUMS` is, which is written last and removed first.
"""

import logging
import re
import shutil
import threading
from collections.abc import Mapping
from pathlib import Path

from emotalk.checkpoints.folder import STATE, checkpoint_name, checkpoints, part_of, step_of
from emotalk.errors import WrongUse
from emotalk.files.checksums import SUMS, check_all_sums
from emotalk.media.object_store import ObjectStore, StoreFault

LOG = logging.getLogger("emotalk.checkpoint")
SETTING = "checkpoint.mirror"
FILE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,100}")
MOST_FILES = 1000  # of one checkpoint


class Mirror:
    """Copies each checkpoint to a URL, one at a time, in a thread of its own.

    A checkpoint that is finished while another one is copied waits; a newer one takes its place. A
    storage that fails never stops the training: it is a warning, and the next checkpoint is tried.

    Args:
        url: of object storage.
        folder: the run's checkpoints.
        beside: a file that is copied along, for those who fetch the checkpoints.
    """

    def __init__(self, url: str, folder: Path, beside: Path) -> None:
        self._store = ObjectStore(url, SETTING)
        self._folder, self._beside = folder, beside
        self._changed = threading.Condition()
        self._waiting: Path | None = None
        self._thread: threading.Thread | None = None

    def begin(self, checkpoint: Path) -> None:
        """Copy a finished checkpoint as soon as the one before is copied; does not wait."""
        with self._changed:
            self._waiting = checkpoint
            if self._thread is None:
                self._thread = threading.Thread(target=self._copy_all, name="mirror", daemon=True)
                self._thread.start()

    def finish(self, timeout_s: float = 300.0) -> None:
        """Wait until the newest checkpoint is copied or has failed, at most `timeout_s`."""
        with self._changed:
            copied = self._changed.wait_for(lambda: self._thread is None, timeout_s)
        if not copied:
            LOG.warning(
                "%s: the newest checkpoint is not copied within %.0f s; the next run over this run "
                "folder copies its own",
                self._store.shown(""),
                timeout_s,
            )

    def _copy_all(self) -> None:
        while True:
            with self._changed:
                checkpoint, self._waiting = self._waiting, None
                if checkpoint is None:
                    self._thread = None
                    self._changed.notify_all()
                    return
            try:
                self._copy(checkpoint)
            except (OSError, WrongUse) as error:  # of the storage, or removed while it was copied
                LOG.warning("%s is not in %s: %s", checkpoint.name, self._store.shown(""), error)
            else:
                LOG.info("copied %s to %s", checkpoint.name, self._store.shown(""))

    def _copy(self, checkpoint: Path) -> None:
        self._store.write(self._beside, self._beside.name)
        files = sorted(path for path in checkpoint.iterdir() if path.name != SUMS)
        for path in (*files, checkpoint / SUMS):
            self._store.write(path, f"{checkpoint.name}/{path.name}")
        self._remove_old(newest=step_of(checkpoint.name) or 0)

    def _remove_old(self, newest: int) -> None:
        """Remove the checkpoints there that this run has removed here."""
        here = {path.name for path in checkpoints(self._folder)}
        for step, files in sorted(_steps(self._store.sizes()).items()):
            name = checkpoint_name(step)
            if step < newest and name not in here:
                sums = [f"{name}/{SUMS}"] if SUMS in files else []
                self._store.remove(sums)
                self._store.remove([f"{name}/{file}" for file in files if file != SUMS])


def fetch_newest(url: str, folder: Path) -> Path | None:
    """Fetch the newest whole checkpoint of a mirror unless the folder has it or a later one.

    Damaged ones are passed over with a warning.

    Raises:
        WrongUse: the storage refuses the credentials.
        StoreFault: it does not answer.
    """
    store = ObjectStore(url, SETTING)
    own = max((step_of(path.name) or 0 for path in checkpoints(folder)), default=-1)
    for step, files in sorted(_steps(store.sizes()).items(), reverse=True):
        if step <= own:
            return None
        if SUMS not in files:
            continue  # it was never finished
        path = folder / checkpoint_name(step)
        try:
            return _fetch(store, path, files)
        except (ValueError, FileNotFoundError) as error:
            LOG.warning("%s in %s cannot be used: %s", path.name, store.shown(""), error)
    return None


def fetch_beside(url: str, name: str, target: Path) -> bool:
    """Fetch the file that lies beside the checkpoints of a mirror; return whether there is one.

    Raises:
        WrongUse: the storage refuses the credentials.
        StoreFault: it does not answer.
    """
    try:
        ObjectStore(url, SETTING).copy_to(name, target)
    except FileNotFoundError:
        return False
    return True


def _fetch(store: ObjectStore, path: Path, files: Mapping[str, int]) -> Path:
    """Copy a checkpoint, check it, and give it its name.

    Raises:
        ValueError: a file is not the one that was written.
        FileNotFoundError: it was removed there meanwhile.
    """
    part = part_of(path)
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    try:
        for name, size in files.items():
            store.copy_to(f"{path.name}/{name}", part / name)
            if (part / name).stat().st_size != size:
                raise StoreFault(f"{store.shown(path.name)}: {name} has another size than listed")
        check_all_sums(part, required=STATE)
        return part.rename(path)
    finally:
        shutil.rmtree(part, ignore_errors=True)


def _steps(sizes: Mapping[str, int]) -> dict[int, dict[str, int]]:
    """Return step -> file -> bytes of the checkpoints among objects; other objects are ignored."""
    found: dict[int, dict[str, int]] = {}
    for key, size in sizes.items():
        folder, _, name = key.partition("/")
        step = step_of(folder)
        if step is not None and FILE.fullmatch(name):
            found.setdefault(step, {})[name] = size
    return {step: files for step, files in found.items() if len(files) <= MOST_FILES}
