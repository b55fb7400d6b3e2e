"""Copy files to and from object storage: s3://, gs://, abfs://, each object whole or not there.

An object gets its name when its last part has arrived, so a connection that is cut leaves nothing
under the name. Large files are sent in parts, several at a time, by the storage's own library.
"""

import importlib
import importlib.util
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from emotalk.errors import WrongUse
from emotalk.media.remote import check_protocol, connect, join_url, network_faults, retry
from emotalk.redaction import redact

ATOMIC = ("s3", "s3a", "gs", "gcs", "abfs", "abfss", "az")
"""Protocols of storages whose objects appear whole."""
TRIES, BACKOFF_S = 5, 0.5
PART_BYTES = 32 * 2**20  # of a file that is sent in parts
ACCOUNT_FAULTS = ("NoCredentialsError", "PartialCredentialsError", "ProfileNotFound")

Result = TypeVar("Result")


class StoreFault(OSError):  # noqa: N818  a fault of the storage, not of the program
    """An object cannot be written, read or listed."""


class ObjectStore:
    """The objects below a URL.

    Args:
        url: of the folder; credentials come from the environment, as the storage's own tools take
            them (AWS_ACCESS_KEY_ID, AWS_PROFILE, AWS_ENDPOINT_URL_S3, ...).
        setting: the setting that the URL is from, for messages.
    """

    def __init__(self, url: str, setting: str) -> None:
        """Check the URL; nothing is requested.

        Raises:
            WrongUse: a protocol that is none of `ATOMIC`, or one whose package is not installed.
        """
        protocol = url.partition("://")[0]
        if protocol not in ATOMIC:
            raise WrongUse(
                f"{setting}: {redact(url)}: {protocol!r} is no object storage that is written to; "
                f"use one of {', '.join(f'{name}://' for name in ATOMIC)}"
            )
        check_protocol(url)
        self.url, self.setting = url.rstrip("/"), setting

    def sizes(self) -> dict[str, int]:
        """Return name -> bytes of all objects, names relative to the folder.

        Raises:
            StoreFault: the storage does not answer.
            WrongUse: it refuses the credentials, or the bucket does not exist.
        """

        def found() -> dict[str, int]:
            system, root = self._at("")
            system.invalidate_cache()
            prefix = root.rstrip("/") + "/"
            listed = system.find(root, detail=True)
            return {name.removeprefix(prefix): int(of["size"]) for name, of in listed.items()}

        return self._tried(found, "")

    def write(self, path: Path, name: str) -> None:
        """Copy a file to an object; one of that name is replaced as a whole.

        Raises:
            StoreFault: every try failed.
            WrongUse: the storage refuses the credentials.
            OSError: the file cannot be read.
        """
        size = path.stat().st_size

        def put() -> None:
            system, target = self._at(name)
            system.put_file(str(path), target, **self._parts())
            system.invalidate_cache(target)
            if (found := system.info(target)["size"]) != size:
                raise StoreFault(f"has {found} bytes after {size} were sent")

        self._tried(put, name)

    def write_bytes(self, name: str, content: bytes) -> None:
        """Write a small object; see `write`."""
        self._tried(lambda: self._pipe(name, content), name)

    def read_bytes(self, name: str, *, max_bytes: int) -> bytes:
        """Return a small object.

        Raises:
            FileNotFoundError: there is none.
            StoreFault: every try failed, or it has more than `max_bytes`.
            WrongUse: the storage refuses the credentials.
        """

        def read() -> bytes:
            system, target = self._at(name)
            content: bytes = system.cat_file(target, start=0, end=max_bytes + 1)
            if len(content) > max_bytes:
                raise StoreFault(f"{self.shown(name)}: has more than {max_bytes} bytes")
            return content

        return self._tried(read, name)

    def copy_to(self, name: str, path: Path) -> None:
        """Copy an object to a file.

        Raises:
            FileNotFoundError: there is none.
            StoreFault: every try failed.
            WrongUse: the storage refuses the credentials.
        """

        def get() -> None:
            system, target = self._at(name)
            system.get_file(target, str(path))

        self._tried(get, name)

    def remove(self, names: list[str]) -> None:
        """Remove objects; one that is not there is no fault."""

        def remove() -> None:
            system, _ = self._at("")
            system.rm([self._at(name)[1] for name in names])
            system.invalidate_cache()

        if names:
            self._tried(remove, names[0])

    def shown(self, name: str) -> str:
        """Return the address of an object without secrets, for messages."""
        return redact(join_url(self.url, name))

    def _parts(self) -> dict[str, int]:
        """Return the size of parts where the storage's library takes one."""
        return {"chunksize": PART_BYTES} if self.url.startswith(("s3", "gs", "gcs")) else {}

    def _pipe(self, name: str, content: bytes) -> None:
        system, target = self._at(name)
        system.pipe_file(target, content)
        system.invalidate_cache(target)

    def _at(self, name: str) -> tuple[Any, str]:
        return connect(join_url(self.url, name))

    def _tried(self, request: Callable[[], Result], name: str) -> Result:
        final: tuple[type[Exception], ...] = (PermissionError, *_account_faults())
        try:
            return retry(request, self.shown(name), tries=TRIES, backoff_s=BACKOFF_S, final=final)
        except FileNotFoundError:
            raise
        except final as error:
            raise WrongUse(
                f"{self.setting}: {self.shown(name)}: access is refused ({redact(str(error))}); "
                "check the credentials (AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, AWS_PROFILE, "
                "GOOGLE_APPLICATION_CREDENTIALS, ...) and the bucket's rights"
            ) from None
        except network_faults() as error:
            text = f"{self.shown(name)}: {TRIES} tries failed, last: {error}"
            raise StoreFault(redact(text)) from error


def _account_faults() -> tuple[type[Exception], ...]:
    """Return the exceptions on credentials that are missing, which no further try finds."""
    if importlib.util.find_spec("botocore") is None:
        return ()
    faults = importlib.import_module("botocore.exceptions")
    return tuple(getattr(faults, name) for name in ACCOUNT_FAULTS)
