"""One status line with fixed columns, for people."""

import logging
import time
from collections.abc import Mapping
from pathlib import Path

LOG = logging.getLogger("emotalk.train")


class Console:
    """Logs one line: step, stage, time left, speed, data wait, memory, losses."""

    def __init__(self, total_steps: int, first_step: int) -> None:
        """Count from `first_step`, so that a resumed run's time left is right."""
        self._total, self._first = total_steps, first_step
        self._start = time.monotonic()

    def log(self, step: int, metrics: Mapping[str, float]) -> None:
        """Show one line of the figures that people watch."""
        if any(name.startswith("validation/") for name in metrics):
            LOG.info("validation  %s", _columns(metrics, "validation/"))
            return
        done = max(step - self._first, 1)
        left = (time.monotonic() - self._start) / done * (self._total - step)
        LOG.info(
            "step %6d/%d  left %8s  %5.2f clips/s  wait %4.1f %%  %5.2f GiB  %s",
            step,
            self._total,
            _clock(left),
            metrics.get("speed/clips_per_s", 0.0),
            100 * metrics.get("speed/data_wait_share", 0.0),
            metrics.get("memory/process_gib", 0.0),
            _columns(metrics, "train/"),
        )

    def artifact(self, path: Path, folder: str) -> None:
        """Nothing to show."""

    def finish(self, state: str) -> None:
        """Say how the run ended."""
        LOG.info("%s after %s", state, _clock(time.monotonic() - self._start))


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}"


def _columns(metrics: Mapping[str, float], prefix: str) -> str:
    shown = []
    for name, value in metrics.items():
        short = name.removeprefix(prefix)
        if name.startswith(prefix) and short.count("/") <= 1 and "weighted" not in short:
            short = short.replace("generator/", "G/").replace("discriminators/", "D/")
            shown.append(f"{short} {value:.4g}")
    return "  ".join(shown)
