"""Create, check and lock a run folder; only the same configuration may continue in it."""

import logging
import time
from pathlib import Path

from emotalk.checkpoints.folder import CHECKPOINTS, latest_checkpoint
from emotalk.config.load import dump_config
from emotalk.config.run import TrainConfig
from emotalk.distributed import Runtime
from emotalk.errors import InUse, WrongUse
from emotalk.files.atomic_write import atomic_write_text
from emotalk.files.lock import FileLock, own_lock, read_holder, take_lock
from emotalk.runs.same_run import refuse_other_configuration, refuse_other_shards
from emotalk.runs.status import CONFIG, JOINED, LOCK, SAMPLES, is_free, write_status
from emotalk.shards.joined_set import AnyShardSet

LEASE_S = 120.0  # longer than file servers keep the lock of a machine that does not answer
LOG = logging.getLogger("emotalk.train")


def check_run_folder(config: TrainConfig, shard_set: AnyShardSet | None) -> bool:
    """Return whether the run folder holds a checkpoint; change nothing.

    `shard_set` is None if it does not exist yet and is not compared.

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
    if started and shard_set is not None:
        refuse_other_shards(config, shard_set)
    return started


def open_run_folder(config: TrainConfig, shard_set: AnyShardSet | None) -> bool:
    """Create or check the run folder and lock it; return whether it holds a checkpoint.

    The lock is held until this process ends.

    Raises:
        WrongUse: the folder is not this run's (`check_run_folder`), or cannot be written.
        InUse: another process trains here.
    """
    folder = config.run_dir
    try:
        started = check_run_folder(config, shard_set)
        (folder / CHECKPOINTS).mkdir(parents=True, exist_ok=True)
        (folder / SAMPLES).mkdir(exist_ok=True)
        hold_run_folder(folder)
        atomic_write_text(folder / CONFIG, dump_config(config))
    except OSError as error:
        raise WrongUse(
            f"run_dir {folder} cannot be written: {error.strerror}; choose another run_dir"
        ) from None
    return started


def open_together(config: TrainConfig, shard_set: AnyShardSet | None, runtime: Runtime) -> None:
    """Open the run folder in the main process; raise its error in every process.

    Raises:
        WrongUse: the folder is not this run's, or cannot be written; on every process.
        InUse: another process trains here; on every process.
    """
    refusals: list[WrongUse] = []
    if runtime.is_main:
        try:
            open_run_folder(config, shard_set)
            write_status(
                config.run_dir, "running", "training; if no process is left, it was killed"
            )
        except WrongUse as error:
            refusals.append(error)
    for refusal in runtime.gather(refusals):
        raise refusal
    if not runtime.is_main:
        JOINED[config.run_dir] = str(read_holder(config.run_dir / LOCK))


def hold_run_folder(folder: Path) -> FileLock:
    """Return the lock on the run folder, which this process holds to its end.

    A file server keeps the lock of a lost machine for a while. So a process on another machine is
    waited for, `LEASE_S` at most.

    Raises:
        InUse: another process trains in this folder.
    """
    path, began = folder / LOCK, time.monotonic()
    while (lock := own_lock(path) or take_lock(path)) is None:
        holder = read_holder(path)
        if not holder.is_on_another_machine or time.monotonic() - began > LEASE_S:
            raise InUse(
                f"run_dir {folder}: {holder} is training here; wait for it, stop it, or choose "
                "another run_dir"
            )
        LOG.warning("waiting for %s to let go of %s, or to be lost", holder, folder)
        time.sleep(LEASE_S / 20)
    lock.sign()
    return lock
