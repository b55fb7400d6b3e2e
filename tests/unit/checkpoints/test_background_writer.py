"""Checkpoints are written beside the training, one at a time; what goes wrong is not lost."""

import errno
from pathlib import Path
from typing import Any

import pytest

from emotalk.checkpoints import save as module
from emotalk.checkpoints.background_writer import BackgroundWriter
from emotalk.checkpoints.folder import STATE, checkpoints
from emotalk.config.model import ModelConfig
from emotalk.files.checksums import check_all_sums
from tests.unit.checkpoints.test_save import FACTS, snapshot


def saver(folder: Path, written: list[Path], keep_last: int = 2) -> BackgroundWriter:
    return BackgroundWriter(
        folder, ModelConfig(), FACTS, keep_last=keep_last, written=written.append
    )


def test_saving_goes_on_beside_and_one_after_the_other(tmp_path: Path) -> None:
    written: list[Path] = []
    background = saver(tmp_path, written)
    for step in range(5):
        background.begin(snapshot(step), best_step=None)
    background.finish()
    assert [path.name[-1] for path in written] == ["0", "1", "2", "3", "4"]
    assert [path.name[-1] for path in checkpoints(tmp_path)] == ["3", "4"]


def test_what_goes_wrong_in_the_background_is_raised_where_training_asks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    background = saver(tmp_path, [])

    def full(*_: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(module, "sync", full)
    background.begin(snapshot(1), best_step=None)
    with pytest.raises(OSError, match="there is none"):
        background.finish()
    background.check()  # told once


def test_a_step_that_is_on_disk_is_not_written_again(tmp_path: Path) -> None:
    """A signal right after a checkpoint, or right after the start, waits for no disk."""
    written: list[Path] = []
    first = saver(tmp_path, written)
    for _ in range(2):
        first.begin(snapshot(4), best_step=None)
        first.finish()
    assert len(written) == 1
    goes_on = BackgroundWriter(
        tmp_path, ModelConfig(), FACTS, keep_last=2, written=written.append, whole=4
    )
    goes_on.begin(snapshot(4), best_step=None)
    goes_on.finish()
    assert len(written) == 1
    goes_on.begin(snapshot(6), best_step=None)
    goes_on.finish()
    assert [path.name for path in written] == ["step-000004", "step-000006"]


def test_a_failed_step_is_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[Path] = []
    background = saver(tmp_path, written)
    with monkeypatch.context() as patch:
        patch.setattr(module, "sync", _full)
        background.begin(snapshot(4), best_step=None)
        with pytest.raises(OSError, match="No space left"):
            background.finish()
    background.begin(snapshot(4), best_step=None)
    background.finish()
    assert len(written) == 1


def test_the_best_is_pointed_to_and_survives_the_clearing(tmp_path: Path) -> None:
    background = saver(tmp_path, [], keep_last=1)
    for step in (1, 2, 3):
        background.begin(snapshot(step), best_step=None if step == 1 else 2)
    background.finish()
    assert [path.name for path in checkpoints(tmp_path)] == ["step-000002", "step-000003"]
    assert (tmp_path / "best").read_text() == "step-000002\n"
    assert (tmp_path / "latest").read_text() == "step-000003\n"


def test_a_copy_beside_it_costs_no_checkpoint_its_place(tmp_path: Path) -> None:
    """With keep_last=1 a copy that counted as the newest would cost the last weights."""
    background = saver(tmp_path, [], keep_last=1)
    background.begin(snapshot(20), best_step=None)
    background.finish()
    (tmp_path / "step-000020").rename(tmp_path / "step-000022-backup")
    background.begin(snapshot(22), best_step=None)
    background.finish()
    check_all_sums(tmp_path / "step-000022", required=STATE)
    check_all_sums(tmp_path / "step-000022-backup", required=STATE)


def _full(*_: Any) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")
