"""Refuse shell commands that a configuration file names; only the command line may name them."""

import os
from collections.abc import Iterator
from typing import Any

from emotalk.errors import WrongUse
from emotalk.redaction import COMMAND, redact_command

ALLOWED = "EMOTALK_ALLOW_COMMANDS"  # set to 1: files may name commands too


class FromFile(str):
    """Mark a command that a file names; the command line may replace it."""

    __slots__ = ()


def mark_commands(tree: Any) -> Any:
    """Return a file's settings with its commands marked as `FromFile`."""
    if isinstance(tree, dict):
        return {key: mark_commands(value) for key, value in tree.items()}
    if isinstance(tree, list):
        return [mark_commands(value) for value in tree]
    return FromFile(tree) if isinstance(tree, str) and tree.startswith(COMMAND) else tree


def refuse_marked(tree: dict[str, Any], where: str) -> None:
    """Refuse settings whose commands come from a file.

    Raises:
        WrongUse: names them, unless the environment allows it.
    """
    if os.environ.get(ALLOWED) == "1":
        return
    for key, command in _marked(tree, ""):
        raise WrongUse(
            f"{where}: {key}: {redact_command(command)!r} would run a command, and a file may not "
            f"name one; give it on the command line ({key}='{COMMAND}...'), or allow it for files "
            f"that you trust: {ALLOWED}=1"
        )


def _marked(tree: Any, prefix: str) -> Iterator[tuple[str, str]]:
    if isinstance(tree, FromFile):
        yield prefix, tree
    named = dict(enumerate(tree)) if isinstance(tree, list) else tree
    for key, value in named.items() if isinstance(named, dict) else ():
        yield from _marked(value, f"{prefix}.{key}" if prefix else str(key))
