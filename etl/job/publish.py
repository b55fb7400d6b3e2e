"""Copy a finished shard set to object storage: its files in parallel, the manifest last.

Interrupted, the same command goes on: beside each object that arrived lies an empty one whose name
holds the hash of the file (`.work/NAME.HASH`). They are removed once the manifest is there.
"""

import logging
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

from emotalk.errors import WrongUse
from emotalk.files.checksums import file_sha256
from emotalk.media.object_store import ObjectStore
from emotalk.shards.manifest import Manifest
from emotalk.shards.names import (
    MANIFEST_NAME,
    MEASURES_NAME,
    PICTURES_NAME,
    REJECTED_NAME,
    REPORT_NAME,
    index_name,
)
from emotalk.shards.storage import LARGEST_FILE

LOG = logging.getLogger("emotalk.etl")
BESIDE = (REJECTED_NAME, MEASURES_NAME, PICTURES_NAME, REPORT_NAME)
MARKS = ".work/"
HASH_SHOWN = 32
UPLOADS = 8  # files at a time


def publish(folder: Path, manifest: Manifest, url: str) -> bool:
    """Copy the set in a folder to a URL; return whether anything was copied.

    Raises:
        WrongUse: another set or other objects are there, which stay as they are; or the storage
            refuses the credentials.
        StoreFault: the storage fails again and again; the same command goes on.
        OSError: a file cannot be read.
    """
    store = ObjectStore(url, "output")
    there = store.sizes()
    if MANIFEST_NAME in there:
        return _refuse_other_set(store, folder)
    names = set_files(folder, manifest)
    _refuse_other_objects(store, there, names)
    arrived = {name.removeprefix(MARKS) for name in there if name.startswith(MARKS)}
    with ThreadPoolExecutor(UPLOADS) as pool:
        marks = list(pool.map(partial(_upload, store, folder, arrived, there), names))
    store.write(folder / MANIFEST_NAME, MANIFEST_NAME)
    store.remove(sorted({*marks, *(MARKS + name for name in arrived)}))
    return True


def set_files(folder: Path, manifest: Manifest) -> list[str]:
    """Return the names of a set's files but for the manifest: tars, indexes, and what is beside."""
    tars = [shard.file for shard in manifest.shards]
    beside = [name for name in BESIDE if (folder / name).is_file()]
    return [*tars, *map(index_name, tars), *beside]


def _upload(
    store: ObjectStore, folder: Path, arrived: set[str], there: dict[str, int], name: str
) -> str:
    """Copy a file unless it arrived before; return the name of its mark."""
    path = folder / name
    mark = f"{name}.{file_sha256(path)[:HASH_SHOWN]}"
    if mark not in arrived or there.get(name) != path.stat().st_size:
        store.write(path, name)
        store.write_bytes(MARKS + mark, b"")
        LOG.info("copied to %s", store.shown(name))
    return MARKS + mark


def _refuse_other_set(store: ObjectStore, folder: Path) -> bool:
    """Return False if the storage holds this very set.

    Raises:
        WrongUse: it holds another one.
    """
    found = store.read_bytes(MANIFEST_NAME, max_bytes=LARGEST_FILE)
    if found != (folder / MANIFEST_NAME).read_bytes():
        raise WrongUse(
            f"output: {store.shown(MANIFEST_NAME)} is of another shard set than {folder}; nothing "
            "is overwritten: choose another place, or remove the set there first"
        )
    return False


def _refuse_other_objects(store: ObjectStore, there: Iterable[str], names: Iterable[str]) -> None:
    ours = {*names}
    others = sorted(name for name in there if name not in ours and not name.startswith(MARKS))
    if others:
        some = ", ".join(others[:3]) + (" ..." if others[3:] else "")
        raise WrongUse(
            f"output: {store.shown('')} holds {some}, which this set has not; nothing is "
            "overwritten: choose an empty or new place"
        )
