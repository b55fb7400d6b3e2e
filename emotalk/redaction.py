"""Remove secrets from addresses and commands before they are written or shown.

The program itself uses the addresses unchanged.
"""

import re
import sys
import traceback
from types import TracebackType
from typing import Any

from emotalk.errors import WrongUse

MASK = "***"
COMMAND = "pipe:"  # in front of a command whose output is read
# `Path` turns two slashes into one, if an address was given in place of a file.
_URL = re.compile(
    r"(?<![A-Za-z0-9+.-])(?:[A-Za-z][A-Za-z0-9+.-]*+://|(?:https?|ftps?|s3|gs):/)[^\s'\"<>`]+"
)
_PAIR = re.compile(r"([^=&;]*)=([^&;]*)")
# Where a page of MLflow shows a run. It holds no secret, and masked it opens nothing.
_MLFLOW_ROUTE = re.compile(
    r"/experiments/\w{1,64}/runs/\w{1,64}\?workflowType=machine_learning[.,;:)]*"
)
_HEADER = re.compile(
    r"(?<![\w-])((?:authorization|x-[a-z]+(?:-[a-z]+)*)\s*:\s*)[^'\"]+", re.IGNORECASE
)
_VALUE = r"(\"[^\"]*\"|'[^']*'|[^\s'\"&;]+)"
_NAMED = re.compile(rf"(?<![\w-])([\w-]++)(=){_VALUE}")  # token=X, SECRET_KEY=X
_OPTION = re.compile(rf"(?<!\S)(--?[\w-]++)(\s+)(?!-){_VALUE}")  # --password X
_SECRET_NAME = re.compile(
    r"passw|passphrase|token|secret|api[_-]?key|access[_-]?key|signature|credential", re.IGNORECASE
)
_USER = re.compile(rf"(\s(?:-u|--user|--proxy-user)(?:=|\s*)){_VALUE}")


def redact(text: str) -> str:
    """Return a text with the secrets of every URL in it replaced by `***`.

    Secrets are the part in front of the host (`user:password@`), every value of a query
    (`?X-Amz-Signature=...`) and the part after `#`, unless it is MLflow's path to a run. Values of
    settings named like a secret (`token=...`) are replaced anywhere in the text.
    """
    shown = _URL.sub(lambda found: _redact_url(found.group()), text)
    return _NAMED.sub(_redact_pair, shown)


def redact_setting(value: str) -> str:
    """Return a setting's value with secrets removed if it is a URL or a command.

    Other values, such as paths, stay as they are.
    """
    if value.startswith(COMMAND):
        return redact_command(value)
    return redact(value) if "://" in value else value


def redact_command(command: str) -> str:
    """Return a command without the secrets of its URLs, options, headers and variables."""
    shown = _URL.sub(lambda found: _redact_url(found.group()), command)
    shown = _HEADER.sub(rf"\g<1>{MASK}", shown)
    shown = _OPTION.sub(_redact_pair, _NAMED.sub(_redact_pair, shown))
    return _USER.sub(rf"\g<1>{MASK}", shown)


def redact_tree(value: Any) -> Any:
    """Return nested mappings and lists with every text in them as `redact_setting` returns it."""
    if isinstance(value, dict):
        return {key: redact_tree(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [redact_tree(part) for part in value]
    return redact_setting(value) if isinstance(value, str) else value


def refuse_redacted(value: str, key: str) -> None:
    """Refuse an address that comes from a file in which its secret was replaced.

    Raises:
        WrongUse: `***` stands in place of a secret.
    """
    if MASK in value and ("://" in value or value.startswith(COMMAND)):
        raise WrongUse(
            f"{key}: {value}: the secret in it was replaced by {MASK} when it was written down; "
            f"give the whole address again: {key}=..."
        )


def redact_tracebacks() -> None:
    """Remove secrets from the traceback that ends this process."""
    sys.excepthook = _show


def _show(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    sys.stderr.write(redact("".join(traceback.format_exception(kind, error, trace))))


def _redact_pair(found: re.Match[str]) -> str:
    name, sign, _ = found.groups()
    return f"{name}{sign}{MASK}" if _SECRET_NAME.search(name) else found.group()


def _redact_url(url: str) -> str:
    sign = "://" if "://" in url else ":/"
    scheme, _, rest = url.partition(sign)
    end = re.search(r"[/?#]", rest)
    host = rest[: end.start()] if end else rest
    tail = rest[len(host) :]
    if "@" not in host and re.search(r":(?!\d*$)", host) and "@" in tail:
        # A password with a slash in it: no port looks like that.
        host, tail = f"{MASK}@", tail.rpartition("@")[2]
    elif "@" in host and (":" in host.rpartition("@")[0] or scheme.startswith("http")):
        host = f"{MASK}@{host.rpartition('@')[2]}"
    return f"{scheme}{sign}{host}{_redact_tail(tail)}"


def _redact_tail(tail: str) -> str:
    tail, hash_mark, fragment = tail.partition("#")
    path, mark, query = tail.partition("?")
    shown = _PAIR.sub(rf"\g<1>={MASK}", query) if "=" in query else (MASK if query else "")
    if fragment and not _MLFLOW_ROUTE.fullmatch(fragment):
        fragment = MASK
    return path + mark + shown + hash_mark + fragment
