"""Define the base class of trackers, and combine several into one."""

from collections.abc import Mapping, Sequence
from pathlib import Path


class Tracker:
    """Takes a run's metrics and files; the methods of this class ignore them.

    No method may stop or slow the training.
    """

    def log(self, step: int, metrics: Mapping[str, float]) -> None:
        """Receive the metrics of one step."""

    def artifact(self, path: Path, folder: str) -> None:
        """Receive a file to be uploaded to `folder`."""

    def finish(self, state: str) -> None:
        """End the run as `done`, `failed` or `preempted`, and send the rest."""


class Trackers(Tracker):
    """Combines several trackers into one."""

    def __init__(self, trackers: Sequence[Tracker]) -> None:
        """Take the trackers in the order in which they are called."""
        self._trackers = trackers

    def log(self, step: int, metrics: Mapping[str, float]) -> None:
        """Call every tracker."""
        for tracker in self._trackers:
            tracker.log(step, metrics)

    def artifact(self, path: Path, folder: str) -> None:
        """Call every tracker."""
        for tracker in self._trackers:
            tracker.artifact(path, folder)

    def finish(self, state: str) -> None:
        """Call every tracker."""
        for tracker in self._trackers:
            tracker.finish(state)
