"""A run that goes on from its mirror: only the same run, and never anew by accident."""

from pathlib import Path

import pytest

from emotalk.checkpoints.folder import CHECKPOINTS, STATE
from emotalk.config.load import dump_config
from emotalk.errors import Stopped, WrongUse
from emotalk.files.checksums import write_sums
from emotalk.media import object_store
from emotalk.media.object_store import ObjectStore
from emotalk.runs.mirror import restore_from_mirror
from tests.helpers.object_storage import Faults
from tests.helpers.tiny_training import tiny_config


def filled(url: str, tmp_path: Path, *words: str) -> None:
    """Fill a mirror with a checkpoint of a run with these settings."""
    path = tmp_path / "there" / "step-000007"
    path.mkdir(parents=True)
    (path / STATE).write_text("{}")
    write_sums(path)
    store = ObjectStore(url, "checkpoint.mirror")
    store.write_bytes("config.yaml", dump_config(tiny_config(tmp_path, *words)).encode())
    for file in path.iterdir():
        store.write(file, f"{path.name}/{file.name}")


def test_an_empty_run_folder_gets_the_newest_checkpoint(faults: Faults, tmp_path: Path) -> None:
    filled("s3://bucket/a", tmp_path)
    config = tiny_config(tmp_path, "checkpoint.mirror=s3://bucket/a")
    restore_from_mirror(config)
    assert (config.run_dir / CHECKPOINTS / "step-000007" / STATE).is_file()


def test_another_runs_mirror_is_refused(faults: Faults, tmp_path: Path) -> None:
    filled("s3://bucket/b", tmp_path, "seed=99")
    config = tiny_config(tmp_path, "checkpoint.mirror=s3://bucket/b")
    with pytest.raises(WrongUse, match="seed: 99 there"):
        restore_from_mirror(config)
    assert not (config.run_dir / CHECKPOINTS / "step-000007").exists()


def test_an_empty_mirror_begins_a_run(faults: Faults, tmp_path: Path) -> None:
    restore_from_mirror(tiny_config(tmp_path, "checkpoint.mirror=s3://bucket/empty"))


def test_a_mirror_that_does_not_answer_never_begins_the_run_anew(
    faults: Faults,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    filled("s3://bucket/c", tmp_path)
    monkeypatch.setattr(object_store, "TRIES", 1)
    config = tiny_config(tmp_path, "checkpoint.mirror=s3://bucket/c")
    faults.next = {"GET": ["cut"] * 200, "HEAD": ["cut"] * 200}
    with pytest.raises(Stopped, match="the run would begin anew"):
        restore_from_mirror(config)
    (config.run_dir / CHECKPOINTS / "step-000003").mkdir(parents=True)
    restore_from_mirror(config)
    faults.next.clear()
    assert "the run goes on from its own folder" in caplog.text
