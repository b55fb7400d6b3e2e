"""Runs pytest in children of one warm process, so that no run pays for importing torch again.

Started by `tests.mutants.tree` in a copy of the project. One JSON object a line on standard input:
`tests`, `limit_s`, `log`; one a line comes back: `code` (null: stopped at the limit), `seconds`.
Nothing of the project itself is imported here: a child imports it with the fault in it.
"""

import contextlib
import importlib
import json
import os
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

import pytest

HEAVY = (
    "accelerate",
    "av",
    "cv2",
    "deepspeed",
    "einops",
    "fsspec",
    "hypothesis",
    "kornia",
    "matplotlib.pyplot",
    "numpy",
    "onnxruntime",
    "pydantic",
    "safetensors.torch",
    "scipy.ndimage",
    "scipy.signal",
    "skimage.metrics",
    "soundfile",
    "torch",
    "typer",
    "webdataset",
    "yaml",
)
POLL_S = 0.02
MARKS = "not slow and not slurm and not browser and not gpu and not cluster and not distributed"
ENDLESS_S = 150  # of one test; on a busy machine the slowest takes half of it
OPTIONS = (
    "-x",
    "-q",
    f"--timeout={ENDLESS_S}",
    "-p",
    "no:cacheprovider",
    "--no-header",
    "--tb=line",
    "-m",
    MARKS,
)


def serve(*, warm: bool) -> None:
    """Answer requests until standard input ends."""
    for name in HEAVY if warm else ():
        with contextlib.suppress(ImportError), contextlib.redirect_stdout(sys.stderr):
            importlib.import_module(name)
    for line in sys.stdin:
        request = json.loads(line)
        answer = run(request["tests"], request["limit_s"], Path(request["log"]))
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


def run(tests: Sequence[str], limit_s: float, log: Path) -> dict[str, Any]:
    """Return how pytest ended in a child of its own session; what it leaves behind is killed."""
    began = time.monotonic()
    child = os.fork()
    if child == 0:
        _become_pytest(tests, log)
    code: int | None = None
    while code is None and time.monotonic() - began < limit_s:
        done, status = os.waitpid(child, os.WNOHANG)
        code = os.waitstatus_to_exitcode(status) if done else None
        time.sleep(0 if done else POLL_S)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child, signal.SIGKILL)
    if code is None:
        os.waitpid(child, 0)
    seconds = round(time.monotonic() - began, 2)
    return {"code": code, "seconds": seconds}


def _become_pytest(tests: Sequence[str], log: Path) -> NoReturn:
    os.setsid()
    output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
    empty = os.open(os.devnull, os.O_RDONLY)
    for source, target in ((empty, 0), (output, 1), (output, 2)):
        os.dup2(source, target)
    code = 70  # pytest itself failed
    try:
        code = int(pytest.main([*OPTIONS, f"--basetemp={log.parent / 't'}", *tests]))
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    serve(warm="warm" in sys.argv[1:])
