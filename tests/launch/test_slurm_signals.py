"""A job that is told to end comes back, whatever moment it is told at, and counts no failure."""

import json
import os
import re
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.helpers.tiny_training import ROOT
from tests.unit.runs.test_failed_ranks import root

STARTED = "2026-01-01T10:00:00"
# What Slurm says of the job is in the file JOB; where SECOND is given, a signal comes meanwhile.
SCONTROL = """#!/bin/bash
[[ $2 == hostnames ]] && { echo node1; exit; }
echo "$*" >> "$SAID"
[[ -z ${SECOND:-} ]] || kill -TERM "$(cat "$FOLDER/shell")"
[[ $1 != show ]] || cat "$FOLDER/job"
[[ $1 != requeue ]] || kill -TERM $PPID
"""
# The step: it says that it runs and does what STEP says.
SRUN = """#!/bin/bash
[[ $* != *--immediate* || -z ${NO_STEP:-} ]] || { echo "srun: error: $NO_STEP" >&2; exit 1; }
[[ $* == *train_node.sh* || $* == *emotalk.preflight.node* ]] || exit 0
touch "$FOLDER/runs"
eval "$STEP"
"""


@pytest.fixture
def job(tmp_path: Path) -> dict[str, str]:
    """Return the environment of a job with stand-ins for Slurm's commands."""
    for name, text in (("srun", SRUN), ("scontrol", SCONTROL)):
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o755)
    (tmp_path / "said").touch()
    slurm_says(tmp_path)
    return {
        "PATH": f"{tmp_path}:{os.environ['PATH']}",
        "HOME": str(tmp_path),
        "FOLDER": str(tmp_path),
        "SAID": str(tmp_path / "said"),
        "ASK_AGAIN_S": "0",
        "PREFLIGHT": "0",
        "SLURM_JOB_ID": "7",
        "SLURM_JOB_NAME": "job",
        "SLURM_JOB_NODELIST": "node1",
        "SLURM_NNODES": "1",
    }


def slurm_says(folder: Path, **fields: str) -> None:
    shown = {"JobState": "RUNNING", "PreemptTime": "None", "StartTime": STARTED} | fields
    line = " ".join(f"{name}={value}" for name, value in shown.items())
    (folder / "job").write_text(f"JobId=7 {line} EndTime=Unknown\n" if shown["JobState"] else "")


def ended(
    job: dict[str, str], code: int, asked: str = "", **more: str
) -> subprocess.CompletedProcess[str]:
    """Run the last words of a job whose script ended with a code."""
    script = (
        f"set -euo pipefail; asked='{asked}'; echo $$ > \"$FOLDER/shell\"; "
        f"trap 'asked=TERM' TERM; . slurm/requeue.sh; sleep() {{ :; }}; requeue_if_asked {code}"
    )
    return subprocess.run(
        ["bash", "-c", script],
        cwd=ROOT, env=job | more, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip


def requeues(job: dict[str, str]) -> list[str]:
    lines = Path(job["SAID"]).read_text().splitlines()
    return [line for line in lines if line.startswith("requeue")]


@pytest.mark.parametrize(
    ("preempted", "started", "expected"),
    [
        ("2026-01-01T10:00:01", STARTED, ["requeue 7"]),
        (STARTED, STARTED, ["requeue 7"]),
        ("2026-01-01T09:59:59", STARTED, []),  # an earlier attempt
        ("2026-01-01T09:59:59", "Unknown", []),
        ("None", STARTED, []),
    ],
)
def test_a_failing_attempt_is_preempted_only_if_both_times_say_so(
    job: dict[str, str], tmp_path: Path, preempted: str, started: str, expected: list[str]
) -> None:
    slurm_says(tmp_path, PreemptTime=preempted, StartTime=started)
    assert ended(job, 1).returncode == 1
    assert requeues(job) == expected


@pytest.mark.parametrize("code", [1, 85])
def test_a_second_signal_does_not_end_the_script_before_its_request(
    job: dict[str, str], code: int
) -> None:
    assert ended(job, code, "TERM", SECOND="1").returncode == code
    assert requeues(job) == ["requeue 7"]


@pytest.mark.parametrize("state", ["PENDING", "CANCELLED", "TIMEOUT", "COMPLETING", "REQUEUED"])
def test_a_job_that_slurm_has_ended_is_left_to_slurm(
    job: dict[str, str], tmp_path: Path, state: str
) -> None:
    slurm_says(tmp_path, JobState=state)
    ended(job, 85)
    assert requeues(job) == []


def test_a_job_whose_signal_is_on_its_way_is_alive(job: dict[str, str], tmp_path: Path) -> None:
    slurm_says(tmp_path, JobState="SIGNALING")
    ended(job, 85)
    assert requeues(job) == ["requeue 7"]


def test_preemptions_do_not_use_up_the_restarts(job: dict[str, str], tmp_path: Path) -> None:
    assert ended(job, 85, SLURM_RESTART_COUNT="50").returncode == 2
    assert requeues(job) == []
    slurm_says(tmp_path, PreemptTime="2026-01-01T10:00:01")
    assert ended(job, 85, SLURM_RESTART_COUNT="50").returncode == 85
    assert requeues(job) == ["requeue 7"]


def test_a_task_of_an_array_requeues_itself_alone(job: dict[str, str]) -> None:
    ended(job, 85, SLURM_ARRAY_JOB_ID="7", SLURM_ARRAY_TASK_ID="3")
    assert requeues(job) == ["requeue 7_3"]


def test_a_preempted_evaluation_comes_back(job: dict[str, str], tmp_path: Path) -> None:
    srun = tmp_path / "srun"
    srun.write_text(
        f"#!/bin/bash\nsed -i s/PreemptTime=None/PreemptTime={STARTED}/ {tmp_path}/job\nexit 143\n"
    )
    words = ["bash", "slurm/evaluate.sbatch", "shards", "out", "one", "two"]
    done = subprocess.run(
        words, cwd=ROOT, env=job, capture_output=True, text=True, check=False, timeout=90
    )
    assert done.returncode != 0
    assert requeues(job) == ["requeue 7"]


STORM = """
set -euo pipefail
asked='' heard=0
trap 'heard=$((heard + 1))' USR1
. slurm/requeue.sh
echo $$ > "$FOLDER/shell"
until [[ -e $FOLDER/over ]]; do
  learn && is_alive && ! is_preempted
done
echo "heard $heard"
"""


def test_no_signal_is_lost_while_the_job_asks_slurm_about_itself(
    job: dict[str, str], tmp_path: Path
) -> None:
    """Each is sent at another moment of what a job does every ten seconds for its whole life."""
    process = subprocess.Popen(
        ["bash", "-c", STORM],
        cwd=ROOT, env=job, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    deadline = time.monotonic() + 60
    while not (tmp_path / "shell").exists():
        assert time.monotonic() < deadline, "it did not start"
        time.sleep(0.01)
    for number in range(60):
        time.sleep(0.01 + number * 0.0003)
        process.send_signal(signal.SIGUSR1)
    (tmp_path / "over").touch()
    said, _ = process.communicate(timeout=60)
    assert process.returncode == 0, said
    assert re.fullmatch(r"heard \d+\n", said), said  # several that wait are one


PARTS = r"\\.|\[\[|\]\]|\$\(\(|[$<>]\(|[()]|\"|[;|&\n]"
QUOTED = re.compile(PARTS, re.DOTALL)
BARE = re.compile(rf"'[^']*'|(?<!\S)#[^\n]*|{PARTS}", re.DOTALL)


def ends_of_commands(text: str) -> Iterator[tuple[int, int]]:
    """Yield where each command of a script ends, and how many substitutions it has in a row."""
    open_: list[str] = []
    quoted = tested = False
    count = at = 0
    while found := (QUOTED if quoted else BARE).search(text, at):
        part, at = found[0], found.end()
        inside = bool({"$(", "<(", ">("}.intersection(open_))
        if part.endswith("("):
            count += not inside and part in ("$(", "<(", ">(")
            open_ += ["("] * part.count("(") if part == "$((" else [part]
        elif part == ")" and open_:
            open_.pop()
        elif part == '"' and not inside:
            quoted = not quoted
        elif part in ("[[", "]]") and not inside:
            tested = part == "[["
        elif part in ";|&\n" and not (inside or quoted or tested):
            yield found.start(), count
            count = 0


def two_substitutions(text: str) -> list[str]:
    """Return the commands of a script that have two substitutions beside each other."""
    found, begin = [], 0
    for end, count in ends_of_commands(text):
        if count > 1:
            found.append(text[begin:end].strip())
        begin = end + 1
    return found


def test_no_command_of_a_job_has_two_substitutions() -> None:
    """Bash 5.2 loses a signal that comes between them; see slurm/requeue.sh."""
    assert two_substitutions('x=$(f "$(g)") && y=$(f)\n: <(f) $((1 + 2))\n') == []
    for bad in ('x=$(f) y="$(g)"', ': "$(f)" <(g)', "[[ $(f) && $(g) ]]", "((x = $(f) + $(g)))"):
        assert two_substitutions(f"true\n{bad}; true\n") == [bad]
    scripts = [*(ROOT / "slurm").glob("*.sbatch"), *(ROOT / "slurm").glob("*.sh")]
    found = {
        script.name: commands
        for script in scripts
        if script.name not in ("chain.sh", "site.sh")  # chain.sh traps no signal
        and (commands := two_substitutions(script.read_text(encoding="utf-8")))
    }
    assert found == {}


class Attempt:
    """One attempt of slurm/train.sbatch, which a test may signal."""

    def __init__(self, job: dict[str, str], step: str, **more: str) -> None:
        self.folder = Path(job["FOLDER"])
        (self.folder / "runs").unlink(missing_ok=True)
        words = ["configs/train/demo.yaml", f"run_dir={self.folder}/run", "shards=none"]
        self.process = subprocess.Popen(
            ["bash", "slurm/train.sbatch", *words],
            cwd=ROOT, env=job | {"STEP": step} | more, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip

    def wait_for_step(self) -> None:
        deadline = time.monotonic() + 60
        while not (self.folder / "runs").exists():
            assert time.monotonic() < deadline, "no step"
            time.sleep(0.02)

    def signal(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def wait(self) -> tuple[int, str]:
        said, _ = self.process.communicate(timeout=90)
        return self.process.returncode, said

    def kill(self) -> None:
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(timeout=60)
        if self.process.stdout is not None:
            self.process.stdout.close()

    @property
    def events(self) -> list[str]:
        path = self.folder / "run" / "logs" / "attempts.jsonl"
        return [json.loads(line)["event"] for line in path.read_text().splitlines()]


@pytest.fixture
def attempts(job: dict[str, str]) -> dict[str, str]:
    (Path(job["FOLDER"]) / "run").mkdir()
    (Path(job["FOLDER"]) / "run" / "config.yaml").touch()
    return job


def wait_for_event(attempt: Attempt, event: str) -> None:
    deadline = time.monotonic() + 60
    while event not in attempt.events:
        assert time.monotonic() < deadline, attempt.events
        time.sleep(0.02)


def test_a_signalled_attempt_that_is_killed_before_it_can_end_was_not_lost(
    attempts: dict[str, str],
) -> None:
    """As by `scontrol requeue`, of which nothing is left in what Slurm says later."""
    first = Attempt(attempts, "trap '' USR1; sleep 60")
    first.wait_for_step()
    first.signal(signal.SIGTERM)
    wait_for_event(first, "signal")
    first.kill()
    second = Attempt(attempts, "exit 0", SLURM_RESTART_COUNT="1")
    assert second.wait()[0] == 0
    assert second.events == ["begin", "signal", "begin", "end"]


@pytest.mark.parametrize(
    ("preempted", "code"), [("2026-01-01T10:00:01", 0), ("2026-01-01T09:59:59", 1), ("None", 1)]
)
def test_a_killed_attempt_was_lost_unless_slurm_preempted_it_after_its_start(
    attempts: dict[str, str], tmp_path: Path, preempted: str, code: int
) -> None:
    """The attempt says that it begins long after its start at ten o'clock."""
    first = Attempt(attempts, "sleep 60")
    first.wait_for_step()
    first.kill()
    slurm_says(tmp_path, PreemptTime=preempted, StartTime="2026-01-01T11:00:00")
    second = Attempt(attempts, "exit 0", SLURM_RESTART_COUNT="1")
    ended_with, said = second.wait()
    assert (ended_with, "lost with its node" in said) == (code, bool(code)), said


def test_processes_that_slurm_ends_before_the_script_hears_of_it_did_not_fail(
    attempts: dict[str, str],
) -> None:
    step = 'sed -i s/RUNNING/PENDING/ "$FOLDER/job"; exit 1'
    attempt = Attempt(attempts, step)
    attempt.wait()
    assert attempt.events == ["begin", "end"]


def test_a_signal_while_the_nodes_are_examined_leaves_no_attempt_open(
    attempts: dict[str, str], tmp_path: Path
) -> None:
    attempt = Attempt(attempts, "sleep 2; exit 143", PREFLIGHT="1")
    attempt.wait_for_step()
    attempt.signal(signal.SIGTERM)
    code, said = attempt.wait()
    assert code not in (0, 2), said
    assert requeues(attempts) == ["requeue 7"], said
    assert not (tmp_path / "run" / "logs").exists()


def test_a_real_failure_after_the_start_stays_one(attempts: dict[str, str]) -> None:
    attempt = Attempt(attempts, "echo 'ZeroDivisionError'; exit 1")
    code, said = attempt.wait()
    assert (code, requeues(attempts)) == (1, []), said
    assert attempt.events == ["begin", "failure"]


@pytest.mark.parametrize(("owner", "requeued"), [("8", []), ("7", ["requeue 7"])])
def test_the_end_of_another_job_that_trains_in_the_folder_is_not_taken_for_this_ones(
    attempts: dict[str, str], tmp_path: Path, owner: str, requeued: list[str]
) -> None:
    """This one is refused while the other is preempted and says so in the status they share."""
    status = f'{{"state": "preempted", "code": 85, "message": "saved", "job": "{owner}"}}'
    (tmp_path / "theirs").write_text(status)
    (tmp_path / "torchrun").write_text(root(0, 2))
    step = 'cat "$FOLDER/torchrun"; cp "$FOLDER/theirs" "$FOLDER/run/status.json"; exit 1'
    attempt = Attempt(attempts, step)
    code, said = attempt.wait()
    assert code == (85 if requeued else 2), said
    assert requeues(attempts) == requeued, said
    assert ("job: machine, rank 0: it was refused; why is said above" in said) == (not requeued)
    assert attempt.events == ["begin", "end"]


def test_a_run_folder_that_takes_no_file_is_wrong_use_in_one_line(
    attempts: dict[str, str], tmp_path: Path
) -> None:
    """Root may write everything, but nobody makes a folder where a file is."""
    (tmp_path / "run" / "logs").touch()
    attempt = Attempt(attempts, "exit 0")
    code, said = attempt.wait()
    assert (code, requeues(attempts)) == (2, []), said
    assert (
        said
        == f"job: run_dir {tmp_path}/run cannot be written: File exists; choose another run_dir\n"
    )
    assert not (tmp_path / "runs").exists(), "no process was started"


BUSY = "Unable to create step for job 7: Requested nodes are busy"


NOT_LAUNCHED = "Task launch for StepId=7.0 failed on node lab2: Job credential expired"


@pytest.mark.parametrize("no_step", [BUSY, NOT_LAUNCHED])
def test_an_attempt_that_slurm_gives_no_step_on_all_nodes_begins_anew_and_is_no_failure(
    attempts: dict[str, str], tmp_path: Path, no_step: str
) -> None:
    more = {"NO_STEP": no_step, "SLURM_NNODES": "2", "STEP_WAIT_S": "4"}
    attempt = Attempt(attempts, "exit 0", **more)
    code, said = attempt.wait()
    assert code == 1
    assert "no step on all 2 nodes of the job; starting again" in said
    assert no_step in said
    assert requeues(attempts) == ["requeue 7"], said
    assert not (tmp_path / "runs").exists()
    assert not (tmp_path / "run" / "logs").exists(), "no attempt was begun"


@pytest.mark.parametrize(
    "words",
    [
        ("preflight.sbatch", "configs/train/demo.yaml", "run_dir=run"),
        ("etl.sbatch", "configs/etl/crema_d.yaml", "source=source", "output=shards"),
    ],
    ids=lambda words: words[0],
)
def test_every_job_of_several_nodes_begins_anew_without_a_step(
    job: dict[str, str], words: tuple[str, ...]
) -> None:
    more = {"NO_STEP": BUSY, "SLURM_NNODES": "2", "STEP_WAIT_S": "4", "PREFLIGHT": "1"}
    done = subprocess.run(
        ["bash", f"slurm/{words[0]}", *words[1:]],
        cwd=ROOT, env=job | more, capture_output=True, text=True, check=False, timeout=90,
    )  # fmt: skip
    assert (done.returncode, requeues(job)) == (1, ["requeue 7"]), done.stderr
    assert "no step on all 2 nodes of the job; starting again" in done.stderr


@pytest.mark.parametrize(
    "more",
    [
        {
            "NO_STEP": "Unable to create step for job 7: More processors requested than permitted",
            "SLURM_NNODES": "2",
        },
        {"NO_STEP": BUSY},
    ],
)
def test_other_trouble_and_a_job_of_one_node_are_left_to_the_steps(
    attempts: dict[str, str], more: dict[str, str]
) -> None:
    attempt = Attempt(attempts, "exit 0", **more)
    assert attempt.wait()[0] == 0
    assert attempt.events == ["begin", "end"]
