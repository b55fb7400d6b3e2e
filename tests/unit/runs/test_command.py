"""What `train.py` says, returns and writes, whatever its training does."""

import errno
import json
import os
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from unittest import mock

import pytest
from accelerate import Accelerator

from emotalk.data.workers import WorkerLost
from emotalk.distributed import Runtime
from emotalk.errors import InUse, WrongUse
from emotalk.node_name import node_name
from emotalk.runs import command
from emotalk.runs import status as run_status
from emotalk.runs.command import main
from emotalk.runs.signals import StopSignals
from emotalk.runs.status import write_status
from tests.helpers.shard_set import made_clips, write_shard_set
from tests.helpers.tiny_training import tiny_yaml


@pytest.fixture
def words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    for name in ("RANK", "WORLD_SIZE"):
        monkeypatch.delenv(name, raising=False)
    return [str(tiny_yaml(tmp_path, tmp_path / "shards")), f"run_dir={tmp_path / 'run'}"]


def status(tmp_path: Path) -> dict[str, object]:
    found: dict[str, object] = json.loads((tmp_path / "run/status.json").read_text())
    return found


@pytest.fixture
def ends(monkeypatch: pytest.MonkeyPatch) -> Callable[[Exception], None]:
    """Let the training end with an exception."""

    def so(error: Exception) -> None:
        def train(*_: object, **__: object) -> int:
            raise error

        monkeypatch.setattr(command, "_train", train)

    return so


def test_every_fault_of_the_configuration_is_one_message_and_2(
    words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*words, "data.frame=4", "seed=-1"]) == 2
    said = capsys.readouterr().err
    assert said.startswith("train.py: ")
    assert "data.frame" in said
    assert "seed" in said
    assert status(tmp_path)["state"] == "wrong_use"
    assert "data.frame" in str(status(tmp_path)["message"])


@pytest.mark.parametrize("dry", [[], ["--dry-run"]])
def test_shards_by_a_name_that_no_folder_can_have_are_wrong_use(
    dry: list[str], words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*words, f"shards={'x' * 300}", *dry]) == 2
    assert "File name too long" in capsys.readouterr().err


@pytest.mark.parametrize("dry", [[], ["--dry-run"]])
def test_losses_of_the_emotion_without_labels_leave_the_run_folder_to_the_named_preset(
    dry: list[str],
    words: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    clips = [replace(clip, emotion=None) for clip in made_clips(4, frames=(12,))]
    write_shard_set(tmp_path / "shards", [("train", clips)])
    process = mock.Mock(spec=Accelerator, process_index=0, num_processes=1)
    monkeypatch.setattr(Runtime, "start", lambda *_: Runtime({"generator": process}))
    assert main([*words, *dry]) == 2
    assert "train with configs/train/unlabelled.yaml" in capsys.readouterr().err
    assert not (tmp_path / "run/config.yaml").exists()


def test_a_run_folder_closed_to_the_user_hides_no_other_message(
    words: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def closed(folder: Path) -> bool:
        raise PermissionError(errno.EACCES, "Permission denied", str(folder))

    monkeypatch.setattr(run_status, "is_free", closed)
    assert main([*words, "seed=-1"]) == 2
    assert "seed" in capsys.readouterr().err


def test_print_config_writes_nothing(
    words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*words, "--print-config", "data.frames=7"]) == 0
    assert "frames: 7" in capsys.readouterr().out
    assert not (tmp_path / "run").exists()


def test_what_stops_a_run_is_said_without_a_traceback_and_1(
    words: list[str],
    tmp_path: Path,
    ends: Callable[[Exception], None],
    capsys: pytest.CaptureFixture[str],
) -> None:
    ends(WorkerLost("loader worker 7 was killed by SIGKILL"))
    assert main(words) == 1
    assert capsys.readouterr().err == "train.py: loader worker 7 was killed by SIGKILL\n"
    assert status(tmp_path) == {
        "state": "failed", "code": 1, "message": "loader worker 7 was killed by SIGKILL",
        "step": None, "rank": 0, "node": node_name(),
        "job": os.environ.get("SLURM_JOB_ID", ""), "may_pass": True,
    }  # fmt: skip


def test_a_crash_keeps_its_traceback_and_is_written_down(
    words: list[str], tmp_path: Path, ends: Callable[[Exception], None]
) -> None:
    ends(ZeroDivisionError("the lamp is out"))
    with pytest.raises(ZeroDivisionError):
        main(words)
    assert status(tmp_path)["state"] == "failed"
    assert status(tmp_path)["message"] == "ZeroDivisionError: the lamp is out"


def test_a_rank_names_itself_and_leaves_the_first_failure_standing(
    words: list[str],
    tmp_path: Path,
    ends: Callable[[Exception], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("RANK", "1")
    ends(ZeroDivisionError("the lamp is out"))
    with pytest.raises(ZeroDivisionError):
        main(words)
    ends(RuntimeError("connection closed by peer"))
    monkeypatch.setattr(time, "time", lambda: 0.0)  # began before the failure
    with pytest.raises(RuntimeError):
        main(words)
    assert status(tmp_path)["message"] == "rank 1: ZeroDivisionError: the lamp is out"


@pytest.mark.parametrize(
    "error",
    [
        InUse("run_dir: process 7 is training here"),
        WorkerLost("a worker died"),
        RuntimeError("connection closed by peer"),
    ],
)
def test_a_live_run_of_another_process_keeps_its_status(
    words: list[str],
    tmp_path: Path,
    ends: Callable[[Exception], None],
    monkeypatch: pytest.MonkeyPatch,
    error: Exception,
) -> None:
    (tmp_path / "run").mkdir()
    for name in ("config.yaml", ".lock"):
        (tmp_path / "run" / name).touch()
    write_status(tmp_path / "run", "running", "training")
    before = (tmp_path / "run/status.json").read_bytes()
    monkeypatch.setattr(
        run_status, "is_held_by_another", lambda _: True
    )  # another process holds it
    ends(error)
    if isinstance(error, RuntimeError) and not isinstance(error, WorkerLost):
        with pytest.raises(RuntimeError):
            main(words)
    else:
        assert main(words) in (1, 2)
    assert (tmp_path / "run/status.json").read_bytes() == before


def test_what_all_refuse_the_first_rank_says(
    words: list[str],
    tmp_path: Path,
    ends: Callable[[Exception], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The others wait to be ended by the launcher, with the code of a refusal."""
    refused: list[bool] = []
    monkeypatch.setattr(StopSignals, "exit_as_refused", lambda _: refused.append(True))
    monkeypatch.setattr(command, "FIRST_RANK_S", 0.0)
    monkeypatch.setenv("RANK", "1")
    ends(WrongUse("no such thing"))
    assert main(words) == 2
    assert refused == [True]
    assert not (tmp_path / "run").exists()


def test_a_folder_that_is_no_run_is_left_alone(
    words: list[str], tmp_path: Path, ends: Callable[[Exception], None]
) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run/thesis.tex").touch()
    ends(ZeroDivisionError("the lamp is out"))
    with pytest.raises(ZeroDivisionError):
        main(words)
    assert os.listdir(tmp_path / "run") == ["thesis.tex"]
