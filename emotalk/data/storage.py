"""Bytes of a shard set's files, on disk or at a URL, with retries where a network lies between."""

import fcntl
import hashlib
import os
from abc import ABC, abstractmethod
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from emotalk.config.data import RemoteConfig
from emotalk.data.manifest import ShardEntry
from emotalk.errors import WrongUse
from emotalk.media.remote import check_protocol, connect, is_url, network_faults, tried

Result = TypeVar("Result")

OPEN_FILES = 64
CHUNK = 1 << 20


class StorageFault(OSError):  # noqa: N818  what the files lack, not the program
    """Bytes that should be there are not."""


class NoRangesFault(StorageFault):
    """A server sends whole files whatever is asked for; asking again changes nothing."""


class Storage(ABC):
    """The files of one shard set."""

    @abstractmethod
    def read_file(self, name: str) -> bytes:
        """Return a whole small file.

        Raises:
            StorageFault: missing or unreadable.
        """

    @abstractmethod
    def read_range(self, shard: ShardEntry, begin: int, size: int) -> bytes:
        """Return exactly `size` bytes of a tar from byte `begin` on.

        Raises:
            StorageFault: missing, unreadable, or of another size than the manifest says.
        """

    @abstractmethod
    def sha256(self, shard: ShardEntry) -> str:
        """Return the hash of a whole tar in hex; reads all of it.

        Raises:
            StorageFault: missing or unreadable.
        """

    def local_size(self, name: str) -> int | None:
        """Return a file's size, -1 if it is missing, None if it is not on disk."""
        return None


class DiskStorage(Storage):
    """A folder. Opened tars stay open, the least recently used is closed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._owner = os.getpid()
        self._open: OrderedDict[str, int] = OrderedDict()

    def read_file(self, name: str) -> bytes:
        """Return a whole file."""
        try:
            return (self.folder / name).read_bytes()
        except OSError as error:
            raise StorageFault(f"{name}: {error.strerror}") from error

    def read_range(self, shard: ShardEntry, begin: int, size: int) -> bytes:
        """Return bytes of a tar."""
        try:
            data = os.pread(self._descriptor(shard), size, begin)
        except OSError as error:
            self._close(shard.file)
            raise StorageFault(error.strerror or str(error)) from error
        if len(data) != size:
            raise StorageFault(f"ends before byte {begin + size}")
        return data

    def sha256(self, shard: ShardEntry) -> str:
        """Return a tar's hash."""
        try:
            with (self.folder / shard.file).open("rb") as tar:
                return hashlib.file_digest(tar, "sha256").hexdigest()
        except OSError as error:
            raise StorageFault(error.strerror or str(error)) from error

    def local_size(self, name: str) -> int | None:
        """Return a file's size."""
        try:
            return (self.folder / name).stat().st_size
        except OSError:
            return -1

    def _descriptor(self, shard: ShardEntry) -> int:
        if self._owner != os.getpid():  # after a fork: the parent's are the parent's
            self._owner, self._open = os.getpid(), OrderedDict()
        if shard.file not in self._open:
            if len(self._open) >= OPEN_FILES:
                self._close(next(iter(self._open)))
            descriptor = os.open(self.folder / shard.file, os.O_RDONLY | os.O_CLOEXEC)
            self._open[shard.file] = descriptor
            found = os.fstat(descriptor).st_size
            if found != shard.bytes:
                self._close(shard.file)
                raise StorageFault(f"has {found} bytes, the manifest says {shard.bytes}")
        self._open.move_to_end(shard.file)
        return self._open[shard.file]

    def _close(self, name: str) -> None:
        descriptor = self._open.pop(name, None)
        if descriptor is not None:
            os.close(descriptor)


class RemoteStorage(Storage):
    """Files at a URL, read by ranges; every request is tried again with growing waits."""

    def __init__(self, location: str, config: RemoteConfig) -> None:
        self.location = location.rstrip("/")
        self.config = config

    def read_file(self, name: str) -> bytes:
        """Return a whole file."""

        def read() -> bytes:
            system, root = connect(self.location)
            data: bytes = system.cat_file(f"{root}/{name}")
            return data

        return self._tried(read, name)

    def read_range(self, shard: ShardEntry, begin: int, size: int) -> bytes:
        """Return bytes of a tar by one range request."""

        def read() -> bytes:
            system, root = connect(self.location)
            data: bytes = system.cat_file(f"{root}/{shard.file}", start=begin, end=begin + size)
            if len(data) > size:
                raise NoRangesFault(
                    f"{shard.file}: asked for {size} bytes, the server sent {len(data)}: it knows "
                    "no ranges; copy whole tars instead: data.remote.access=cache"
                )
            if len(data) != size:
                raise StorageFault(f"gave {len(data)} bytes of {size} from byte {begin} on")
            return data

        return self._tried(read, shard.file)

    def sha256(self, shard: ShardEntry) -> str:
        """Return a tar's hash; downloads all of it."""

        def read() -> str:
            system, root = connect(self.location)
            with system.open(f"{root}/{shard.file}", "rb") as tar:
                digest = hashlib.sha256()
                while chunk := tar.read(CHUNK):
                    digest.update(chunk)
            return digest.hexdigest()

        return self._tried(read, shard.file)

    def download(self, name: str, target: Path) -> None:
        """Write a whole file to `target`.

        Raises:
            StorageFault: missing or unreadable.
        """

        def copy() -> None:
            system, root = connect(self.location)
            system.get_file(f"{root}/{name}", str(target))

        self._tried(copy, name)

    def _tried(self, request: Callable[[], Result], name: str) -> Result:
        tries = self.config.tries
        try:
            return tried(
                request,
                f"{self.location}/{name}",
                tries=tries,
                backoff_s=self.config.backoff_s,
                final=(NoRangesFault,),
            )
        except FileNotFoundError as error:
            raise StorageFault(f"{name} is missing") from error
        except NoRangesFault:
            raise
        except network_faults() as error:
            raise StorageFault(f"{name}: {tries} tries failed, last: {error}") from error


class CachedStorage(Storage):
    """A URL whose tars are copied to disk whole, each once a machine, when first touched."""

    def __init__(self, remote: RemoteStorage) -> None:
        self.remote = remote
        name = hashlib.sha256(remote.location.encode()).hexdigest()[:16]
        self.disk = DiskStorage(remote.config.cache_dir.expanduser() / name)

    def read_file(self, name: str) -> bytes:
        """Return a whole small file, always from the URL: it may have been made anew."""
        return self.remote.read_file(name)

    def read_range(self, shard: ShardEntry, begin: int, size: int) -> bytes:
        """Return bytes of a tar, copying it first if it is not here."""
        return self.disk.read_range(self._copied(shard), begin, size)

    def sha256(self, shard: ShardEntry) -> str:
        """Return the hash of the copy."""
        return self.disk.sha256(self._copied(shard))

    def _copied(self, shard: ShardEntry) -> ShardEntry:
        """Return the entry of the copy, named by its hash: versions never mix."""
        stem = shard.file.removesuffix(".tar")
        copy = shard.model_copy(update={"file": f"{stem}.{shard.sha256[:16]}.tar"})
        target = self.disk.folder / copy.file
        if not target.exists():
            self._copy(shard, target)
        return copy

    def _copy(self, shard: ShardEntry, target: Path) -> None:
        """Download under a lock, so that the processes of a machine do it once."""
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            with target.with_suffix(".lock").open("w") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)
                if target.exists():
                    return
                part = target.with_suffix(".part")
                self.remote.download(shard.file, part)
                found = self.disk.sha256(shard.model_copy(update={"file": part.name}))
                if found != shard.sha256:
                    raise StorageFault(f"{shard.file}: the download's sha256 is {found[:12]}...")
                part.replace(target)
        except StorageFault:
            raise
        except OSError as error:
            raise StorageFault(f"data.remote.cache_dir {target.parent}: {error}") from error


def open_storage(location: str, remote: RemoteConfig) -> Storage:
    """Return the storage of a folder or URL.

    Raises:
        WrongUse: the folder does not exist, or fsspec cannot open such URLs here.
    """
    if not is_url(location):
        folder = Path(location).expanduser()
        if not folder.is_dir():
            raise WrongUse(f"{location}: no such folder; make shards with etl/shard.py")
        return DiskStorage(folder)
    protocol = location.partition("://")[0]
    if protocol == "file":
        return open_storage(location.removeprefix("file://"), remote)
    check_protocol(location)
    storage = RemoteStorage(location, remote)
    return CachedStorage(storage) if remote.access == "cache" else storage
