"""Count the operations of a run's steps in a process of its own while the training goes on."""

import json
import logging
import math
import os
import subprocess
import sys
import weakref
from pathlib import Path

LOG = logging.getLogger("emotalk.train")
ROOT = Path(__file__).parents[2]
# What makes a process one of a training, or has it wait for a GPU.
OF_A_TRAINING = ("RANK", "LOCAL_RANK", "WORLD_SIZE", "LOCAL_WORLD_SIZE", "MASTER_PORT")


class BackgroundFlops:
    """Returns stage -> operations for one clip in one step, once a process has counted them."""

    def __init__(self, config_file: Path) -> None:
        """Start counting for the configuration in a run's `config.yaml`."""
        environment = {k: v for k, v in os.environ.items() if k not in OF_A_TRAINING}
        path = os.pathsep.join([str(ROOT), *filter(None, [environment.get("PYTHONPATH", "")])])
        environment |= {"PYTHONPATH": path, "CUDA_VISIBLE_DEVICES": "", "OMP_NUM_THREADS": "1"}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "emotalk.runs.flop_count", str(config_file)],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        self._found: dict[str, float] | None = None
        self.close = weakref.finalize(self, _end, self._process)

    def __call__(self) -> dict[str, float]:
        """Return the operations of each stage; nothing while they are counted."""
        if self._found is None and self._process.poll() is not None:
            assert self._process.stdout is not None
            text = self._process.stdout.read()
            self._found = _parsed(text) if self._process.returncode == 0 else {}
            if not self._found:
                LOG.warning(
                    "the operations of a step were not counted (exit code %d): no TFLOP/s",
                    self._process.returncode,
                )
        return self._found or {}


def _parsed(text: bytes) -> dict[str, float]:
    try:
        found = {str(name): float(value) for name, value in json.loads(text).items()}
    except (ValueError, TypeError, AttributeError):
        return {}
    return found if all(math.isfinite(value) for value in found.values()) else {}


def _end(process: "subprocess.Popen[bytes]") -> None:
    process.kill()
    process.communicate()
