"""A machine that fails costs a job an attempt, not the night; a fault of the program ends it."""

import json
import socket
import subprocess
from pathlib import Path

import pytest

from tests.slurm.jobs import SLOWER, log, wait_until
from tests.slurm.nodes import bring_back, kill_node
from tests.slurm.test_train_job import train_with, wait_for_file

pytestmark = [pytest.mark.slurm, pytest.mark.timeout(SLOWER * 300)]

# Rank 1 is killed in each of the first attempts that KILLED counts, after a checkpoint of its own.
KILLED = """
(run / "config.yaml").touch()
if rank == "0":
    (run / "checkpoints" / f"step-{int(attempt) + 1:06d}").mkdir(parents=True)
(run / "logs").mkdir(exist_ok=True)
with (run / "logs" / f"rank-{int(rank):04d}.log").open("a") as file:
    file.write(f"2026-11-26 03:14:07 [{rank} {os.environ['SLURMD_NODENAME']}] I x: at work\\n")
(run / f"begun-{attempt}-{rank}").touch()
while len(list(run.glob(f"begun-{attempt}-*"))) < 2:
    time.sleep(0.1)
if int(attempt) < int(given["killed"]):
    if rank == "1":
        os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(600)
end("done", 0)
"""


def attempts(project: Path) -> list[dict[str, object]]:
    lines = (project / "run" / "logs" / "attempts.jsonl").read_text().splitlines()
    return [json.loads(line) for line in lines]


def test_a_rank_that_is_killed_is_tried_again_from_its_checkpoint(project: Path) -> None:
    job = train_with(project, KILLED, words=("killed=1",))
    end = wait_until(job, "COMPLETED", "FAILED", "CANCELLED", seconds=150)
    assert (end["JobState"], end["Restarts"]) == ("COMPLETED", "1"), log(job)
    assert "lab2, rank 1: killed by SIGKILL; starting again from step-000001, retry 1" in log(job)
    assert [one["event"] for one in attempts(project)] == ["begin", "failure", "begin", "end"]


def test_after_its_last_retry_it_fails_with_node_rank_and_last_lines(project: Path) -> None:
    job = train_with(project, KILLED, "--export=ALL,MAX_RETRIES=1", words=("killed=9",))
    end = wait_until(job, "COMPLETED", "FAILED", "CANCELLED", seconds=200)
    assert (end["JobState"], end["Restarts"], end["ExitCode"]) == ("FAILED", "1", "1:0"), log(job)
    assert "FAILED: lab2, rank 1: killed by SIGKILL; not started again" in log(job)
    assert "  | 2026-11-26 03:14:07 [1 lab2] I x: at work" in log(job)


def test_without_a_checkpoint_since_it_is_not_tried_again(project: Path) -> None:
    body = KILLED.replace('(run / "checkpoints"', '(run / "elsewhere"')
    job = train_with(project, body, words=("killed=1",))
    end = wait_until(job, "COMPLETED", "FAILED", "CANCELLED", seconds=150)
    assert (end["JobState"], end["Restarts"]) == ("FAILED", "0"), log(job)
    assert "no checkpoint was written since" in log(job)


# Both ranks of the first attempt wait until somebody ends them, after a checkpoint.
WAITS = KILLED.replace('if rank == "1":\n        os.kill(os.getpid(), signal.SIGKILL)\n    ', "")


def lose_second_node(project: Path, job: str) -> None:
    """Kill the second node when both ranks of the first attempt work; bring it back."""
    for rank in (0, 1):
        wait_for_file(project / "run" / f"begun-0-{rank}")
    try:
        kill_node("lab2")
        wait_until(job, "PENDING", "REQUEUED", "FAILED", "NODE_FAIL", seconds=120)
    finally:
        bring_back("lab2")


def test_a_lost_node_costs_a_retry(project: Path) -> None:
    job = train_with(project, WAITS, words=("killed=1",))
    lose_second_node(project, job)
    end = wait_until(job, "COMPLETED", "FAILED", "CANCELLED", seconds=150)
    assert (end["JobState"], end["Restarts"]) == ("COMPLETED", "1"), log(job)
    assert "lab2: the node was lost; starting again from step-000001, retry 1 of 3" in log(job)
    kinds = ["begin", "signal", "lost", "failure", "begin", "end"]
    assert [one["event"] for one in attempts(project)] == kinds


def test_a_node_that_is_lost_without_a_checkpoint_since_ends_the_job(project: Path) -> None:
    body = WAITS.replace('(run / "checkpoints"', '(run / "elsewhere"')
    job = train_with(project, body, words=("killed=9",))
    lose_second_node(project, job)
    end = wait_until(job, "COMPLETED", "FAILED", "CANCELLED", seconds=150)
    assert (end["JobState"], end["Restarts"], end["ExitCode"]) == ("FAILED", "1", "1:0"), log(job)
    assert "FAILED: lab2: the node was lost; not started again: no checkpoint" in log(job)
    assert not (project / "run" / "begun-1-0").exists()


def test_a_port_that_is_taken_while_the_job_starts_is_left_for_another(project: Path) -> None:
    """The launcher's own words, as it prints them where another program listens on the port."""
    body = (
        "port = os.environ['MASTER_PORT']\n"
        "(run / f'port-{port}').touch()\n"
        "if len(list(run.glob('port-*'))) == 1:\n"
        "    sys.stderr.write('RuntimeError: EADDRINUSE, address already in use\\n')\n"
        "    sys.exit(1)\n"
        "end('done', 0)\n"
    )
    job = train_with(project, body, "--nodes=1")
    assert wait_until(job, seconds=120)["JobState"] == "COMPLETED", log(job)
    ports = sorted(int(path.name[5:]) for path in (project / "run").glob("port-*"))
    assert len(set(ports)) == 2
    assert f"port {20000 + int(job) % 10000} is taken on lab1; trying another" in log(job)


def test_a_port_that_is_taken_before_the_start_is_not_tried(project: Path) -> None:
    body = "(run / f\"port-{os.environ['MASTER_PORT']}\").touch()\nend('done', 0)\n"
    first = train_with(project, body, "--nodes=1")
    assert wait_until(first, seconds=120)["JobState"] == "COMPLETED", log(first)
    expected = 20000 + (int(first) + 1) % 10000
    with socket.create_server(("127.0.0.1", expected)):
        job = train_with(project, body, "--nodes=1")
        assert int(job) == int(first) + 1
        assert wait_until(job, seconds=120)["JobState"] == "COMPLETED", log(job)
    assert not (project / "run" / f"port-{expected}").exists()
    assert (project / "run" / f"port-{20000 + (expected - 20000 + 7) % 10000}").exists()


def test_a_signal_before_the_first_step_is_no_lost_attempt(project: Path) -> None:
    """The first attempt is told to end while its processes start; nothing was saved since."""
    body = (
        "signal.signal(signal.SIGUSR1, lambda *_: os._exit(1))\n"
        "(run / 'config.yaml').touch()\n"
        "(run / f'started-{attempt}').touch()\n"
        "time.sleep(600) if attempt == '0' else end('done', 0)\n"
    )
    job = train_with(project, body, "--nodes=1")
    wait_for_file(project / "run" / "started-0")
    subprocess.run(["scancel", "--batch", "--signal=USR1", job], check=True)
    end = wait_until(job, "COMPLETED", "FAILED", "CANCELLED", seconds=150)
    assert (end["JobState"], end["Restarts"]) == ("COMPLETED", "1"), log(job)
    kinds = ["begin", "signal", "end", "begin", "end"]
    assert [one["event"] for one in attempts(project)] == kinds
