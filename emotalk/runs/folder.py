"""Create, check and lock a run folder; only the same configuration may continue in it."""

import fcntl
import logging
import os
import socket
import time
from pathlib import Path

from emotalk.checkpoints.folder import CHECKPOINTS, latest_checkpoint
from emotalk.config.load import dump_config
from emotalk.config.run import TrainConfig
from emotalk.distributed import Runtime
from emotalk.errors import InUse, WrongUse
from emotalk.runs.same_run import refuse_other_configuration, refuse_other_shards
from emotalk.runs.status import NAME as STATUS
from emotalk.runs.status import write_status

CONFIG = "config.yaml"
LOCK = ".lock"
PART = f".{CONFIG}.part"
SAMPLES = "samples"
LEASE_S = 120.0  # longer than file servers keep the lock of a machine that does not answer
LOG = logging.getLogger("emotalk.train")
JOINED: dict[Path, str] = {}  # run folder -> holder, where the main process of this run holds it


def check_run_folder(config: TrainConfig, *, before_shards: bool = False) -> bool:
    """Return whether the run folder holds a checkpoint; change nothing.

    Args:
        config: configuration of the run.
        before_shards: the shard set does not exist yet and is not compared.

    Raises:
        WrongUse: the folder belongs to another configuration, holds something else, or holds a run
            that may not be resumed or that was trained on another shard set.
    """
    folder = config.run_dir
    if (folder / CONFIG).exists():
        refuse_other_configuration(config, folder / CONFIG)
    elif not is_free(folder):
        raise WrongUse(
            f"run_dir {folder} holds files but no {CONFIG}: it is not a run folder, and "
            "nothing in it is overwritten; choose another run_dir"
        )
    started = latest_checkpoint(folder / CHECKPOINTS) is not None
    if started and config.resume == "never":
        raise WrongUse(
            f"run_dir {folder} holds a run already and resume=never; choose another run_dir, or "
            "resume=auto to continue it"
        )
    if started and not before_shards:
        refuse_other_shards(config)
    return started


def open_run_folder(config: TrainConfig) -> bool:
    """Create or check the run folder and lock it; return whether it holds a checkpoint.

    The lock is held until this process ends.

    Raises:
        WrongUse: the folder is not this run's (`check_run_folder`), or cannot be written.
        InUse: another process trains here.
    """
    folder = config.run_dir
    try:
        started = check_run_folder(config)
        (folder / CHECKPOINTS).mkdir(parents=True, exist_ok=True)
        (folder / SAMPLES).mkdir(exist_ok=True)
        hold_run_folder(folder)
        fresh = folder / PART
        fresh.write_text(dump_config(config), encoding="utf-8")
        fresh.replace(folder / CONFIG)
    except OSError as error:
        raise WrongUse(
            f"run_dir {folder} cannot be written: {error.strerror}; choose another run_dir"
        ) from None
    return started


def open_together(config: TrainConfig, runtime: Runtime) -> None:
    """Open the run folder in the main process; raise its error in every process.

    Raises:
        WrongUse: the folder is not this run's, or cannot be written; on every process.
        InUse: another process trains here; on every process.
    """
    refusals: list[object] = []
    if runtime.is_main:
        try:
            open_run_folder(config)
            write_status(
                config.run_dir, "running", "training; if no process is left, it was killed"
            )
        except WrongUse as error:
            refusals.append(error)
    for refusal in runtime.gather(refusals):
        assert isinstance(refusal, WrongUse)
        raise refusal
    if not runtime.is_main:
        JOINED[config.run_dir] = holder_of(config.run_dir)


def may_write(folder: Path) -> bool:
    """Return whether this process may write the status of the folder.

    It may if its own run holds the folder, or if no process does.
    """
    if not (folder / LOCK).exists() or JOINED.get(folder) == holder_of(folder):
        return True
    try:
        with (folder / LOCK).open("r+b") as file:
            return _locked(file.fileno())  # closing the file releases the lock again
    except OSError:
        return True  # a file system without locks


def holder_of(folder: Path) -> str:
    """Return the name of the process that holds the run folder or held it last."""
    try:
        with (folder / LOCK).open("rb") as file:
            return file.read(200).decode(errors="replace").strip()
    except OSError:
        return ""


def hold_run_folder(folder: Path) -> int:
    """Lock the run folder for this process; return a handle whose closing releases the lock.

    The lock is a POSIX record lock: it ends with this process and is not inherited by its workers.
    A file server keeps the lock of a lost machine for a while, so a lock that is held on another
    machine is waited for, at most `LEASE_S` seconds.

    Raises:
        InUse: another process trains in this folder.
    """
    handle = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT, 0o644)
    began = time.monotonic()
    try:
        while not _locked(handle):
            holder = os.pread(handle, 200, 0).decode(errors="replace").strip()
            elsewhere = bool(holder) and not holder.endswith(f" on {socket.gethostname()}")
            if not elsewhere or time.monotonic() - began > LEASE_S:
                os.close(handle)
                raise InUse(
                    f"run_dir {folder}: {holder or 'another process'} is training here; wait for "
                    "it, stop it, or choose another run_dir"
                )
            LOG.warning("waiting for %s to let go of %s, or to be lost", holder, folder)
            time.sleep(LEASE_S / 20)
    except OSError:  # a file system without locks: the run continues without one
        return handle
    os.ftruncate(handle, 0)
    os.pwrite(handle, f"process {os.getpid()} on {socket.gethostname()}".encode(), 0)
    return handle


def _locked(handle: int) -> bool:
    """Take the lock if it is free; return whether this process holds it."""
    try:
        fcntl.lockf(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def is_free(folder: Path) -> bool:
    """Return whether a run may start in `folder`: it does not exist or holds no results."""
    if not folder.exists():
        return True
    return folder.is_dir() and all(
        path.name in (CHECKPOINTS, SAMPLES) and not any(path.iterdir())
        if path.is_dir()
        else path.name in (STATUS, LOCK, PART)
        for path in folder.iterdir()
    )
