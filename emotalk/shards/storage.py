"""Read the bytes of a shard set's files from a folder, a URL, or a command's output."""

import os
import stat
from abc import ABC, abstractmethod
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

from emotalk.files.checksums import file_sha256
from emotalk.files.small_files import UnfitFile, read_small
from emotalk.shards.manifest import ShardEntry

OPEN_FILES = 64
LARGEST_FILE = 256 * 2**20  # bytes of a manifest or an index


class StorageFault(OSError):  # noqa: N818  a fault of the files, not of the program
    """A file or a part of it is missing, unreadable or of another size."""


class Version(NamedTuple):
    """Tell a file from a later one of the same name."""

    device: int
    inode: int
    size: int  # bytes
    time_ns: int  # of its last change


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
        """Return a file's size, -1 if it is missing, None if the storage is remote."""
        return None

    def versions(self, names: Iterable[str]) -> dict[str, Version | None]:
        """Return what tells each file from a later one, None if it is missing; {} if remote."""
        return {}

    def keep_versions(self, versions: Mapping[str, Version | None]) -> None:
        """Take the versions that another process of this machine found, instead of looking."""
        assert not versions, "a remote storage has none"

    def access_fault(self, name: str) -> str | None:
        """Return why this way of access cannot work, tried on an existing file, or None."""
        return None


class DiskStorage(Storage):
    """The files of a folder. Opened tars stay open; the least recently used is closed.

    A tar that was replaced or written to since it was first opened is hashed before more of it is
    read: the same bytes are accepted, other ones are a fault.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._owner = os.getpid()
        self._open: OrderedDict[str, int] = OrderedDict()
        self._faults: dict[str, dict[Version, str]] = {}  # fault, "" if none
        self._found: dict[str, Version | None] = {}  # by another process

    def read_file(self, name: str) -> bytes:
        """Return a whole file."""
        try:
            return read_small(self.folder / name, max_bytes=LARGEST_FILE)
        except OSError as error:
            raise StorageFault(f"{name}: {error.strerror}") from error
        except UnfitFile as error:
            raise StorageFault(f"{name}: {error}") from error

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
            return file_sha256(self._descriptor(shard))
        except OSError as error:
            self._close(shard.file)
            raise StorageFault(error.strerror or str(error)) from error

    def local_size(self, name: str) -> int | None:
        """Return a file's size, as `keep_versions` was told it or as it is."""
        version = self._found[name] if name in self._found else self._version_now(name)
        if version is None:
            return -1
        self._faults.setdefault(name, {version: ""})
        return version.size

    def versions(self, names: Iterable[str]) -> dict[str, Version | None]:
        """Return the versions of files."""
        return {name: self._version_now(name) for name in names}

    def keep_versions(self, versions: Mapping[str, Version | None]) -> None:
        """Take the versions of files."""
        self._found.update(versions)

    def _version_now(self, name: str) -> Version | None:
        try:
            return _version((self.folder / name).stat())
        except OSError:
            return None

    def close(self) -> None:
        """Close the open tars; reading opens them again."""
        for name in list(self._open):
            self._close(name)

    def _descriptor(self, shard: ShardEntry) -> int:
        if self._owner != os.getpid():  # after a fork: the descriptors are the parent's
            self._owner, self._open = os.getpid(), OrderedDict()
        kept = shard.file in self._open
        fault = self._fault(shard, self._opened(shard.file))
        if fault and kept:  # the name may belong to another file by now
            self._close(shard.file)
            fault = self._fault(shard, self._opened(shard.file))
        if fault:
            self._close(shard.file)
            raise StorageFault(fault)
        return self._open[shard.file]

    def _opened(self, name: str) -> int:
        if name not in self._open:
            if len(self._open) >= OPEN_FILES:
                self._close(next(iter(self._open)))
            flags = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK  # does not wait for a pipe's writer
            self._open[name] = os.open(self.folder / name, flags)
        self._open.move_to_end(name)
        return self._open[name]

    def _fault(self, shard: ShardEntry, descriptor: int) -> str:
        """Return the fault of an opened tar, or an empty text."""
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            return "is no file but a folder, pipe or device"
        if status.st_size != shard.bytes:
            return f"has {status.st_size} bytes, the manifest says {shard.bytes}"
        version = _version(status)
        checked = self._faults.setdefault(shard.file, {version: ""})
        if version not in checked:
            found = file_sha256(descriptor)
            changed = (
                f"was changed since the run began: sha256 {found[:12]}..., the manifest says "
                f"{shard.sha256[:12]}..."
            )
            checked[version] = "" if found == shard.sha256 else changed
        return checked[version]

    def _close(self, name: str) -> None:
        descriptor = self._open.pop(name, None)
        if descriptor is not None:
            os.close(descriptor)


def _version(status: os.stat_result) -> Version:
    return Version(status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns)
