"""Define the protocol of trackers, and combine several into one."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol


class Tracker(Protocol):
    """Takes a run's figures and files. No method may stop or slow the training."""

    def log(self, step: int, metrics: Mapping[str, float]) -> None:
        """Take the figures of one step."""
        ...

    def artifact(self, path: Path, folder: str) -> None:
        """Take a file, to be shown under `folder`."""
        ...

    def finish(self, state: str) -> None:
        """Take the run's end: `done`, `failed` or `preempted`; hand over what is still held."""
        ...


class Trackers:
    """Several trackers as one."""

    def __init__(self, trackers: Sequence[Tracker]) -> None:
        """Keep them in the order they are told."""
        self._trackers = trackers

    def log(self, step: int, metrics: Mapping[str, float]) -> None:
        """Tell every tracker."""
        for tracker in self._trackers:
            tracker.log(step, metrics)

    def artifact(self, path: Path, folder: str) -> None:
        """Tell every tracker."""
        for tracker in self._trackers:
            tracker.artifact(path, folder)

    def finish(self, state: str) -> None:
        """Tell every tracker."""
        for tracker in self._trackers:
            tracker.finish(state)
