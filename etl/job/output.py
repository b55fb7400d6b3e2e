"""Manage the output folder of a job: its manifest, its lock, and the store of finished work.

`OUTPUT/.work` holds the lock and, for each set of decisive settings, a store of finished clips.
"""

from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from emotalk.errors import WrongUse
from emotalk.files.atomic_write import PART
from emotalk.files.full_disk import is_full
from emotalk.files.lock import hold_with_heartbeat
from emotalk.files.made_folder import made_folder
from emotalk.files.small_files import UnfitFile, read_small
from emotalk.shards.manifest import Manifest
from emotalk.shards.names import (
    MANIFEST_NAME,
    MEASURES_NAME,
    PICTURES_NAME,
    REJECTED_NAME,
    REPORT_NAME,
    index_name,
    is_shard_file,
)
from emotalk.shards.record import parse
from emotalk.shards.storage import LARGEST_FILE
from etl.job.plan import Plan
from etl.job.store import CLIP, LOOKING, RECORDING, SHARD, clip_folders

WORK = ".work"
LOCK = "lock"


def read_manifest(output: Path) -> Manifest | None:
    """Return the manifest of a finished shard set, or None where there is none yet.

    Raises:
        WrongUse: the output is a file, the manifest is broken, or the folder holds files that no
            shard set has.
    """
    if output.exists() and not output.is_dir():
        raise WrongUse(f"output: {output} is a file; give a folder")
    path = output / MANIFEST_NAME
    if path.is_file():
        try:
            return parse(Manifest, read_small(path, max_bytes=LARGEST_FILE), path.name)
        except (UnfitFile, WrongUse) as error:
            raise WrongUse(f"output: {path} is broken ({error}); choose another") from None
    _refuse_other_files(output)
    return None


def finished_ns(output: Path) -> int:
    """Return when the set was finished."""
    return (output / MANIFEST_NAME).stat().st_mtime_ns


@contextmanager
def lock_output(output: Path) -> Iterator[None]:
    """Hold the output folder, so that two jobs never write into one.

    Raises:
        WrongUse: not writable, or in use.
    """
    work = output / WORK
    with ExitStack() as stack:
        try:
            stack.enter_context(made_folder(output))
            work.mkdir(exist_ok=True)
            task = f"output: another job is writing to {output}"
            stack.enter_context(hold_with_heartbeat(work / LOCK, task))
        except OSError as error:
            if is_full(error):
                raise
            raise WrongUse(f"output: cannot write to {output}: {error.strerror}") from None
        try:
            yield
        finally:
            _remove_empty(work)


def open_store(output: Path, plan: Plan) -> Path:
    """Return the folder of the clips and shards that a rerun of this very job uses again."""
    store = output / WORK / plan.digest
    store.mkdir(parents=True, exist_ok=True)
    return store


def clear_stores(output: Path) -> None:
    """Remove all stores; only files that stores can hold."""
    for store in sorted(path for path in (output / WORK).iterdir() if path.is_dir()):
        for folder in (*clip_folders(store), store):
            for pattern in (f"*{CLIP}", f"*{SHARD}", f"*{RECORDING}", f"*{LOOKING}", f".*{PART}"):
                for kept in folder.glob(pattern):
                    kept.unlink(missing_ok=True)
            folder.rmdir()


def remove_other_shards(output: Path, tars: Iterable[str]) -> None:
    """Remove the shards that an interrupted run with other settings left in this output."""
    wanted = {name for tar in tars for name in (tar, index_name(tar))}
    for path in output.iterdir():
        if is_shard_file(path.name) and path.name not in wanted:
            path.unlink()


def _refuse_other_files(output: Path) -> None:
    try:
        names = [path.name for path in output.iterdir()] if output.is_dir() else []
    except OSError as error:
        raise WrongUse(f"output: cannot read {output}: {error.strerror}") from None
    ours = {MANIFEST_NAME, REJECTED_NAME, WORK}
    begun = WORK in names
    of_begun = {MEASURES_NAME, PICTURES_NAME, REPORT_NAME}
    others = sorted(
        n for n in names if n not in ours and not (begun and (is_shard_file(n) or n in of_begun))
    )
    if others:
        some = ", ".join(others[:3]) + (" ..." if others[3:] else "")
        raise WrongUse(
            f"output: {output} holds {some} and no shard set; nothing is overwritten. "
            "Choose an empty or new folder"
        )


def _remove_empty(work: Path) -> None:
    """Remove the work folder where it holds nothing but the lock."""
    if [path.name for path in work.iterdir()] == [LOCK]:
        (work / LOCK).unlink()
        work.rmdir()
