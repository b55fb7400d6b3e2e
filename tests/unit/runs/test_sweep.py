"""A task of a sweep is told its words; the table is whole however many tasks end at once."""

import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from emotalk.errors import WrongUse
from emotalk.runs import sweep
from emotalk.runs.sweep import begin, main, make_table
from emotalk.runs.sweep_table import Goal, Row, read_rows
from emotalk.runs.sweep_values import SweepRun
from tests.helpers.tiny_training import ROOT

CONFIG = ROOT / "configs" / "train" / "demo.yaml"
QUIET = "tracking.mlflow.enabled=false"


def begun(folder: Path, task: int, *values: str) -> list[str]:
    return begin(task, CONFIG, values, ["shards=s", f"run_dir={folder}", QUIET])


def end_run(folder: Path, name: str, value: float) -> None:
    (folder / name).mkdir()
    (folder / name / "status.json").write_text('{"state": "done"}')
    line = {"step": 1, "time": 1.0, "validation/psnr_mouth": value}
    (folder / name / "metrics.jsonl").write_text(json.dumps(line) + "\n")


def test_a_task_gets_its_own_words_and_folder(tmp_path: Path) -> None:
    folder = tmp_path / "sweep"
    assert begun(folder, 1, "seed=1,2") == [
        "-", "shards=s", QUIET, "seed=2", f"run_dir={folder}/001-seed=2",
    ]  # fmt: skip
    tree = json.loads((folder / "sweep.json").read_text())
    assert (tree["goal"], tree["uri"]) == ("max:validation/psnr_mouth", "")


def test_the_processes_of_the_preset_are_not_those_of_the_job(tmp_path: Path) -> None:
    """The preset's eight processes share no batch of two; the job tells its training its own."""
    large = CONFIG.with_name("crema_d_large.yaml")
    words = ["shards=s", f"run_dir={tmp_path / 'sweep'}", QUIET, "data.batch_size=2"]
    words.append("losses.perceptual.network=random")
    assert "runtime.processes=1" not in begin(0, large, ["seed=1,2"], words)


def test_a_fault_in_the_values_starts_nothing(tmp_path: Path) -> None:
    with pytest.raises(WrongUse, match="seed"):
        begun(tmp_path / "sweep", 1, "seed=1,x")
    assert not (tmp_path / "sweep").exists()


def test_a_password_in_the_servers_address_is_not_written(tmp_path: Path) -> None:
    uri = "http://me:secret@127.0.0.1:9"
    words = ["shards=s", f"run_dir={tmp_path / 'sweep'}", f"tracking.mlflow.uri={uri}"]
    assert begin(0, CONFIG, ["seed=1"], words)[0] == "-"  # nobody listens there
    assert "secret" not in (tmp_path / "sweep" / "sweep.json").read_text()


def test_a_run_that_ends_while_the_table_is_written_stands_in_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "sweep"
    begun(folder, 0, "seed=1,2")
    end_run(folder, "000-seed=1", 20.0)
    calls: list[list[Row]] = []

    def slow(folder: Path, runs: Sequence[SweepRun], goal: Goal) -> list[Row]:
        rows = read_rows(folder, runs, goal)
        if not calls:
            end_run(folder, "001-seed=2", 30.0)
        calls.append(rows)
        return rows

    monkeypatch.setattr(sweep, "read_rows", slow)
    lines = make_table(folder)
    assert "best: 001-seed=2, validation/psnr_mouth 30 at step 1" in lines
    assert (folder / "sweep.md").read_text() == "\n".join(lines) + "\n"


def test_wrong_use_is_one_line_and_exit_code_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["table", str(tmp_path)]) == 2
    assert capsys.readouterr().err.startswith("sweep: ")
    assert main(["begin", "--task", "0", str(CONFIG), "seed=1"]) == 2
    assert "run_dir=DIR" in capsys.readouterr().err
