"""The process that failed first is named, in the words of torchrun and Slurm as they print them."""

from pathlib import Path

import pytest

from emotalk.runs.failed_ranks import find_failure, last_lines

# As torchrun prints it.
ROOT = """
============================================================
train.py FAILED
------------------------------------------------------------
Failures:
  <NO_OTHER_FAILURES>
------------------------------------------------------------
Root Cause (first observed failure):
[0]:
  time      : {time}
  host      : machine
  rank      : {rank} (local_rank: 0)
  exitcode  : {code} (pid: 4711)
  error_file: <N/A>
  traceback : {text}
============================================================
"""


def root(rank: int, code: int, time: str = "2026-11-26_03:14:07", text: str = "") -> str:
    return ROOT.format(rank=rank, code=code, time=time, text=text)


@pytest.fixture
def run_dir(tmp_path: Path) -> Path:
    (tmp_path / "logs").mkdir()
    lines = [f"2026-11-26 03:14:0{n} [1 gpu-07] I emotalk.train: step {n}\n" for n in range(8)]
    (tmp_path / "logs" / "rank-0001.log").write_text("".join(lines) * 4, encoding="utf-8")
    return tmp_path


LOST_PEER = {
    "state": "failed", "message": "rank 0: RuntimeError: Connection closed by peer",
    "rank": 0, "node": "gpu-06", "may_pass": True,
}  # fmt: skip


def test_a_killed_process_comes_before_those_that_lost_it(run_dir: Path) -> None:
    said = root(0, 1, "2026-11-26_03:14:06") + root(1, -9, text="Signal 9 (SIGKILL) received")
    failure = find_failure(run_dir, LOST_PEER, said)
    assert (failure.rank, failure.node, failure.message) == (1, "gpu-07", "killed by SIGKILL")
    assert failure.may_pass
    assert failure.place == "gpu-07, rank 1"


def test_what_torchrun_itself_ended_is_no_cause(run_dir: Path) -> None:
    failure = find_failure(run_dir, LOST_PEER, root(1, -15))
    assert (failure.rank, failure.node) == (0, "gpu-06")
    assert failure.message == "RuntimeError: Connection closed by peer", "the place is said apart"


def test_want_of_memory_is_said_with_the_remedy(run_dir: Path) -> None:
    said = root(1, -9) + "slurmstepd: error: Detected 1 oom_kill event in StepId=7.0.\n"
    assert "--mem" in find_failure(run_dir, None, said).message


def test_an_error_of_the_program_is_its_own(run_dir: Path) -> None:
    status = {**LOST_PEER, "message": "rank 1: ZeroDivisionError: x", "may_pass": False}
    assert not find_failure(run_dir, status, root(1, 1)).may_pass


@pytest.mark.parametrize(
    ("why", "may_pass"), [("No space left on device", True), ("Permission denied", False)]
)
def test_a_process_that_could_not_write_its_status_on_a_full_disk_may_pass(
    run_dir: Path, why: str, may_pass: bool
) -> None:
    status = {"state": "running", "message": "training", "rank": 0, "may_pass": False}
    said = f"2026-11-26 03:14:07 [1 gpu-07] W emotalk.train: r/status.json cannot be written: {why}"
    failure = find_failure(run_dir, status, said + root(1, 1))
    assert failure.may_pass is may_pass
    assert ("could not write why: No space left" in failure.message) is may_pass


CANCELLED = (
    "slurmstepd: error: *** STEP 5.0 ON gpu-01 CANCELLED AT 2026-11-26T06:00:00 DUE TO "
    "NODE FAILURE, SEE SLURMCTLD LOG FOR DETAILS ***\n"
)


@pytest.mark.parametrize(
    ("said", "node"),
    [
        ("srun: error: Node failure on gpu-07\n", "gpu-07"),
        (CANCELLED, "another node than gpu-01"),
        (f"{CANCELLED}srun: error: Node failure on gpu-07\n", "gpu-07"),
        ("srun: error: gpu-07: task 1: Killed\n", "gpu-07"),
    ],
)
def test_a_lost_node_is_named(run_dir: Path, said: str, node: str) -> None:
    failure = find_failure(run_dir, {"state": "running"}, said)
    assert (failure.node, failure.may_pass) == (node, True)


NOT_LAUNCHED = (  # Slurm 22.05 on a node that came back a moment before
    "srun: error: Task launch for StepId=49.0 failed on node lab2: Job credential expired\n"
    "srun: error: Application launch failed: Job credential expired\n"
    "srun: Job step aborted\n"
)


def test_a_step_that_slurm_never_started_on_a_node_is_no_failure_of_the_job(run_dir: Path) -> None:
    failure = find_failure(run_dir, None, NOT_LAUNCHED)
    assert (failure.node, failure.may_pass, failure.told) == ("lab2", True, True)
    assert failure.message == "Slurm could not start it: Job credential expired"
    lost = find_failure(run_dir, None, NOT_LAUNCHED + "srun: error: Node failure on lab1\n")
    assert (lost.node, lost.told) == ("lab1", False)


def test_a_hang_may_pass_though_its_status_is_missing(run_dir: Path) -> None:
    assert find_failure(run_dir, None, root(1, 86)).may_pass


def test_a_start_that_never_came_to_train_would_fail_again(run_dir: Path) -> None:
    failure = find_failure(run_dir, None, root(1, 1) + "ImportError: no such library\n")
    assert (failure.may_pass, failure.rank) == (False, 1)
    silent = find_failure(run_dir, None, "bash: line 1: accelerate: not found\n")
    assert "accelerate: not found" in silent.message
    assert not silent.may_pass


def test_the_last_twenty_lines_of_a_rank_are_printable(run_dir: Path) -> None:
    path = run_dir / "logs" / "rank-0001.log"
    with path.open("a", encoding="utf-8") as file:
        file.write("\x1b]0;owned\x07\n")
    lines = last_lines(run_dir, 1)
    assert len(lines) == 20
    assert lines[-1] == r"\x1b]0;owned\x07"
    assert last_lines(run_dir, 2) == []


@pytest.mark.parametrize("message", [None, 7, {"a": 1}, "x" * 10**6])
def test_a_status_of_another_form_is_no_crash(run_dir: Path, message: object) -> None:
    status = {"state": "failed", "message": message, "rank": "no", "node": None}
    assert len(find_failure(run_dir, status, "").message) <= 2000
