"""What a process did and why it ended stands in its own file in the run folder."""

import logging
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from emotalk.errors import WrongUse
from emotalk.runs.failed_ranks import node_of
from emotalk.runs.rank_log import keep_rank_log
from emotalk.runs.status import is_free
from tests.helpers.tiny_training import ROOT


@pytest.fixture(autouse=True)
def logging_as_before() -> Iterator[None]:
    root = logging.getLogger("emotalk")
    before = list(root.handlers), root.level
    yield
    assert root.handlers == before[0], "the log was left with its file"
    root.setLevel(before[1])


def work(run_dir: Path, error: Exception) -> None:
    with keep_rank_log(run_dir, 7):
        logging.getLogger("emotalk.train").info("at work")
        raise error


def ended_with(run_dir: Path, error: Exception) -> str:
    with pytest.raises(type(error)):
        work(run_dir, error)
    return (run_dir / "logs" / "rank-0007.log").read_text(encoding="utf-8")


def test_a_crash_leaves_its_traceback(tmp_path: Path) -> None:
    said = ended_with(tmp_path, ZeroDivisionError("the lamp is out"))
    assert "] I emotalk.train: at work\nTraceback (most recent call last):" in said
    assert said.endswith("ZeroDivisionError: the lamp is out\n")


def test_a_process_that_says_nothing_has_named_its_node(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SLURMD_NODENAME", "gpu-07")
    with keep_rank_log(tmp_path, 7):
        pass
    assert node_of(tmp_path, 7) == "gpu-07"
    assert capsys.readouterr().err == "", "on the screen there is nothing of it"


def test_wrong_use_leaves_its_message_alone(tmp_path: Path) -> None:
    said = ended_with(tmp_path, WrongUse("no such thing"))
    assert said.endswith("no such thing\n")
    assert "Traceback" not in said


def test_a_traceback_holds_no_secret(tmp_path: Path) -> None:
    assert "passw0rd" not in ended_with(tmp_path, OSError("https://me:passw0rd@host/x"))


def test_a_folder_with_nothing_but_logs_is_still_free_for_a_run(tmp_path: Path) -> None:
    ended_with(tmp_path, WrongUse("no such thing"))
    assert is_free(tmp_path)
    (tmp_path / "logs" / "diary.txt").touch()
    assert not is_free(tmp_path)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_cannot_be_written_costs_the_log_alone(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with keep_rank_log(tmp_path, 0) as file:
        assert file is None


def test_a_file_in_the_place_of_the_folder_costs_the_log_alone(tmp_path: Path) -> None:
    (tmp_path / "logs").touch()
    with keep_rank_log(tmp_path, 0) as file:
        assert file is None


def test_a_crash_in_c_code_leaves_the_stacks(tmp_path: Path) -> None:
    program = (
        "import sys, ctypes\nfrom pathlib import Path\n"
        "from emotalk.runs.rank_log import keep_rank_log\n"
        "def falls(): ctypes.string_at(0)\n"
        "with keep_rank_log(Path(sys.argv[1]), 2): falls()"
    )
    done = subprocess.run([sys.executable, "-c", program, str(tmp_path)], cwd=ROOT, check=False)
    assert done.returncode == -11
    said = (tmp_path / "logs" / "rank-0002.log").read_text(encoding="utf-8")
    assert "Segmentation fault" in said
    assert "in falls" in said
