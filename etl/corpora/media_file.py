"""Locate, fetch and identify the media files of a corpus, on disk or at a URL."""

import hashlib
import os
import socket
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any, TypeAlias, TypeVar

from emotalk.files.full_disk import is_full
from emotalk.media.remote import connect, is_url, join_url, network_faults, retry
from emotalk.redaction import redact
from emotalk.schema import Rejection
from etl.corpora.normal_form import forms
from etl.executor import NodeUnfit

Result = TypeVar("Result")

TRIES = 4
BACKOFF_S = 0.5


@dataclass(frozen=True)
class RemoteFile:
    """A file at a URL."""

    url: str  # readable, without percent-encoding in its name
    folder: str = field(default="", compare=False)  # the corpus' URL, the beginning of `url`

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


MediaFile: TypeAlias = Path | RemoteFile


class SourceLost(NodeUnfit):
    """Raised when this machine cannot reach the source any more; no clip is rejected by it."""


@contextmanager
def on_disk(media: MediaFile) -> Iterator[Path]:
    """Yield the path of a file on this machine's disk; of a remote file, that of a temporary copy.

    Raises:
        Rejection: `missing` where a listed remote file does not exist.
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
    """Check that this machine still reaches the source, after a clip could not be read.

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
            f"source: {folder} {why} on {socket.gethostname()}", "Mount it there again"
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
            facts = dict(with_retries(partial(system.info, path), media.url))
            break
        except network_faults():
            continue
    if not facts:
        return (0, 0)
    tag = next((facts[key] for key in ("ETag", "LastModified", "mtime") if facts.get(key)), "")
    digest = hashlib.sha256(str(tag).encode()).digest()[:7]
    return (int(facts.get("size") or 0), int.from_bytes(digest, "big"))


def with_retries(request: Callable[[], Result], url: str) -> Result:
    """Return the result of a request to the source, repeated after faults that may pass."""
    return retry(request, url, tries=TRIES, backoff_s=BACKOFF_S)


def _fetch(media: RemoteFile, target: Path) -> None:
    try:
        for address in media.addresses:
            system, path = connect(address)
            with suppress(FileNotFoundError):
                with_retries(partial(system.get_file, path, str(target)), media.url)
                return
    except network_faults() as error:
        if is_full(error):
            raise  # this machine's own disk
        raise SourceLost(
            f"source: {media.url}: no answer after {TRIES} tries on {socket.gethostname()}: "
            f"{error}",
            "Check the network there",
        ) from error
    raise Rejection("missing", f"{media.name}: was listed, but is not there; {redact(media.url)}")
