"""Nothing a user made is overwritten; a run goes on only under its own configuration."""

import json
import os
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import cast

import pytest

from emotalk.distributed import Runtime
from emotalk.errors import InUse, WrongUse
from emotalk.runs import status as run_status
from emotalk.runs.folder import (
    hold_run_folder,
    open_run_folder,
    open_together,
)
from emotalk.runs.status import may_write
from tests.helpers.tiny_training import ROOT, tiny_config


def test_a_new_folder_is_made_and_the_same_run_may_go_on(tmp_path: Path) -> None:
    config = tiny_config(tmp_path)
    assert not open_run_folder(config, None)
    assert (config.run_dir / "config.yaml").exists()
    assert not open_run_folder(tiny_config(tmp_path, "tracking.log_every=5"), None)


def test_another_configuration_is_refused_with_the_keys_that_differ(tmp_path: Path) -> None:
    open_run_folder(tiny_config(tmp_path), None)
    with pytest.raises(WrongUse, match=r"data.frames: 4 there, 5 now") as caught:
        open_run_folder(tiny_config(tmp_path, "data.frames=5", "seed=4"), None)
    assert "seed: 3 there, 4 now" in str(caught.value)


def test_a_folder_with_other_files_is_left_alone(tmp_path: Path) -> None:
    config = tiny_config(tmp_path)
    config.run_dir.mkdir()
    (config.run_dir / "thesis.txt").write_text("years of work")
    with pytest.raises(WrongUse, match="not a run folder"):
        open_run_folder(config, None)
    assert [path.name for path in config.run_dir.iterdir()] == ["thesis.txt"]


def test_a_file_in_place_of_the_folder_is_named(tmp_path: Path) -> None:
    config = tiny_config(tmp_path)
    config.run_dir.write_text("a file")
    with pytest.raises(WrongUse, match=r"cannot be written|not a run folder"):
        open_run_folder(config, None)


def test_what_a_start_that_came_to_nothing_left_is_no_obstacle(tmp_path: Path) -> None:
    config = tiny_config(tmp_path)
    (config.run_dir / "checkpoints").mkdir(parents=True)
    for name in ("status.json", ".lock", ".config.yaml.part"):
        (config.run_dir / name).write_text("")
    assert not open_run_folder(config, None)


def test_a_folder_with_checkpoints_but_no_configuration_is_left_alone(tmp_path: Path) -> None:
    config = tiny_config(tmp_path)
    (config.run_dir / "checkpoints/step-000001").mkdir(parents=True)
    with pytest.raises(WrongUse, match="not a run folder"):
        open_run_folder(config, None)


OTHER = (
    "import sys; from pathlib import Path\n"
    "from emotalk.errors import InUse\n"
    "from emotalk.runs import folder as run_folder\n"
    "run_folder.LEASE_S = 2.0\n"
    "try: run_folder.hold_run_folder(Path(sys.argv[1])); print('mine')\n"
    "except InUse as error: print(error)\n"
)


def another(folder: Path) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-c", OTHER, str(folder)],
        cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def test_a_process_that_trains_keeps_others_out_and_names_itself(tmp_path: Path) -> None:
    config = tiny_config(tmp_path)
    open_run_folder(config, None)
    assert f"process {os.getpid()} on " in another(config.run_dir).communicate()[0]


def test_a_process_of_a_machine_that_may_be_lost_is_waited_for(tmp_path: Path) -> None:
    lock = hold_run_folder(tmp_path)
    holder = {"host": "a-lost-machine", "pid": 7, "since": "2026-01-02 03:04:05"}
    (tmp_path / ".lock").write_text(json.dumps(holder))
    patient = another(tmp_path)
    assert "process 7 on a-lost-machine is training here" in patient.communicate()[0]
    patient = another(tmp_path)
    time.sleep(1.0)
    lock.release()
    assert patient.communicate()[0].strip() == "mine"


def holder(folder: Path) -> "subprocess.Popen[str]":
    """Hold the folder in another process until its standard input ends."""
    script = (
        "import sys; from pathlib import Path\n"
        "from emotalk.runs.folder import hold_run_folder\n"
        "hold_run_folder(Path(sys.argv[1])); print('mine', flush=True); sys.stdin.read()\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", script, str(folder)],
        cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout is not None
    assert process.stdout.readline() == "mine\n"
    return process


def test_a_status_is_written_only_into_a_folder_of_ones_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run that holds the folder, one whose main process does, and one that nobody holds."""
    assert may_write(tmp_path / "new")
    other = holder(tmp_path)
    try:
        assert not may_write(tmp_path)
        name = f"process {other.pid} on {socket.gethostname()}"
        monkeypatch.setitem(run_status.JOINED, tmp_path, name)
        assert may_write(tmp_path), "the main process of this very run"
        monkeypatch.setitem(run_status.JOINED, tmp_path, "process 7 on a-lost-machine")
        assert not may_write(tmp_path), "another run has taken the folder since"
    finally:
        other.communicate("")
    assert may_write(tmp_path)
    (tmp_path / "mine").mkdir()
    lock = hold_run_folder(tmp_path / "mine")
    assert may_write(tmp_path / "mine")
    lock.release()


class Ranks:
    """Two processes' view of one gathering: what rank 0 has, both are told."""

    def __init__(self, *, is_main: bool, told: list[object]) -> None:
        self.is_main, self.told = is_main, told

    def gather(self, items: list[object]) -> list[object]:
        return self.told if not self.is_main else items


def test_what_the_main_process_refuses_all_refuse(tmp_path: Path) -> None:
    config = tiny_config(tmp_path)
    told = [InUse("process 7 is training here")]
    with pytest.raises(InUse, match="process 7"):
        open_together(config, None, cast(Runtime, Ranks(is_main=False, told=list(told))))
    assert not config.run_dir.exists(), "only the main process writes"
    config.run_dir.mkdir()
    (config.run_dir / "thesis.tex").touch()
    with pytest.raises(WrongUse, match="not a run folder"):
        open_together(config, None, cast(Runtime, Ranks(is_main=True, told=[])))


def test_all_processes_of_a_run_may_say_how_it_ended(tmp_path: Path) -> None:
    config = tiny_config(tmp_path)
    open_together(config, None, cast(Runtime, Ranks(is_main=True, told=[])))
    assert json.loads((config.run_dir / "status.json").read_text())["state"] == "running"
    open_together(config, None, cast(Runtime, Ranks(is_main=False, told=[])))
    assert run_status.JOINED[config.run_dir] == f"process {os.getpid()} on {socket.gethostname()}"
