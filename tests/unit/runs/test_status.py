"""`status.json` says how a run ended, in one piece, in the words and codes batch scripts read."""

import json
import os
from pathlib import Path

import pytest

from emotalk.node_name import node_name
from emotalk.runs.status import State, failed_since, write_status


@pytest.mark.parametrize(
    ("state", "code"),
    [("running", 1), ("done", 0), ("failed", 1), ("wrong_use", 2), ("preempted", 85)],
)
def test_each_state_has_its_code(
    tmp_path: Path, state: State, code: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SLURM_JOB_ID", "7")
    write_status(tmp_path, state, "so it was", step=7)
    read = json.loads((tmp_path / "status.json").read_text(encoding="utf-8"))
    assert read == {
        "state": state, "code": code, "message": "so it was", "step": 7,
        "rank": 0, "node": node_name(), "job": "7", "may_pass": False,
    }  # fmt: skip
    assert [path.name for path in tmp_path.iterdir()] == ["status.json"], "no part is left"


def test_the_one_before_stays_whole_where_the_new_one_cannot_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_status(tmp_path, "running", "training")
    before = (tmp_path / "status.json").read_bytes()

    def torn(path: Path, mode: str) -> None:
        with open(path, mode) as file:
            file.write(b'{"sta')
        raise OSError("No space left on device")

    with monkeypatch.context() as disk:
        disk.setattr(Path, "open", torn)
        with pytest.raises(OSError, match="No space"):
            write_status(tmp_path, "done", "all steps are done")
    assert (tmp_path / "status.json").read_bytes() == before


def test_only_a_failure_of_this_attempt_counts(tmp_path: Path) -> None:
    assert not failed_since(tmp_path, 0.0), "no status"
    write_status(tmp_path, "failed", "the lamp is out")
    os.utime(tmp_path / "status.json", (1000.0, 1000.0))
    assert failed_since(tmp_path, 1000.0)
    assert failed_since(tmp_path, 999.0)
    assert not failed_since(tmp_path, 1001.0), "of an attempt before"
    write_status(tmp_path, "running", "training")
    assert not failed_since(tmp_path, 0.0)


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '"failed"', "{}"])
def test_a_torn_status_is_no_failure(tmp_path: Path, text: str) -> None:
    (tmp_path / "status.json").write_text(text)
    assert not failed_since(tmp_path, 0.0)
