"""Run train.py as a launcher does, and list the files that each rank opened or looked at.

torchrun --nproc-per-node 2 -m tests.helpers.train_and_record OUT CONFIG [key=value ...]

Files that Python opens are seen by its audit hook; the library of safetensors opens them past
Python, so its two functions are watched too.
"""

import atexit
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest import mock

import safetensors
import safetensors.torch

from emotalk.files import tensor_files
from emotalk.runs.command import leave, main


def watched(function: Callable[..., Any], opened: list[str]) -> Callable[..., Any]:
    """Return a function that notes the file it is given."""

    def call(path: Any, *more: Any, **words: Any) -> Any:
        opened.append(os.fspath(path))
        return function(path, *more, **words)

    return call


LOOKED = "looked at "
"""Before the path of a file of which a rank asked for its size and times."""


def record(file: Path) -> None:
    """Write the paths of all files used from now on into a file when the process ends."""
    opened: list[str] = []

    def hear(event: str, arguments: tuple[Any, ...]) -> None:
        if event == "open" and isinstance(arguments[0], str | Path):
            opened.append(str(arguments[0]))

    sys.addaudithook(hear)
    load = watched(safetensors.torch.load_file, opened)
    mock.patch.object(tensor_files, "load_file", load).start()
    mock.patch.object(safetensors, "safe_open", watched(safetensors.safe_open, opened)).start()
    stat = Path.stat

    def look(path: Path, **words: bool) -> os.stat_result:
        opened.append(f"{LOOKED}{path}")
        return stat(path, **words)

    mock.patch.object(Path, "stat", look).start()
    atexit.register(lambda: file.write_text(json.dumps(opened), encoding="utf-8"))


if __name__ == "__main__":
    out, *words = sys.argv[1:]
    record(Path(out) / f"rank-{os.environ['RANK']}.json")
    leave(main(words))
