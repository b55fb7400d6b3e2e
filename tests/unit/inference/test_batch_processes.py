"""Processes make every row once; one that dies costs its row alone."""

import os
import signal
from pathlib import Path

import numpy as np
import pytest
import soundfile
from PIL import Image

from emotalk.inference import batch_processes
from emotalk.inference.batch import BatchMaker, Outcome
from emotalk.inference.batch_processes import ModelPlace, run_shared
from emotalk.inference.batch_table import BatchRow, read_batch
from emotalk.inference.talking_video import VideoRequest
from tests.helpers.tiny_model import write_tiny_model

TEMPLATE = VideoRequest(image=Path(), audio=Path(), emotion="", output=Path(), landmarks=None)


class Deadly(BatchMaker):
    """Kills its process at two rows, as the system does where memory runs out."""

    def make(self, row: BatchRow) -> Outcome:
        if row.output in ("1.mp4", "2.mp4"):
            os.kill(os.getpid(), signal.SIGKILL)
        return super().make(row)


def work_deadly(*args: object) -> None:
    """Work as usual, with the maker above; runs in a spawned process."""
    vars(batch_processes)["BatchMaker"] = Deadly
    WORK(*args)  # type: ignore[arg-type]


WORK = batch_processes._work


def rows(folder: Path, count: int) -> list[BatchRow]:
    write_tiny_model(folder / "model")
    Image.new("RGB", (128, 128), (150, 140, 130)).save(folder / "a.png")
    soundfile.write(folder / "a.wav", 0.3 * np.sin(np.arange(8000) / 9), 16_000)
    lines = [f"a.png,a.wav,sad,{number}.mp4" for number in range(1, count + 1)]
    (folder / "jobs.csv").write_text("\n".join(["image,audio,emotion,output", *lines]))
    return read_batch(folder / "jobs.csv", TEMPLATE)


def test_processes_that_die_cost_their_rows_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batch_processes, "_work", work_deadly)
    shown: list[Outcome] = []
    outcomes = run_shared(
        rows(tmp_path, 4), ModelPlace(tmp_path / "model", "cpu"), shown.append, processes=2
    )
    assert shown == outcomes
    by_name = {outcome.output: outcome for outcome in outcomes}
    assert {name: o.state for name, o in by_name.items()} == {
        "1.mp4": "failed", "2.mp4": "failed", "3.mp4": "made", "4.mp4": "made",
    }  # fmt: skip
    assert "died (SIGKILL)" in by_name["2.mp4"].message
    assert len(outcomes) == 4
    assert (tmp_path / "4.mp4").exists()
