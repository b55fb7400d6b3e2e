"""List a corpus in a folder or at any URL that fsspec opens, and read its tables."""

import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import unquote

from emotalk.config.etl import EtlConfig
from emotalk.errors import WrongUse
from emotalk.files.small_files import UnfitFile, read_small
from emotalk.media.remote import check_protocol, connect, is_http, is_url, join_url, network_faults
from emotalk.redaction import refuse_redacted
from etl.corpora.media_file import TRIES, MediaFile, RemoteFile, Result, with_retries
from etl.corpora.normal_form import stored_path
from etl.corpora.system_files import without_system_files

LARGEST_TABLE = 256 * 2**20  # bytes: a million clips have less than half of it


class Source(ABC):
    """The files of a corpus, by their names inside it, separated by `/`."""

    system_files: int = 0  # number of system files that `files` left out

    def files(self, folder: str) -> list[str] | None:
        """Return the sorted names of all files below a folder; None where it is missing."""
        every = self._every_file(folder)
        if every is None:
            return None
        own, system_files = without_system_files(every)
        self.system_files += system_files
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
            return _decoded(str(path), read_small(path, max_bytes=LARGEST_TABLE))
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


def _asked(request: Callable[[], Result], url: str) -> Result | None:
    """Return the request's result, None where the file is missing.

    Raises:
        WrongUse: the network gives no answer.
    """
    try:
        return with_retries(request, url)
    except FileNotFoundError:
        return None
    except network_faults() as error:
        raise WrongUse(
            f"source: {url}: {error or type(error).__name__} ({TRIES} tries); check the address, "
            "the network and the rights, and start again"
        ) from None


def _decoded(name: str, content: bytes) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise WrongUse(f"{name}: not UTF-8 text ({error})") from None
