"""Submit jobs to the Slurm of the test, and wait for what becomes of them."""

import re
import subprocess
import time
from pathlib import Path

ROOT = Path(__file__).parents[2]
SLOWER = 5
"""How much slower than an idle machine this one may be: limits of waiting are for an idle one."""
RUNNING = {"PENDING", "CONFIGURING", "RUNNING", "COMPLETING", "REQUEUED", "PREEMPTED"}


def submit(folder: Path, *words: str | Path) -> str:
    """Submit from `folder` and return the job's number."""
    return _run("sbatch", "--parsable", *map(str, words), cwd=folder).strip()


def fields(job: str) -> dict[str, str]:
    """Return what `scontrol show job` says of a job (the first of an array)."""
    text = _run("scontrol", "show", "job", job, "--oneliner")
    return dict(re.findall(r"(\w+)=(\S*)", text.splitlines()[0]))


def wait_until(job: str, *states: str, seconds: float = 90) -> dict[str, str]:
    """Return the job's fields once its state is one of `states` (none given: once it has ended).

    A requeued job waits for its credential to expire before it starts: about 7 s in the lab.
    """
    deadline = time.monotonic() + SLOWER * seconds
    while time.monotonic() < deadline:
        now = fields(job)
        state = now["JobState"]
        if state in states or (not states and state not in RUNNING):
            return now
        time.sleep(0.3)
    raise AssertionError(
        f"job {job} is {fields(job)['JobState']} after {SLOWER * seconds} s: {log(job)}"
    )


def log(job: str) -> str:
    """Return what the job has written."""
    path = Path(fields(job)["StdOut"])
    return path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""


def _run(*words: str, cwd: Path = ROOT) -> str:
    done = subprocess.run(words, cwd=cwd, capture_output=True, text=True, check=False)
    if done.returncode:
        raise AssertionError(f"{' '.join(words)}: {done.stderr}")
    return done.stdout


def queued() -> set[str]:
    """Return the numbers of the jobs that wait or run."""
    return set(_run("squeue", "--noheader", "--format=%i", "--states=PD,R").split())


def ended_well(job: str) -> bool:
    """Return whether the last attempt's last lines tell of no error."""
    last = log(job).splitlines()[-8:]
    return not any(word in line for line in last for word in ("error", "CANCELLED", "Killed"))
