"""Read remote shard sets: by range requests, or by copies of whole tars in a cache.

Files come through fsspec (http, https, s3, ...) or from a command's output (`pipe:`, as in
WebDataset). Failed requests are tried again with growing waits.
"""

import hashlib
import shlex
import subprocess
from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any, TypeVar

from emotalk.config.data import RemoteConfig
from emotalk.errors import WrongUse
from emotalk.files.atomic_write import PART, atomic_path
from emotalk.files.checksums import file_sha256
from emotalk.files.lock import wait_for_lock
from emotalk.media.remote import (
    check_protocol,
    connect,
    is_url,
    join_url,
    network_faults,
    retry,
)
from emotalk.redaction import COMMAND, redact, redact_command, redact_setting, refuse_redacted
from emotalk.shards.manifest import ShardEntry
from emotalk.shards.storage import DiskStorage, Storage, StorageFault

Result = TypeVar("Result")

CHUNK = 1 << 20
PLACEHOLDER = "{}"  # for the file's name in a command


class NoRangesFault(StorageFault):
    """A server sends whole files instead of ranges; it is not tried again."""


class Remote(ABC):
    """Remote files that can be read or copied whole."""

    def __init__(self, location: str, config: RemoteConfig) -> None:
        self.location = location.rstrip("/")
        self.shown = redact_setting(self.location)  # without its secrets
        self.config = config

    def read_file(self, name: str) -> bytes:
        """Return a whole small file.

        Raises:
            StorageFault: missing or unreadable.
        """
        return self.tried(lambda: self.fetch(name), name)

    def download(self, name: str, target: Path) -> None:
        """Write a whole file to `target`.

        Raises:
            StorageFault: missing or unreadable.
        """
        self.tried(lambda: self.copy(name, target), name)

    @abstractmethod
    def fetch(self, name: str) -> bytes:
        """Return a whole file by one request."""

    @abstractmethod
    def copy(self, name: str, target: Path) -> None:
        """Write a whole file to `target` by one request."""

    def tried(self, request: Callable[[], Result], name: str) -> Result:
        """Return the result of a request for a file, repeated after faults that may pass."""
        tries = self.config.tries
        try:
            return retry(
                request,
                f"{self.shown}/{name}",
                tries=tries,
                backoff_s=self.config.backoff_s,
                final=(NoRangesFault,),
            )
        except FileNotFoundError as error:
            raise StorageFault(f"{name} is missing") from error
        except NoRangesFault:
            raise
        except network_faults() as error:
            raise StorageFault(redact(f"{name}: {tries} tries failed, last: {error}")) from error


class UrlRemote(Remote):
    """Files at a URL, through fsspec."""

    def fetch(self, name: str) -> bytes:
        """Return a whole file."""
        return self.part(name)

    def copy(self, name: str, target: Path) -> None:
        """Write a whole file to `target`."""
        system, path = self._at(name)
        system.get_file(path, str(target))

    def part(self, name: str, start: int | None = None, end: int | None = None) -> bytes:
        """Return the bytes `start` .. `end - 1` by one request."""
        system, path = self._at(name)
        data: bytes = system.cat_file(path, start=start, end=end)
        return data

    def sha256(self, name: str) -> str:
        """Return a file's hash by one request; downloads all of it."""
        system, path = self._at(name)
        digest = hashlib.sha256()
        with system.open(path, "rb") as file:
            while chunk := file.read(CHUNK):
                digest.update(chunk)
        return digest.hexdigest()

    def _at(self, name: str) -> tuple[Any, str]:
        return connect(join_url(self.location, name), stall_s=self.config.stall_s)


class PipeRemote(Remote):
    """Files that a shell command writes to its output; `{}` in it is the file's name."""

    def fetch(self, name: str) -> bytes:
        """Return the command's output."""
        return self._run(name, subprocess.PIPE).stdout

    def copy(self, name: str, target: Path) -> None:
        """Write the command's output to `target`."""
        with target.open("wb") as file:
            self._run(name, file)

    def _run(self, name: str, output: int | IO[bytes]) -> subprocess.CompletedProcess[bytes]:
        command = self.location.removeprefix(COMMAND).replace(PLACEHOLDER, shlex.quote(name))
        done = subprocess.run(  # noqa: S602  a command of the user's own, from the configuration
            command, shell=True, stdout=output, stderr=subprocess.PIPE, check=False
        )
        if done.returncode:
            said = done.stderr.decode(errors="replace").strip().rpartition("\n")[2]
            raise StorageFault(redact_command(f"`{command}` ended with {done.returncode}: {said}"))
        return done


class RangeStorage(Storage):
    """Storage at a URL that fetches only the needed bytes."""

    def __init__(self, remote: UrlRemote) -> None:
        self.remote = remote

    def read_file(self, name: str) -> bytes:
        """Return a whole file."""
        return self.remote.read_file(name)

    def read_range(self, shard: ShardEntry, begin: int, size: int) -> bytes:
        """Return bytes of a tar by one range request."""

        def read() -> bytes:
            data = self.remote.part(shard.file, begin, begin + size)
            if len(data) > size:
                raise NoRangesFault(_no_ranges(shard.file, size, len(data)))
            if len(data) != size:
                raise StorageFault(f"gave {len(data)} bytes of {size} from byte {begin} on")
            return data

        return self.remote.tried(read, shard.file)

    def sha256(self, shard: ShardEntry) -> str:
        """Return a tar's hash; downloads all of it."""
        return self.remote.tried(lambda: self.remote.sha256(shard.file), shard.file)

    def access_fault(self, name: str) -> str | None:
        """Return a message if the server sends more than the one byte requested, or None."""
        try:
            found = len(self.remote.tried(lambda: self.remote.part(name, 0, 1), name))
        except StorageFault as fault:
            return f"a part of {name} cannot be read: {fault}"
        return _no_ranges(name, 1, found) if found > 1 else None


def _no_ranges(name: str, wanted: int, found: int) -> str:
    return (
        f"{name}: asked for {wanted} byte{'s' * (wanted != 1)}, the server sent {found}: it knows "
        "no ranges; copy whole tars instead: data.remote.access=cache"
    )


class CachedStorage(Storage):
    """Remote storage that copies each tar to disk at its first read, once a machine."""

    def __init__(self, remote: Remote) -> None:
        self.remote = remote
        name = hashlib.sha256(remote.shown.encode()).hexdigest()  # also after a renewed signature
        self.disk = DiskStorage(remote.config.cache_dir.expanduser() / name[:16])

    def read_file(self, name: str) -> bytes:
        """Return a whole small file, never from the cache: it may have been replaced."""
        return self.remote.read_file(name)

    def read_range(self, shard: ShardEntry, begin: int, size: int) -> bytes:
        """Return bytes of a tar, copying it first where the cache lacks it."""
        return self.disk.read_range(self._copied(shard), begin, size)

    def sha256(self, shard: ShardEntry) -> str:
        """Return the hash of the copy."""
        return self.disk.sha256(self._copied(shard))

    def _copied(self, shard: ShardEntry) -> ShardEntry:
        """Return the entry of the copy, which is named by its hash so that versions never mix."""
        stem = shard.file.removesuffix(".tar")
        copy = shard.model_copy(update={"file": f"{stem}.{shard.sha256[:16]}.tar"})
        if self.disk.local_size(copy.file) != shard.bytes:
            self._copy(shard, self.disk.folder / copy.file)
        return copy

    def _copy(self, shard: ShardEntry, target: Path) -> None:
        """Copy under a lock, so that one process of a machine does it."""
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            with wait_for_lock(target.with_suffix(".lock")):
                if self.disk.local_size(target.name) == shard.bytes:
                    return
                with atomic_path(target, partial=target.with_suffix(PART)) as part:
                    self.remote.download(shard.file, part)
                    found = file_sha256(part)
                    if found != shard.sha256:
                        raise StorageFault(
                            f"{shard.file}: the download's sha256 is {found[:12]}..."
                        )
        except StorageFault:
            raise
        except OSError as error:
            raise StorageFault(f"data.remote.cache_dir {target.parent}: {error}") from error


def open_storage(location: str, remote: RemoteConfig) -> Storage:
    """Return the storage of a folder, a URL or a `pipe:` command.

    Raises:
        WrongUse: the folder does not exist, fsspec cannot open such URLs here, or a command has no
            place for the file's name or cannot be read by ranges.
    """
    refuse_redacted(location, "shards")
    if location.startswith(COMMAND):
        return CachedStorage(_pipe(location, remote))
    folder = folder_of(location)
    if folder is None:
        check_protocol(location)
        there = UrlRemote(location, remote)
        return CachedStorage(there) if remote.access == "cache" else RangeStorage(there)
    if not folder.is_dir():
        raise WrongUse(f"{location}: no such folder; make shards with etl/shard.py")
    return DiskStorage(folder)


def folder_of(location: str) -> Path | None:
    """Return the folder on disk that a location names, or None for a URL or command."""
    location = location.removeprefix("file://")
    elsewhere = is_url(location) or location.startswith(COMMAND)
    return None if elsewhere else Path(location).expanduser()


def _pipe(location: str, config: RemoteConfig) -> PipeRemote:
    example = "e.g. 'pipe:aws s3 cp s3://bucket/set/{} -'"
    shown = redact_command(location)
    if PLACEHOLDER not in location:
        raise WrongUse(
            f"{shown}: the command needs {PLACEHOLDER} where the file's name belongs, {example}"
        )
    if config.access == "range":
        raise WrongUse(
            f"{shown}: a command's output has no ranges; copy whole tars instead: "
            "data.remote.access=cache"
        )
    return PipeRemote(location, config)
