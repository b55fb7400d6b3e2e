"""Create the folder of a synthetic corpus and write its clips, resumably, by several processes."""

import io
import json
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from pathlib import Path
from typing import TypeVar

import cv2
import numpy as np

from emotalk.errors import WrongUse
from emotalk.files.atomic_write import atomic_write_bytes
from emotalk.schema import Floats
from emotalk.usable_cores import usable_cores

Name = TypeVar("Name")

MAX_WORKERS = 1024


def check_range(name: str, value: int, low: int, high: int) -> None:
    """Raise WrongUse, which names the range, unless a number is in it."""
    if not low <= value <= high:
        raise WrongUse(f"synthetic corpus: {name} is {value}; choose {low} to {high}")


def claim_folder(output: Path, parameters: dict[str, str | int], folders: Sequence[str]) -> None:
    """Create `output` with `corpus.json` and its folders, or check that it holds the same corpus.

    Raises:
        WrongUse: it holds something else, or cannot be written.
    """
    marker = output / "corpus.json"
    if marker.is_file():
        found = _read_marker(marker)
        if found != parameters:
            raise WrongUse(
                f"{output} holds another synthetic corpus ({found}), not {parameters}; "
                "choose a new folder or the same parameters"
            )
        return
    if output.exists() and (not output.is_dir() or any(output.iterdir())):
        raise WrongUse(f"{output} is not an empty folder; choose a new one (nothing was changed)")
    try:
        for folder in folders:
            (output / folder).mkdir(parents=True, exist_ok=True)
        atomic_write_bytes(marker, (json.dumps(parameters, indent=2) + "\n").encode())
    except OSError as error:
        raise WrongUse(
            f"cannot write to {output}: {error.strerror}; choose another folder"
        ) from error


def _read_marker(marker: Path) -> object:
    try:
        return json.loads(marker.read_text(encoding="utf-8"))
    except ValueError as error:
        raise WrongUse(f"{marker} is not readable JSON ({error}); choose a new folder") from error


def write_landmarks(path: Path, landmarks_TLP: Floats) -> None:
    """Write landmarks as a `.npy` file, creating its folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    content = io.BytesIO()
    np.save(content, landmarks_TLP, allow_pickle=False)
    atomic_write_bytes(path, content.getvalue())


def write_missing(
    names: Sequence[Name],
    files: Callable[[Name], Sequence[Path]],
    write: Callable[[Name], None],
    workers: int,
    progress: Callable[[int, int], None] | None,
) -> None:
    """Write the clips of which a file is missing.

    Args:
        names: all clips.
        files: returns the files of a clip.
        write: writes a clip; picklable.
        workers: processes; 0 takes one for each core, 1 stays in this one.
        progress: called with (clips done, clips in all), once at the start and after every clip.
    """
    missing = [name for name in names if not all(path.is_file() for path in files(name))]
    done = len(names) - len(missing)

    def report(more: int) -> None:
        if progress is not None:
            progress(done + more, len(names))

    report(0)
    processes = min(workers or usable_cores(), len(missing))
    if processes <= 1:
        for number, name in enumerate(missing, start=1):
            write(name)
            report(number)
        return
    # Spawned processes share no threads or locks with this one, whatever it has started.
    with ProcessPoolExecutor(
        processes, get_context("spawn"), initializer=cv2.setNumThreads, initargs=(1,)
    ) as pool:
        futures = [pool.submit(write, name) for name in missing]
        try:
            for number, future in enumerate(as_completed(futures), start=1):
                future.result()
                report(number)
        finally:
            pool.shutdown(wait=True, cancel_futures=True)
