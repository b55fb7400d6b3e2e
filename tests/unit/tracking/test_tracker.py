"""Several trackers are told everything, in their order."""

from collections.abc import Mapping
from pathlib import Path

from emotalk.tracking.tracker import Tracker, Trackers


class Told(Tracker):
    """Notes what it is told."""

    def __init__(self, name: str, notes: list[object]) -> None:
        self.name, self.notes = name, notes

    def log(self, step: int, metrics: Mapping[str, float]) -> None:
        self.notes.append((self.name, "log", step, dict(metrics)))

    def artifact(self, path: Path, folder: str) -> None:
        self.notes.append((self.name, "artifact", path, folder))

    def finish(self, state: str) -> None:
        self.notes.append((self.name, "finish", state))


def test_each_word_reaches_all_in_order() -> None:
    notes: list[object] = []
    trackers = Trackers([Told("a", notes), Told("b", notes)])
    trackers.log(7, {"train/loss": 0.5})
    trackers.artifact(Path("x.mp4"), "samples")
    trackers.finish("preempted")
    assert notes == [
        ("a", "log", 7, {"train/loss": 0.5}),
        ("b", "log", 7, {"train/loss": 0.5}),
        ("a", "artifact", Path("x.mp4"), "samples"),
        ("b", "artifact", Path("x.mp4"), "samples"),
        ("a", "finish", "preempted"),
        ("b", "finish", "preempted"),
    ]
