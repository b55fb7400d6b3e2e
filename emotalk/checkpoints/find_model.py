"""Find the model folder behind a path that a user gives as a checkpoint."""

import re
from pathlib import Path

from emotalk.checkpoints.folder import BEST, CHECKPOINTS, LATEST
from emotalk.checkpoints.format import DESCRIPTION
from emotalk.errors import WrongUse

LONGEST_NAME = 255  # bytes: what file systems allow
NAME_BESIDE = re.compile(r"[^./\\\x00-\x1f][^/\\\x00-\x1f]*")
PICKLES = (".pt", ".pth", ".bin", ".ckpt", ".pkl")


def find_model(checkpoint: Path) -> Path:
    """Return the model folder that a user's path leads to.

    Args:
        checkpoint: a run folder (its `checkpoints/latest` is followed), `RUN/checkpoints/latest` or
            `RUN/checkpoints/best` (a text file that holds a name, or a link), a checkpoint, or an
            exported model.

    Raises:
        WrongUse: there is no model, or a pickle was offered.
    """
    if checkpoint.suffix in PICKLES:
        raise WrongUse(
            f"{checkpoint}: pickled weights are never loaded, they can run any code; give a folder "
            "with model.json and generator.safetensors (emotalk import-original makes one from the "
            "original's generator.pt)"
        )
    if checkpoint.name in (LATEST, BEST) and checkpoint.is_file():
        return _follow(checkpoint)
    if not checkpoint.exists():
        raise WrongUse(f"{checkpoint}: {_why_missing(checkpoint)}")
    for folder in (checkpoint, checkpoint / CHECKPOINTS):
        if (folder / DESCRIPTION).is_file():
            return folder
        if (folder / LATEST).is_file() or (folder / LATEST).is_dir():
            return _follow(folder / LATEST)
    raise WrongUse(
        f"{checkpoint}: no {DESCRIPTION} here and no {CHECKPOINTS}/{LATEST}; give a run folder "
        "that has reached its first checkpoint, a checkpoint folder, or an exported model"
    )


def _why_missing(checkpoint: Path) -> str:
    if checkpoint.name == BEST and checkpoint.parent.is_dir():
        return (
            "this run has kept no best checkpoint: validation finds it (validation.clips, "
            f"checkpoint.keep_best); give {checkpoint.with_name(LATEST)} or a checkpoint"
        )
    return "no such checkpoint; give a run folder, a checkpoint of it or an exported model"


def _follow(pointer: Path) -> Path:
    """Return the checkpoint in the same folder that `latest` or `best` names.

    Raises:
        WrongUse: it cannot be read, holds no name, leads out of its folder or to no model.
    """
    target = pointer if pointer.is_dir() else pointer.with_name(_read_name(pointer))
    if target.resolve().parent != pointer.parent.resolve():
        raise WrongUse(f"{pointer}: leads to {target.resolve()}, out of its folder; name that one")
    if not (target / DESCRIPTION).is_file():
        raise WrongUse(f"{pointer}: points to {target}, which holds no {DESCRIPTION}")
    return target


def _read_name(pointer: Path) -> str:
    """Return the name in a text file."""
    try:
        with pointer.open("rb") as file:
            data = file.read(LONGEST_NAME + 2)
    except OSError as error:
        raise WrongUse(f"{pointer}: cannot be read: {error.strerror}") from None
    name = data.decode("utf-8", errors="replace").strip()
    if len(data) > LONGEST_NAME + 1 or not NAME_BESIDE.fullmatch(name):
        raise WrongUse(f"{pointer}: holds {name[:40]!r}, not the name of a checkpoint beside it")
    return name
