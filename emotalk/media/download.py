"""Download a large file by http: resumable, checked by its hash, renamed when complete."""

import time
import urllib.error
import urllib.request
from collections.abc import Callable
from http.client import HTTPException
from pathlib import Path
from typing import BinaryIO

from emotalk.errors import Stopped
from emotalk.files.atomic_write import claim_name
from emotalk.files.checksums import file_sha256

CHUNK = 2**20
STALL_S = 60.0  # without a byte, after which a connection counts as lost
TRIES = 5  # in a row without a new byte
PAUSE_S = 2.0
Progress = Callable[[int, int], None]


class WrongBytes(Stopped):
    """The server sent another file than the expected one."""


def download(
    url: str,
    path: Path,
    *,
    sha256: str,
    max_bytes: int,
    progress: Progress = lambda done, total: None,
    pause_s: float = PAUSE_S,
) -> None:
    """Download a file to `path`, which appears when the file is complete and its hash is right.

    Until then the data are in `PATH.part`, from which a later call resumes.

    Args:
        url: http or https.
        path: does not exist yet; its folder is created.
        sha256: the hash in hex, or its first digits.
        max_bytes: a larger file is refused.
        progress: called with (bytes received, bytes in all; 0: not known).
        pause_s: between two tries.

    Raises:
        Stopped: the server does not answer or refuses; the message says how to go on.
        WrongBytes: the file has another hash; it is removed.
        OSError: the file cannot be written.
    """
    part = path.with_name(f"{path.name}.part")
    path.parent.mkdir(parents=True, exist_ok=True)
    failures = 0
    while True:
        before = part.stat().st_size if part.exists() else 0
        try:
            _receive(url, part, before, max_bytes, progress)
            break
        except (urllib.error.URLError, HTTPException, TimeoutError, ConnectionError) as error:
            gained = part.exists() and part.stat().st_size > before
            failures = 1 if gained else failures + 1
            if failures >= TRIES or _is_final(error):
                raise Stopped(f"{url}: {_reason(error)}") from None
            time.sleep(pause_s)
    found = file_sha256(part)
    if not found.startswith(sha256):
        part.unlink()
        raise WrongBytes(
            f"{url}: the file's sha256 is {found}, expected {sha256}...: it was changed on the way "
            "or on the server; nothing is kept"
        )
    claim_name(part, path)


def _receive(url: str, part: Path, begin: int, max_bytes: int, progress: Progress) -> None:
    """Append the missing bytes to `part`.

    Raises:
        ConnectionError: the connection ended early.
    """
    wanted = {"Range": f"bytes={begin}-"} if begin else {}
    headers = {"User-Agent": "emotalk", **wanted}
    request = urllib.request.Request(url, headers=headers)  # noqa: S310  a fixed https address
    try:
        answer = urllib.request.urlopen(request, timeout=STALL_S)  # noqa: S310
    except urllib.error.HTTPError as error:
        if begin and error.code == 416:  # no bytes follow: the file is complete
            return
        raise
    with answer:
        if begin and answer.status != 206:  # the server sends the whole file again
            begin = 0
        length = answer.headers.get("Content-Length")
        total = begin + int(length) if length is not None else 0
        if total > max_bytes:
            raise WrongBytes(f"{url}: {total} bytes, expected {max_bytes} at most")
        with part.open("ab" if begin else "wb") as file:
            done = _copy(answer, file, begin, max_bytes, lambda n: progress(n, total))
    if done > max_bytes:
        part.unlink()
        raise WrongBytes(f"{url}: more than {max_bytes} bytes; nothing is kept")
    if total and done < total:
        raise ConnectionError(f"cut off after {done} of {total} bytes")


def _copy(
    source: BinaryIO, file: BinaryIO, done: int, max_bytes: int, progress: Callable[[int], None]
) -> int:
    """Copy to the end, or one byte too many; return the number of bytes in the file."""
    while done <= max_bytes and (data := source.read(min(CHUNK, max_bytes + 1 - done))):
        file.write(data)
        done += len(data)
        progress(done)
    return done


def _is_final(error: Exception) -> bool:
    """Return whether the server refused for good, so that another try would not help."""
    return isinstance(error, urllib.error.HTTPError) and error.code < 500 and error.code != 429


def _reason(error: Exception) -> str:
    if isinstance(error, urllib.error.HTTPError):
        return f"the server answers {error.code} {error.reason}"
    return str(getattr(error, "reason", "") or error or type(error).__name__)
