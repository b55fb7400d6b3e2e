"""List, point to and remove the checkpoints in a run's folder of checkpoints.

A checkpoint is a folder of the exact name `step-XXXXXX` (six digits, or more if the step needs
them). Every other entry belongs to the user, for example a copy `step-000022-backup`: it is
neither read nor counted nor removed. `latest` and `best` are text files that hold a name.
"""

import os
import re
import shutil
from pathlib import Path

from emotalk.files.atomic_write import PART, atomic_write_text

CHECKPOINTS = "checkpoints"  # name of the folder within the run folder
LATEST, BEST = "latest", "best"
STATE = "state.json"
NAME = re.compile(r"step-([0-9]{6,18})")
UNFINISHED = re.compile(r"\.step-[0-9]{6,18}\.part")  # being written or removed


def checkpoint_name(step: int) -> str:
    """Return the folder name of the checkpoint of `step`."""
    return f"step-{step:06d}"


def step_of(name: str) -> int | None:
    """Return the step in a checkpoint's name, or None if `name` is not the name of one."""
    match = NAME.fullmatch(name)
    if match is None or checkpoint_name(int(match[1])) != name:
        return None
    return int(match[1])


def checkpoints(folder: Path) -> list[Path]:
    """Return the checkpoints in `folder`, oldest first, without opening them."""
    if not folder.is_dir():
        return []
    found = {step_of(path.name): path for path in folder.iterdir() if path.is_dir()}
    return [found[step] for step in sorted(step for step in found if step is not None)]


def run_folder(checkpoint: Path) -> Path | None:
    """Return the run folder of a checkpoint, or None if it is in none."""
    real = checkpoint.resolve()
    return real.parent.parent if real.parent.name == CHECKPOINTS else None


def latest_checkpoint(folder: Path) -> Path | None:
    """Return the newest checkpoint, or None."""
    return next(reversed(checkpoints(folder)), None)


def part_of(path: Path) -> Path:
    """Return the temporary name under which the checkpoint `path` is written and removed."""
    return path.with_name(f".{path.name}{PART}")


def point_latest(folder: Path, name: str) -> None:
    """Write `name` to `latest` atomically."""
    atomic_write_text(folder / LATEST, f"{name}\n")


def point_best(folder: Path, best_step: int | None) -> None:
    """Write the name of the best checkpoint to `best`; remove `best` if there is none."""
    name = None if best_step is None else checkpoint_name(best_step)
    if name is not None and (folder / name / STATE).is_file():
        atomic_write_text(folder / BEST, f"{name}\n")
    else:
        (folder / BEST).unlink(missing_ok=True)


def set_aside(path: Path) -> Path:
    """Rename a file or folder with a checkpoint's name to `damaged-NAME`; return its new path."""
    number, aside = 1, path.with_name(f"damaged-{path.name}")
    while os.path.lexists(aside):
        number += 1
        aside = path.with_name(f"damaged-{path.name}-{number}")
    return path.rename(aside)


def remove_old(
    folder: Path, *, keep_last: int, best_step: int | None, newest: int | None = None
) -> None:
    """Remove this run's checkpoints except the newest ones and the best.

    Args:
        folder: the run's checkpoints.
        keep_last: number of the newest ones to keep, at least 1.
        best_step: step of one more to keep.
        newest: step of the checkpoint that was just written. Later ones were not written by this
            run and are neither counted nor removed. None: the last one in the folder.
    """
    steps = {path: step_of(path.name) for path in checkpoints(folder) if _may_go(path)}
    ours = [path for path, step in steps.items() if newest is None or (step or 0) <= newest]
    for path in ours[:-keep_last]:
        if steps[path] not in (best_step, newest):
            leaving = part_of(path)  # so that a half-removed one never has a checkpoint's name
            shutil.rmtree(leaving, ignore_errors=True)
            path.rename(leaving)
            shutil.rmtree(leaving)


def remove_unfinished(folder: Path) -> None:
    """Remove the checkpoints that a killed run left half written or half removed."""
    for path in folder.iterdir():
        if UNFINISHED.fullmatch(path.name) and path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)


def _may_go(path: Path) -> bool:
    return not path.is_symlink() and (path / STATE).is_file()
