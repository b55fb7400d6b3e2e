"""Run the tests of this folder in parts side by side, each part on a lab of two nodes of its own.

    python -m tests.slurm.side_by_side [words for pytest]

Jobs wait for most of their time: for Slurm, for each other, for a signal. What a test does to its
nodes or to the queue concerns its own part alone. The output of a part is printed when it has
ended; what its nodes wrote is in .slurm-lab/NUMBER/log.
"""

import os
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
FOLDER = Path("tests") / "slurm"
PARTS = (
    ("test_etl_drills.py", "test_sweep.py"),
    ("test_real_training.py", "test_preflight.py"),
    ("test_chain.py", "test_readme_commands.py"),
    ("test_retries.py", "test_train_job.py"),  # and every file that is not named here
)
"""Files that run one after the other; each part takes about as long as the others."""
FIRST_PORT, PORTS = 16817, 10
JOBS = 2300  # numbers for each part, since a job's number decides its ports
NOTHING_RAN = 5  # pytest's code where no test was chosen


@dataclass(frozen=True)
class Part:
    """A part under way."""

    number: int
    files: tuple[str, ...]
    process: "subprocess.Popen[str]"
    log: Path


def parts() -> list[tuple[str, ...]]:
    """Return the files of each part; every test file of the folder is in one."""
    named = {name for part in PARTS for name in part}
    others = sorted(path.name for path in (ROOT / FOLDER).glob("test_*.py"))
    return [*PARTS[:-1], (*PARTS[-1], *(name for name in others if name not in named))]


def start(number: int, files: tuple[str, ...], words: Sequence[str]) -> Part:
    """Start a lab and, on it, pytest with a part's files."""
    lab = ROOT / ".slurm-lab" / str(number)
    lab.mkdir(parents=True, exist_ok=True)
    environment = os.environ | {
        "SLURM_LAB": str(lab),
        "SLURM_LAB_PORT": str(FIRST_PORT + number * PORTS),
        "SLURM_LAB_FIRST_JOB": str(1 + number * JOBS),
    }
    pytest = (sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-m", "slurm", *words)
    places = (str(FOLDER / name) for name in files)
    command = ("bash", str(FOLDER / "lab.sh"), "run", *pytest, *places)
    log = lab / "tests.log"
    with log.open("w", encoding="utf-8") as file:
        process = subprocess.Popen(
            command, cwd=ROOT, env=environment, stdout=file, stderr=file, text=True
        )
    return Part(number, files, process, log)


def main(words: Sequence[str]) -> int:
    """Run all parts; return 1 where one failed."""
    subprocess.run(["bash", FOLDER / "lab.sh", "install"], cwd=ROOT, check=True)
    began, failed, out = time.monotonic(), False, sys.stdout
    running = [start(number, files, words) for number, files in enumerate(parts())]
    while running:
        time.sleep(1)
        for part in [part for part in running if part.process.poll() is not None]:
            running.remove(part)
            failed |= part.process.returncode not in (0, NOTHING_RAN)
            out.write(f"== part {part.number}: {' '.join(part.files)}\n")
            out.write(part.log.read_text(encoding="utf-8", errors="replace"))
            out.flush()
    minutes, seconds = divmod(round(time.monotonic() - began), 60)
    out.write(f"{'FAILED' if failed else 'passed'} in {minutes} min {seconds} s\n")
    return int(failed)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
