"""Files at URLs, by fsspec: connecting, the faults a network has, and trying again."""

import importlib.util
import logging
import time
from collections.abc import Callable
from functools import cache
from typing import Any, TypeVar

import fsspec
from fsspec.core import url_to_fs

from emotalk.errors import WrongUse

logger = logging.getLogger(__name__)
Result = TypeVar("Result")

STALL_S = 60.0  # without a byte, after which a request has failed
CONNECT_S = 30.0
# Libraries whose own exceptions fsspec lets through.
FOREIGN_FAULTS = {
    "aiohttp": ("aiohttp", "ClientError"),
    "botocore": ("botocore.exceptions", "BotoCoreError"),
}


def is_url(location: str) -> bool:
    """Return whether a location is a URL rather than a path."""
    return "://" in location


def connect(url: str, *, stall_s: float = STALL_S) -> tuple[Any, str]:
    """Return the file system of a URL and the URL's path in it; asks nothing of the network.

    Args:
        url: of a folder or file.
        stall_s: http: seconds without a byte after which a request has failed; a large file may
            take as long as it needs.
    """
    options = _http_options(stall_s) if url.startswith("http") else {}
    system, root = url_to_fs(url, **options)  # cached by fsspec for each process
    return system, str(root)


@cache
def _http_options(stall_s: float) -> dict[str, Any]:
    """Return what an http file system is made with.

    Bytes come as they lie on the server: ranges of packed ones would be others, and few could
    unpack to more than there is memory.
    """
    aiohttp = importlib.import_module("aiohttp")  # which fsspec takes for http
    timeout = aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_S, sock_read=stall_s)
    return {
        "headers": {"Accept-Encoding": "identity"},
        "client_kwargs": {"auto_decompress": False, "timeout": timeout},
    }


def check_protocol(url: str) -> None:
    """Refuse URLs that fsspec cannot open here.

    Raises:
        WrongUse: an unknown protocol, or one whose package is not installed.
    """
    protocol = url.partition("://")[0]
    try:
        fsspec.get_filesystem_class(protocol)
    except ValueError:
        known = ", ".join(sorted(fsspec.available_protocols()))
        raise WrongUse(f"{url}: unknown protocol {protocol!r}; known: {known}") from None
    except ImportError as error:
        raise WrongUse(f"{url}: {error}") from None


def network_faults() -> tuple[type[Exception], ...]:
    """Return the exceptions a request may end with; not all are OSErrors."""
    faults: list[type[Exception]] = [OSError, TimeoutError]
    for package, (module, name) in FOREIGN_FAULTS.items():
        if importlib.util.find_spec(package) is not None:
            faults.append(getattr(importlib.import_module(module), name))
    return tuple(faults)


def tried(
    request: Callable[[], Result],
    what: str,
    *,
    tries: int,
    backoff_s: float,
    final: tuple[type[Exception], ...] = (),
) -> Result:
    """Return what the request returns, asking again after faults of the network.

    Args:
        request: asks once.
        what: is asked for; stands in the log.
        tries: how often to ask.
        backoff_s: wait before the second try in seconds; doubles with each.
        final: faults that asking again does not change, beside FileNotFoundError.

    Raises:
        Exception: the last try's fault.
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
            logger.warning(
                "%s: %s; again in %.1f s (%d of %d)", what, error, wait_s, attempt, tries
            )
            time.sleep(wait_s)
    raise AssertionError("tries is at least 1")
