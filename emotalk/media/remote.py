"""Open files at URLs by fsspec, and retry after network errors."""

import importlib.util
import logging
import time
from collections.abc import Callable
from functools import cache
from typing import Any, TypeVar
from urllib.parse import quote

import fsspec
from fsspec.core import url_to_fs

from emotalk.errors import WrongUse
from emotalk.redaction import redact

LOG = logging.getLogger(__name__)
Result = TypeVar("Result")

STALL_S = 60.0  # without a byte, after which a request fails
CONNECT_S = 30.0
# Protocols of fsspec that open what a file refers to, or run a program to read.
NO_STORES = frozenset(
    {"async_wrapper", "asyncwrapper", "blockcache", "cached", "dask", "data", "dir", "dvc"}
    | {"filecache", "generic", "git", "jlab", "jupyter", "libarchive", "pyscript", "reference"}
    | {"simplecache", "tar", "zip"}
)
# Libraries whose own exceptions fsspec passes on.
FOREIGN_FAULTS = {
    "aiohttp": ("aiohttp", "ClientError"),
    "botocore": ("botocore.exceptions", "BotoCoreError"),
}


def is_url(location: str) -> bool:
    """Return whether a location is a URL rather than a path."""
    return "://" in location


def join_url(folder: str, name: str) -> str:
    """Return the URL of a file in a folder's URL.

    For http the name is quoted, so that it may contain `#`, `%` and `?`, and the folder's query (a
    signature of all its files) follows it.
    """
    if not is_http(folder):
        return f"{folder.rstrip('/')}/{name}" if name else folder
    path, mark, query = folder.partition("?")
    return f"{path.rstrip('/')}/{quote(name)}{mark}{query}" if name else folder


def is_http(url: str) -> bool:
    """Return whether a URL is of http, whose names are quoted."""
    return url.startswith(("http://", "https://"))


def connect(url: str, *, stall_s: float = STALL_S) -> tuple[Any, str]:
    """Return the file system of a URL and the path in it, without using the network.

    A request by http fails after `stall_s` without a byte. There is no limit for the whole file.
    """
    options = _http_options(stall_s) if is_http(url) else {}
    system, root = url_to_fs(url, **options)  # cached by fsspec for each process
    return system, str(root)


@cache
def _http_options(stall_s: float) -> dict[str, Any]:
    """Return the arguments of an http file system.

    Compressed transfer is switched off: byte ranges would be others, and few bytes could decompress
    to more than fits into memory.
    """
    aiohttp = importlib.import_module("aiohttp")  # which fsspec uses for http
    timeout = aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_S, sock_read=stall_s)
    return {
        "headers": {"Accept-Encoding": "identity"},
        "client_kwargs": {"auto_decompress": False, "timeout": timeout},
    }


def check_protocol(url: str) -> None:
    """Check that fsspec can open a URL.

    Raises:
        WrongUse: an unknown protocol, or one whose package is not installed.
    """
    protocol = url.partition("://")[0]
    if protocol in NO_STORES or "::" in url.partition("?")[0]:
        raise WrongUse(
            f"{redact(url)}: {protocol!r} is no store of its own: it reads what another file or "
            "address names; give the address of the files themselves"
        )
    try:
        fsspec.get_filesystem_class(protocol)
    except ValueError:
        known = ", ".join(sorted(fsspec.available_protocols()))
        raise WrongUse(f"{redact(url)}: unknown protocol {protocol!r}; known: {known}") from None
    except ImportError as error:
        raise WrongUse(f"{redact(url)}: {error}") from None


def network_faults() -> tuple[type[Exception], ...]:
    """Return the exceptions of a failed request; not all are OSErrors."""
    faults: list[type[Exception]] = [OSError, TimeoutError]
    for package, (module, name) in FOREIGN_FAULTS.items():
        if importlib.util.find_spec(package) is not None:
            faults.append(getattr(importlib.import_module(module), name))
    return tuple(faults)


def retry(
    request: Callable[[], Result],
    what: str,
    *,
    tries: int,
    backoff_s: float,
    final: tuple[type[Exception], ...] = (),
) -> Result:
    """Return the result of a request, repeated after network errors.

    Args:
        request: called for each try.
        what: is requested; named in the log.
        tries: number of tries.
        backoff_s: wait before the second try in seconds; doubles with each further one.
        final: errors after which another try is useless, in addition to FileNotFoundError.

    Raises:
        Exception: the error of the last try.
    """
    unchanging: tuple[type[Exception], ...] = (FileNotFoundError, *final)
    for attempt in range(1, tries + 1):
        try:
            return request()
        except unchanging:
            raise
        except network_faults() as error:
            if attempt == tries:
                raise
            wait_s = backoff_s * 2 ** (attempt - 1)
            LOG.warning(
                "%s; again in %.1f s (%d of %d)", redact(f"{what}: {error}"), wait_s, attempt, tries
            )
            time.sleep(wait_s)
    raise AssertionError("tries is at least 1")
