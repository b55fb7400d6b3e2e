"""A failed machine is tried again a few times, and only where the last attempt came further."""

import errno
import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from emotalk.errors import EXIT_WRONG_USE
from emotalk.runs import attempts
from emotalk.runs.attempts import STARTS_AGAIN, STAYS, Job, begin, end
from emotalk.runs.status import write_status
from tests.unit.runs.test_failed_ranks import root

JOB = Job("7", 0, retries=2)
KILLED = root(1, -9)


@pytest.fixture
def run_dir(tmp_path: Path) -> Path:
    (tmp_path / "config.yaml").touch()
    return tmp_path


def checkpoint(run_dir: Path, step: int) -> None:
    (run_dir / "checkpoints" / f"step-{step:06d}").mkdir(parents=True)


def test_a_killed_rank_is_tried_again_after_a_checkpoint(run_dir: Path) -> None:
    assert begin(run_dir, JOB) == (STARTS_AGAIN, "")
    checkpoint(run_dir, 40)
    decision, words = end(run_dir, JOB, 1, KILLED, fresh=False)
    assert decision == STARTS_AGAIN
    assert words == (
        "machine, rank 1: killed by SIGKILL; starting again from step-000040, retry 1 of 2"
    )


def test_without_a_new_checkpoint_it_ends_with_node_rank_and_last_lines(run_dir: Path) -> None:
    checkpoint(run_dir, 40)
    (run_dir / "logs").mkdir()
    line = "2026-11-26 03:14:07 [1 gpu-07] W emotalk.train: it grew dark\n"
    (run_dir / "logs" / "rank-0001.log").write_text(line)
    begin(run_dir, JOB)
    decision, words = end(run_dir, JOB, 1, KILLED, fresh=False)
    assert decision == STAYS
    first, *rest = words.splitlines()
    assert first.startswith("FAILED: gpu-07, rank 1: killed by SIGKILL; not started again: no ch")
    assert "checkpoint.every" in first
    assert rest[1] == f"  | {line.strip()}"


def test_the_number_of_retries_is_bounded_for_a_job_and_new_for_the_next(run_dir: Path) -> None:
    decisions = []
    for attempt in range(4):
        job = replace(JOB, restart=attempt)
        begin(run_dir, job)
        checkpoint(run_dir, 10 * (attempt + 1))
        decision, words = end(run_dir, job, 1, KILLED, fresh=False)
        decisions.append(decision)
    assert decisions == [STARTS_AGAIN, STARTS_AGAIN, STAYS, STAYS]
    assert "MAX_RETRIES=2" in words
    other = Job("8", 0, retries=2)
    begin(run_dir, other)
    checkpoint(run_dir, 99)
    assert end(run_dir, other, 1, KILLED, fresh=False)[0] == STARTS_AGAIN


@pytest.mark.parametrize("code", [0, 2, 85])
def test_ends_that_are_no_failure_are_not_tried_again_here(run_dir: Path, code: int) -> None:
    begin(run_dir, JOB)
    checkpoint(run_dir, 40)
    assert end(run_dir, JOB, code, KILLED, fresh=False) == (STAYS, "")
    assert begin(run_dir, replace(JOB, restart=1)) == (STARTS_AGAIN, ""), "it was not lost"


def test_a_fault_of_the_program_is_not_tried_again(run_dir: Path) -> None:
    begin(run_dir, JOB)
    checkpoint(run_dir, 40)
    write_status(run_dir, "failed", "rank 1: ZeroDivisionError", may_pass=False)
    decision, words = end(run_dir, JOB, 1, root(1, 1), fresh=True)
    assert decision == STAYS
    assert "ZeroDivisionError; not started again: it would fail again" in words


def test_the_status_of_an_earlier_attempt_does_not_count(run_dir: Path) -> None:
    write_status(run_dir, "failed", "Connection closed by peer", may_pass=True)
    begin(run_dir, JOB)
    checkpoint(run_dir, 40)
    assert end(run_dir, JOB, 1, root(1, 1), fresh=False)[0] == STAYS


def test_an_attempt_that_never_ended_was_lost_with_its_node(run_dir: Path) -> None:
    begin(run_dir, JOB)
    checkpoint(run_dir, 40)
    decision, words = begin(run_dir, replace(JOB, restart=1))
    assert decision == STARTS_AGAIN
    assert "lost with its node" in words
    decision, words = begin(run_dir, replace(JOB, restart=2))
    assert decision == STAYS, "no checkpoint came since"
    assert words.startswith("FAILED: ")


NODE_LOST = "srun: error: Node failure on gpu-07\n"


def test_an_attempt_that_slurm_requeued_for_a_lost_node_is_counted(run_dir: Path) -> None:
    begin(run_dir, JOB)
    checkpoint(run_dir, 40)
    assert end(run_dir, JOB, 85, NODE_LOST, fresh=False) == (STAYS, ""), "Slurm requeues it"
    decision, words = begin(run_dir, replace(JOB, restart=1))
    assert decision == STARTS_AGAIN
    assert words == "gpu-07: the node was lost; starting again from step-000040, retry 1 of 2"
    assert end(run_dir, replace(JOB, restart=1), 85, NODE_LOST, fresh=False)[0] == STAYS
    decision, words = begin(run_dir, replace(JOB, restart=2))
    assert decision == STAYS, "no checkpoint came since"
    assert words.startswith("FAILED: gpu-07: the node was lost; not started again: no checkpoint")


def test_a_node_that_is_lost_in_a_preempted_attempt_is_no_failure(run_dir: Path) -> None:
    begin(run_dir, JOB)
    end(run_dir, JOB, 85, NODE_LOST, fresh=False)
    again = replace(JOB, restart=1, preempted_at="2999-01-01T00:00:00")
    assert begin(run_dir, again) == (STARTS_AGAIN, "")


def test_a_preempted_attempt_that_could_not_end_is_no_failure(run_dir: Path) -> None:
    begin(run_dir, JOB)
    again = replace(JOB, restart=1, preempted_at="2999-01-01T00:00:00")
    assert begin(run_dir, again) == (STARTS_AGAIN, "")
    earlier = replace(JOB, restart=2, preempted_at="2001-01-01T00:00:00")
    assert begin(run_dir, earlier)[0] == STAYS, "that was another attempt's"


def test_a_folder_that_is_no_run_stays_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "holiday.jpg").touch()
    assert begin(tmp_path, JOB) == (STARTS_AGAIN, "")
    assert end(tmp_path, JOB, 1, KILLED, fresh=False) == (STAYS, "")
    assert [path.name for path in tmp_path.iterdir()] == ["holiday.jpg"]


def test_lines_that_a_crash_tore_or_another_wrote_are_passed_over(run_dir: Path) -> None:
    begin(run_dir, JOB)
    path = run_dir / "logs" / "attempts.jsonl"
    path.write_text(path.read_text() + '[1]\n{"job": "7", "ev\n' + "[" * 10**5 + "\n")
    checkpoint(run_dir, 40)
    assert end(run_dir, JOB, 1, KILLED, fresh=False)[0] == STARTS_AGAIN


def test_the_command_reads_the_job_from_its_environment(
    run_dir: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, value in {"SLURM_JOB_ID": "7", "MAX_RETRIES": "1", "PREEMPTED_AT": "None"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("SLURM_RESTART_COUNT", raising=False)
    assert attempts.main(["begin", str(run_dir)]) == STARTS_AGAIN
    checkpoint(run_dir, 40)
    said = run_dir / "said.txt"
    said.write_text("x" * (5 * 2**20) + KILLED)
    assert attempts.main(["end", str(run_dir), "--code", "1", "--said", str(said)]) == STARTS_AGAIN
    assert "retry 1 of 1" in capsys.readouterr().out
    lines = (run_dir / "logs" / "attempts.jsonl").read_text().splitlines()
    assert [json.loads(line)["event"] for line in lines] == ["begin", "failure"]
    assert json.loads(lines[1])["rank"] == 1


def test_an_attempt_preempted_before_it_wrote_that_it_begins_is_no_failure(run_dir: Path) -> None:
    """Slurm started it at 3:00, preempted it at 3:01; it wrote its line later than that."""
    begin(run_dir, replace(JOB, started_at="2001-01-01T03:00:00"))
    again = replace(JOB, restart=1, preempted_at="2001-01-01T03:01:00")
    assert begin(run_dir, again) == (STARTS_AGAIN, "")


def test_an_attempt_whose_end_slurm_does_not_tell_is_not_counted(run_dir: Path) -> None:
    begin(run_dir, JOB)
    decision, words = begin(run_dir, replace(JOB, restart=1, preempted_at=""))
    assert decision == STARTS_AGAIN
    assert "not counted" in words


@pytest.mark.parametrize("code", [-15, -10, 85])
def test_processes_told_to_end_while_they_start_are_no_failure(run_dir: Path, code: int) -> None:
    decisions = []
    for attempt in range(3):
        job = replace(JOB, restart=attempt)
        begin(run_dir, job)
        decisions.append(end(run_dir, job, 1, root(0, code), fresh=False)[0])
    assert decisions == [STARTS_AGAIN, STARTS_AGAIN, STAYS], "it must have an end"
    assert end(run_dir, JOB, 1, root(0, code) + root(1, 1), fresh=False)[0] == STAYS, "a fault"


def test_a_process_that_was_refused_is_wrong_use_and_no_failure(run_dir: Path) -> None:
    """As where another job trains in the folder: the status is that job's."""
    begin(run_dir, JOB)
    checkpoint(run_dir, 40)
    expected = (EXIT_WRONG_USE, "machine, rank 0: it was refused; why is said above")
    assert end(run_dir, JOB, 1, root(0, 2), fresh=False) == expected
    assert begin(run_dir, replace(JOB, restart=1)) == (STARTS_AGAIN, ""), "it was not lost"


def test_a_folder_that_is_no_runs_is_wrong_use(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").touch()
    assert begin(tmp_path, JOB) == (STARTS_AGAIN, ""), "train.py says why"
    assert end(tmp_path, JOB, 1, root(0, 2), fresh=False)[0] == EXIT_WRONG_USE
    assert end(tmp_path, JOB, 1, KILLED, fresh=False) == (STAYS, "")
    assert not (tmp_path / "logs").exists()


def list_fails(monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    """Let the list of attempts take no line."""
    real = Path.open

    def fails(self: Path, *words: Any, **more: Any) -> Any:
        if self.name == attempts.ATTEMPTS and words[:1] == ("a",):
            raise OSError(number, os.strerror(number), str(self))
        return real(self, *words, **more)

    monkeypatch.setattr(Path, "open", fails)


def test_a_run_folder_that_may_not_be_written_is_wrong_use(
    run_dir: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    list_fails(monkeypatch, errno.EROFS)
    assert attempts.main(["begin", str(run_dir)]) == EXIT_WRONG_USE
    out, err = capsys.readouterr()
    assert out == (
        f"run_dir {run_dir} cannot be written: Read-only file system; choose another run_dir\n"
    )
    assert err == ""


def test_a_folder_above_the_run_that_may_not_be_read_is_wrong_use(
    run_dir: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def closed(_: Path) -> bool:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(attempts, "is_free", closed)
    assert attempts.main(["begin", str(run_dir)]) == EXIT_WRONG_USE
    assert "Permission denied; choose another run_dir" in capsys.readouterr().out


def test_on_a_full_disk_a_failure_is_tried_again_and_counted_by_the_next_attempt(
    run_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    job = replace(JOB, retries=1, preempted_at="None")
    begin(run_dir, job)
    checkpoint(run_dir, 40)
    with pytest.MonkeyPatch.context() as patch:
        list_fails(patch, errno.ENOSPC)
        assert end(run_dir, job, 1, KILLED, fresh=False)[0] == STARTS_AGAIN
    assert "attempts.jsonl takes no line now: No space left on device" in capsys.readouterr().err
    assert begin(run_dir, replace(job, restart=1))[0] == STARTS_AGAIN
    checkpoint(run_dir, 50)
    assert end(run_dir, replace(job, restart=1), 1, KILLED, fresh=False)[0] == STAYS


def test_an_attempt_whose_beginning_a_full_disk_does_not_take_goes_on(
    run_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    list_fails(monkeypatch, errno.ENOSPC)
    assert begin(run_dir, JOB) == (STARTS_AGAIN, "")
