"""Check that a file that a user named can be written, before any work is done."""

from pathlib import Path

from emotalk.errors import WrongUse


def check_new_file(path: Path, *, what: str, suffix: str, overwrite: bool) -> None:
    """Check that a file can be written to a path.

    Args:
        path: as the user gave it.
        what: the file is, in a message.
        suffix: that its name must end in, `.png`.
        overwrite: whether a file that is there already may be replaced.

    Raises:
        WrongUse: it has another suffix, exists already, or its folder is missing.
    """
    if path.suffix.lower() != suffix:
        kind = suffix.removeprefix(".").upper()
        raise WrongUse(f"{what}: {path}: it is written as {kind}, so its name ends in {suffix}")
    if path.is_dir():
        raise WrongUse(f"{what}: {path} is a folder; name a file in it")
    if path.exists() and not overwrite:
        raise WrongUse(f"{what}: {path} exists already; choose another name or add --overwrite")
    if not path.parent.is_dir():
        raise WrongUse(f"{what}: the folder {path.parent} does not exist; make it first")
