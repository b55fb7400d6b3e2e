"""Log the metrics of a run as status lines with fixed columns.

step         left  clips/s  wait    GiB        G    mouth   percep    frame        D
120/1000  0:41:07     0.35    2%   4.31    12.41  0.02231     3.07   -1.874   -11.32

Several processes have one more column: number of the slowest, seconds of its own work in a step,
and the share of the time that it waits for data.

    slowest rank
    r3 0.82s 12%
"""

import logging
import time
from collections.abc import Iterator, Mapping

from emotalk.config.model import discriminator_sections
from emotalk.tracking.tracker import Tracker

LOG = logging.getLogger("emotalk.train")
HEAD_EVERY = 25  # lines
LOSSES = 5  # columns; every figure is in metrics.jsonl
SLOWEST_WIDTH = 18
WIDTH = 9  # of a loss's column, its gap included
GENERATOR, CRITICS = "train/generator/", "train/discriminators/"
VALIDATED = {"psnr": "PSNR", "psnr_mouth": "mouth", "ssim": "SSIM", "nlmd": "NLMD"}


def _adversarial_columns() -> Iterator[tuple[str, str]]:
    """Yield metric and title of each discriminator's terms.

    The discriminator's own loss has a column only where it is also trained on true videos alone.
    """
    for name, section in discriminator_sections():
        title = name if len(name) <= 5 else name[:4]
        yield f"{GENERATOR}{name}", f"G {title}"
        if section.real_terms:
            yield f"{CRITICS}{name}", f"D {title}"
        for term in section.real_terms:
            yield f"{CRITICS}{term}", f"D {term.removeprefix(f'{name}_')}"


# Metric -> title; the first `LOSSES` of those that a run trains get a column.
WATCHED = {
    f"{GENERATOR}total": "G",
    f"{CRITICS}total": "D",
    f"{GENERATOR}mouth_region": "mouth",
    f"{GENERATOR}perceptual": "percep",
    f"{GENERATOR}l1": "l1",
    **dict(_adversarial_columns()),
    f"{CRITICS}gradient_penalty": "penalty",
}


class Console(Tracker):
    """Logs lines of metrics: steps, time left, speed, data wait, memory, losses."""

    def __init__(self, total_steps: int, first_step: int) -> None:
        """Count from `first_step`, so that a resumed run's time left is right."""
        self._total, self._start = total_steps, time.monotonic()
        self._step_width = 2 * len(str(total_steps)) + 1
        self._step, self._at = first_step, self._start
        self._seconds_a_step: float | None = None
        self._columns: list[str] = []
        self._lines = 0
        self._several = False  # processes

    def log(self, step: int, metrics: Mapping[str, float]) -> None:
        """Log one line of the watched metrics."""
        if any(name.startswith("validation/") for name in metrics):
            LOG.info("validation (still): %s", ", ".join(_validated(metrics)))
            return
        columns = _columns({*self._columns, *_trained(metrics)})
        several = self._several or "speed/slowest_rank" in metrics
        is_new = (columns, several) != (self._columns, self._several)
        if is_new or self._lines % HEAD_EVERY == 0:
            self._columns, self._several = columns, several
            LOG.info("%s", self._head())
        self._lines += 1
        losses = "".join(f"{_short(metrics.get(name)):>{WIDTH}}" for name in self._columns)
        LOG.info("%s%s", self._fixed(step, metrics), losses)

    def finish(self, state: str) -> None:
        """Log how the run ended."""
        LOG.info("%s after %s", state, _clock(time.monotonic() - self._start))

    def _head(self) -> str:
        titles = "".join(f"{WATCHED[name]:>{WIDTH}}" for name in self._columns)
        fixed = f"{'step':>{self._step_width}}{'left':>10}{'clips/s':>8}{'wait':>5}{'GiB':>6}"
        slowest = f"{'slowest rank':>{SLOWEST_WIDTH}}" if self._several else ""
        return f"{fixed}{slowest}{titles}"

    def _fixed(self, step: int, metrics: Mapping[str, float]) -> str:
        gib = metrics.get("memory/cuda_peak_gib", metrics.get("memory/process_gib", 0.0))
        wait = f"{metrics.get('speed/data_wait_share', 0.0):.0%}"
        return (
            f"{f'{step}/{self._total}':>{self._step_width}}{_clock(self._left(step)):>10}"
            f"{metrics.get('speed/clips_per_s', 0.0):>8.2f}{wait:>5}{gib:>6.2f}"
            + (f"{_slowest(metrics):>{SLOWEST_WIDTH}}" if self._several else "")
        )

    def _left(self, step: int) -> float:
        """Return the seconds left at the recent pace, because stages differ in speed."""
        now = time.monotonic()
        pace = (now - self._at) / max(step - self._step, 1)
        before = self._seconds_a_step
        self._seconds_a_step = pace if before is None else 0.7 * before + 0.3 * pace
        self._step, self._at = step, now
        return self._seconds_a_step * (self._total - step)


def _trained(metrics: Mapping[str, float]) -> set[str]:
    """Return the watched names with a weight above 0, and the totals."""
    return {name for name in WATCHED if name in metrics and metrics.get(f"{name}_weighted", 1.0)}


def _columns(names: set[str]) -> list[str]:
    return [name for name in WATCHED if name in names][:LOSSES]


def _validated(metrics: Mapping[str, float]) -> Iterator[str]:
    """Yield each metric beside that of the repeated condition frame."""
    for name, title in VALIDATED.items():
        value = metrics.get(f"validation/{name}")
        if value is not None:
            still = metrics.get(f"validation/baseline_{name}")
            yield f"{title} {value:.3g}" + ("" if still is None else f" ({still:.3g})")


def _slowest(metrics: Mapping[str, float]) -> str:
    """Return number, seconds a step and data wait of the slowest process; a dash for none."""
    rank = metrics.get("speed/slowest_rank")
    if rank is None:
        return "-"
    seconds = metrics.get("speed/slowest_rank_step_s", 0.0)
    wait = metrics.get("speed/slowest_rank_data_wait_share", 0.0)
    return f"r{rank:.0f} {seconds:.3g}s {wait:.0%}"


def _short(value: float | None) -> str:
    """Return a number in at most 8 characters; a dash for none."""
    if value is None:
        return "-"
    text = f"{value:.4g}"
    return text if len(text) < WIDTH else f"{value:.1e}"


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    return f"{days}d {hours:02d}:{minutes:02d}" if days else f"{hours}:{minutes:02d}:{rest:02d}"
