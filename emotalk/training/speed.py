"""Measure the speed of a run and its waiting times."""

import time
from collections import Counter
from dataclasses import dataclass

import psutil
import torch

from emotalk.schema import FPS


@dataclass(frozen=True)
class Interval:
    """Hold the speed between two readings.

    Attributes:
        figures: by their names in the log.
        seconds: without pauses.
        waited_s: seconds in which this process waited for data.
        steps: number of steps.
        clips: stage -> clips over all processes.
    """

    figures: dict[str, float]
    seconds: float
    waited_s: float
    steps: int
    clips: dict[str, int]


class Speed:
    """Measure clips per second, the share of time spent waiting for data, and memory.

    Attributes:
        held_s: seconds that the training waited for saving, since the last reading.
    """

    def __init__(self) -> None:
        """Start the clock."""
        self._process = psutil.Process()
        self._clear()

    def waiting(self) -> "Timer":
        """Return the context that times waiting for data."""
        return Timer(self, "_waited_s")

    def paused(self) -> "Timer":
        """Return the context that times other work than training, e.g. validation."""
        return Timer(self, "_paused_s")

    def add(self, clips: int, frames: int, stage: str) -> None:
        """Count a step of a stage, and its clips and frames over all processes."""
        self._clips[stage] += clips
        self._frames += frames
        self._steps += 1

    def read(self) -> Interval:
        """Return the figures since the last reading and start again at zero."""
        seconds = max(time.monotonic() - self._start - self._paused_s, 1e-9)
        figures = {
            "speed/checkpoint_s": self.held_s,
            "speed/step_s": seconds / max(self._steps, 1),
            "speed/clips_per_s": self._clips.total() / seconds,
            "speed/frames_per_s": self._frames / seconds,
            "speed/video_seconds_per_s": self._frames / FPS / seconds,
            "speed/data_wait_share": min(self._waited_s / seconds, 1.0),
            "memory/process_gib": self._process.memory_info().rss / 2**30,
        }
        if torch.cuda.is_available():
            figures["memory/cuda_peak_gib"] = torch.cuda.max_memory_allocated() / 2**30
        interval = Interval(figures, seconds, self._waited_s, self._steps, dict(self._clips))
        self._clear()
        return interval

    def _clear(self) -> None:
        self._start = time.monotonic()
        self._waited_s = self._paused_s = self.held_s = 0.0
        self._clips: Counter[str] = Counter()
        self._frames = self._steps = 0


class Timer:
    """Add the time of a `with` block to one of `Speed`'s counters."""

    def __init__(self, speed: Speed, counter: str) -> None:
        """Time nothing yet."""
        self._speed, self._counter = speed, counter

    def __enter__(self) -> None:
        self._start = time.monotonic()

    def __exit__(self, *error: object) -> None:
        spent = time.monotonic() - self._start
        setattr(self._speed, self._counter, getattr(self._speed, self._counter) + spent)
