"""List and read a corpus in a folder or at any URL that fsspec opens."""

import hashlib
import os
import socket
import tempfile
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any, TypeAlias, TypeVar
from urllib.parse import unquote

from emotalk.config.etl import EtlConfig
from emotalk.errors import Stopped, WrongUse
from emotalk.files.small_files import UnfitFile, read_small
from emotalk.media.remote import (
    check_protocol,
    connect,
    is_http,
    is_url,
    join_url,
    network_faults,
    retry,
)
from emotalk.redaction import redact, refuse_redacted
from emotalk.schema import Rejection
from etl.corpora.normal_form import forms, stored_path
from etl.corpora.system_files import without_system_files
from etl.paths import is_full

Result = TypeVar("Result")

TRIES = 4
BACKOFF_S = 0.5
LARGEST_TABLE = 256 * 2**20  # bytes: a million clips have less than half of it


@dataclass(frozen=True)
class RemoteFile:
    """A file at a URL.

    Attributes:
        url: readable, without percent-encoding in its name.
        folder: the corpus' URL, the beginning of `url`.
    """

    url: str
    folder: str = field(default="", compare=False)

    @property
    def addresses(self) -> list[str]:
        """Return the URLs to try in order: accents in the name may be stored in two forms."""
        if not self.folder:
            return [self.url]
        name = self.url.removeprefix(f"{self.folder}/")
        return [join_url(self.folder, form) for form in forms(name)]

    @property
    def name(self) -> str:
        """Return the last part of the path."""
        return PurePosixPath(self.url).name

    @property
    def stem(self) -> str:
        """Return the name without its last ending."""
        return PurePosixPath(self.url).stem


MediaFile: TypeAlias = Path | RemoteFile


class SourceLost(Stopped):
    """The source cannot be reached any more; nothing is concluded about any clip."""


class Source(ABC):
    """The files of a corpus, by their names inside it, separated by `/`.

    Attributes:
        passed_over: number of system files that `files` left out.
    """

    passed_over: int = 0

    def files(self, folder: str) -> list[str] | None:
        """Return the sorted names of all files below a folder; None where it is missing."""
        every = self._every_file(folder)
        if every is None:
            return None
        own, passed_over = without_system_files(every)
        self.passed_over += passed_over
        return own

    @abstractmethod
    def _every_file(self, folder: str) -> list[str] | None: ...

    @abstractmethod
    def text(self, name: str) -> str | None:
        """Return a text file's content, None where it is missing.

        Raises:
            WrongUse: it is not UTF-8 text.
        """

    @abstractmethod
    def media(self, name: str) -> MediaFile:
        """Return the location of a file, which may be missing."""


class FolderSource(Source):
    """A folder on a file system."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def _every_file(self, folder: str) -> list[str] | None:
        top = self.folder / folder
        if not top.is_dir():
            return None
        start = len(self.folder.as_posix()) + 1
        return sorted(path[start:] for path in _walk(str(top)))

    def text(self, name: str) -> str | None:
        """Return a text file's content."""
        path = self.folder / name
        if not path.is_file():
            return None
        try:
            return _decoded(str(path), read_small(path, most_bytes=LARGEST_TABLE))
        except UnfitFile as error:
            raise WrongUse(f"{path}: {error}; a corpus's tables are smaller") from None

    def media(self, name: str) -> Path:
        """Return a file's path in the normal form in which its name is stored."""
        return stored_path(self.folder, name)


class UrlSource(Source):
    """A folder at a URL; over http the server must list its folders."""

    def __init__(self, url: str) -> None:
        self.url = url.rstrip("/")

    def _every_file(self, folder: str) -> list[str] | None:
        system, top = connect(join_url(self.url, folder))
        _, root = connect(self.url)
        address = f"{self.url}/{folder}"
        if not _asked(lambda: list(system.ls(top)), address):  # `find` passes over every fault
            return None
        found = _asked(lambda: sorted(system.find(top)), address) or []
        start = len(root.rstrip("/")) + 1
        names = [path[start:] for path in found]
        return sorted(map(unquote, names)) if is_http(self.url) else names

    def text(self, name: str) -> str | None:
        """Return a text file's content."""
        system, path = connect(join_url(self.url, name))
        content = _asked(lambda: bytes(system.cat_file(path)), f"{self.url}/{name}")
        return None if content is None else _decoded(f"{self.url}/{name}", content)

    def media(self, name: str) -> RemoteFile:
        """Return a file's URL."""
        return RemoteFile(f"{self.url}/{name}", self.url)


def open_source(config: EtlConfig) -> Source:
    """Return the configured source.

    Raises:
        WrongUse: the folder is missing, or fsspec cannot open such URLs here.
    """
    if is_url(config.source) and not config.source.startswith("file://"):
        refuse_redacted(config.source, "source")
        check_protocol(config.source)
        return UrlSource(config.source)
    source = Path(config.source.removeprefix("file://")).expanduser()
    if not source.is_dir():
        what = "is not a folder" if source.exists() else "no such folder"
        raise WrongUse(
            f"source: {source}: {what}; give the folder of the {config.corpus} corpus: source=DIR"
        )
    return FolderSource(source)


@contextmanager
def on_disk(media: MediaFile) -> Iterator[Path]:
    """Lend a file on this machine's disk: itself, or for the block a copy of a remote one.

    Raises:
        Rejection: `missing` where a listed remote file is gone.
        SourceLost: the network gives no answer.
    """
    if isinstance(media, Path):
        yield media
        return
    with tempfile.TemporaryDirectory(prefix="emotalk-") as folder:
        target = Path(folder) / media.name
        _fetch(media, target)
        yield target


def check_reachable(source: str) -> None:
    """Check that the source itself is still there, after a clip was missing.

    Raises:
        SourceLost: the folder is missing, or empty as after its file system was unmounted.
    """
    if is_url(source) and not source.startswith("file://"):
        return
    folder = Path(source.removeprefix("file://")).expanduser()
    try:
        with os.scandir(folder) as entries:
            why = "" if any(entries) else "is empty now"
    except OSError as error:
        why = f"cannot be read any more ({error.strerror})"
    if why:
        raise SourceLost(
            f"source: {folder} {why} on {socket.gethostname()}; no clip was judged by that. Bring "
            "it back and start again: finished clips are kept"
        )


def stamp(media: MediaFile) -> tuple[int, int]:
    """Return two numbers that change when a file does: size, and time in ns or an HTTP tag.

    (0, 0) where they cannot be read.
    """
    if isinstance(media, Path):
        try:
            status = media.stat()
        except OSError:
            return (0, 0)
        return (status.st_size, status.st_mtime_ns)
    facts: dict[str, Any] = {}
    for address in media.addresses:
        system, path = connect(address)
        try:
            facts = dict(_tried(partial(system.info, path), media.url))
            break
        except network_faults():
            continue
    if not facts:
        return (0, 0)
    tag = next((facts[key] for key in ("ETag", "LastModified", "mtime") if facts.get(key)), "")
    digest = hashlib.sha256(str(tag).encode()).digest()[:7]
    return (int(facts.get("size") or 0), int.from_bytes(digest, "big"))


def _walk(folder: str, above: frozenset[str] = frozenset()) -> Iterator[str]:
    """Yield the path of every file below, following links to folders but no circle of them."""
    real = os.path.realpath(folder)
    if real in above:
        return
    try:
        entries = list(os.scandir(folder))
    except OSError as error:
        raise WrongUse(f"source: cannot list {error.filename}: {error.strerror}") from None
    for entry in entries:
        if _is_folder(entry):
            yield from _walk(entry.path, above | {real})
        else:
            yield entry.path


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # no permission: reported when the clip is opened
        return False


def _fetch(media: RemoteFile, target: Path) -> None:
    try:
        for address in media.addresses:
            system, path = connect(address)
            with suppress(FileNotFoundError):
                _tried(partial(system.get_file, path, str(target)), media.url)
                return
    except network_faults() as error:
        if is_full(error):
            raise  # this machine's own disk
        raise SourceLost(
            f"source: {media.url}: no answer after {TRIES} tries: {error}; start again when the "
            "source can be reached: finished clips are kept"
        ) from error
    raise Rejection("missing", f"{media.name}: was listed, but is not there; {redact(media.url)}")


def _asked(request: Callable[[], Result], url: str) -> Result | None:
    """Return the request's result, None where the file is missing.

    Raises:
        WrongUse: the network gives no answer.
    """
    try:
        return _tried(request, url)
    except FileNotFoundError:
        return None
    except network_faults() as error:
        raise WrongUse(
            f"source: {url}: {error or type(error).__name__} ({TRIES} tries); check the address, "
            "the network and the rights, and start again"
        ) from None


def _tried(request: Callable[[], Result], url: str) -> Result:
    return retry(request, url, tries=TRIES, backoff_s=BACKOFF_S)


def _decoded(name: str, content: bytes) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise WrongUse(f"{name}: not UTF-8 text ({error})") from None
