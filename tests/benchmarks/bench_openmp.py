"""The demo's training beside other work, for each way in which OpenMP's threads can wait.

    python -m tests.benchmarks.bench_openmp [--repeats 3] [--seconds 4] [--pin 0,1]

`train.py configs/train/demo.yaml` on two cores, its reconstruction stage, on made-up clips; clips a
second after a warm-up, for each setting: `spin` (libgomp's own 300,000 rounds), `short`
(GOMP_SPINCOUNT=10000), `passive` (OMP_WAIT_POLICY=PASSIVE), and `chosen`: nothing is set and
`emotalk.openmp` chooses. Conditions: alone; beside one process that never rests; at nice 5 beside
two, of this session and of another. `later`: alone when it starts, the busy process comes after
that. Within a repeat the settings take turns; the figure is the median over repeats. The last lines
hold `chosen` to:

    alone                          >= 0.97 of the best setting alone
    beside one busy                >= 0.45 of itself alone
    nice 5, two busy (or elsewhere) >= 0.20 of itself alone

Linux weighs niceness within a session only (autogroup): a process of another session takes no more
than its half. Exit code 1 where a limit is missed. Measure on a machine that does nothing else.
"""

import argparse
import json
import os
import platform
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.helpers.shard_set import (
    MadeClip,
    Members,
    made_clips,
    made_members,
    textured_video,
    write_shard_set,
)

ROOT = Path(__file__).parents[2]
SETTINGS: dict[str, dict[str, str]] = {
    "spin": {"GOMP_SPINCOUNT": "300000"},
    "short": {"GOMP_SPINCOUNT": "10000"},
    "passive": {"OMP_WAIT_POLICY": "PASSIVE"},
    "chosen": {},
}
ELSEWHERE = "nice 5, two elsewhere"  # the busy processes belong to another session
CONDITIONS: dict[str, tuple[int, int]] = {  # busy processes, niceness of the training
    "alone": (0, 0),
    "one busy": (1, 0),
    "nice 5, two busy": (2, 5),
    ELSEWHERE: (2, 5),
    "later": (1, 0),
}
# What need not be measured of the other settings: minutes.
LEFT_OUT = {
    ("later", "passive"),
    ("later", "short"),
    ("nice 5, two busy", "short"),
    (ELSEWHERE, "spin"),
}
LIMITS = {"alone": 0.97, "one busy": 0.45, "nice 5, two busy": 0.20, ELSEWHERE: 0.20}
WARM_UP_STEPS = 6  # each of the 40 clips has been decoded then
START_S = 300.0
LINE = 2  # steps a line of metrics.jsonl
Rates = dict[str, dict[str, list[float]]]  # condition -> setting -> clips a second


def main() -> int:
    """Measure, print the table and return 1 if a limit is missed."""
    options = _options()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # the processes started here end too
    cores = sorted(int(core) for core in options.pin.split(","))
    os.sched_setaffinity(0, cores)
    with tempfile.TemporaryDirectory() as folder:
        rates = measure(Path(folder), options.settings, options.repeats, options.seconds)
    sys.stdout.write(table(rates, options, cores))
    if "chosen" not in options.settings:
        return 0
    lines, kept = verdicts(rates)
    sys.stdout.write("\n".join(lines) + "\n")
    return 0 if kept else 1


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=4.0, help="of each measurement")
    parser.add_argument("--pin", default="0,1", help="the two cores of everything")
    parser.add_argument("--settings", nargs="+", default=list(SETTINGS), choices=list(SETTINGS))
    return parser.parse_args()


def measure(folder: Path, settings: Sequence[str], repeats: int, seconds: float) -> Rates:
    """Return the rates of every condition and setting, settings in turn within a repeat."""
    shards = write_shards(folder / "shards")
    rates: Rates = {condition: {name: [] for name in settings} for condition in CONDITIONS}
    for repeat in range(repeats):
        for condition in CONDITIONS:
            for name in settings:
                if (condition, name) in LEFT_OUT or (condition == "later" and repeat):
                    continue
                run_dir = folder / f"{repeat}-{condition}-{name}".replace(" ", "")
                rates[condition][name].append(rate(shards, run_dir, condition, name, seconds))
    return rates


def write_shards(folder: Path) -> str:
    """Write 40 made-up clips, about as hard to decode as faces."""
    clips = made_clips(40, frames=(50, 62))
    write_shard_set(folder, [("train", clips)], members_of=_members)
    return str(folder)


def _members(clip: MadeClip) -> Members:
    return made_members(clip, textured_video(clip))


def rate(shards: str, run_dir: Path, condition: str, setting: str, seconds: float) -> float:
    """Return the clips a second of one training, after its warm-up."""
    busy, nice = CONDITIONS[condition]
    later, elsewhere = condition == "later", condition == ELSEWHERE
    with (
        spinning(0 if later else busy, elsewhere=elsewhere),
        training(shards, run_dir, setting, nice) as process,
    ):
        _wait_for_step(process, run_dir, WARM_UP_STEPS)
        with spinning(busy if later else 0):
            if later:
                _wait_for_step(process, run_dir, _last(run_dir)[0] + 2 * LINE)
            first, began = _last(run_dir)
            time.sleep(seconds)
            _wait_for_step(process, run_dir, first + 2 * LINE)
            last, ended = _last(run_dir)
    return (last - first) * 8 / (ended - began)


@contextmanager
def training(
    shards: str, run_dir: Path, setting: str, nice: int
) -> Iterator[subprocess.Popen[bytes]]:
    """Start the demo's training as a user would; end it afterwards."""
    environment = {
        name: value
        for name, value in os.environ.items()
        if name not in ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "OMP_NUM_THREADS")
    }
    words = [
        "configs/train/demo.yaml", f"shards={shards}", f"run_dir={run_dir}", "runtime.threads=2",
        "stages.emotion.iterations=0", "stages.initialise.iterations=100000",
        "data.condition=first_frame", "validation.clips=0", "checkpoint.every=0",
        f"tracking.log_every={LINE}", "tracking.mlflow.enabled=false",
    ]  # fmt: skip
    process = subprocess.Popen(
        ["nice", "-n", str(nice), sys.executable, "train.py", *words],
        cwd=ROOT,
        env=environment | SETTINGS[setting],
        stdout=subprocess.DEVNULL,
        stderr=(run_dir.parent / f"{run_dir.name}.log").open("wb"),
    )
    try:
        yield process
    finally:
        process.kill()  # its loader worker ends with it
        process.wait()


@contextmanager
def spinning(count: int, *, elsewhere: bool = False) -> Iterator[None]:
    """Keep `count` processes busy that never rest, in this session or in others of their own."""
    command = [sys.executable, "-c", "while True: pass"]
    others = [subprocess.Popen(command, start_new_session=elsewhere) for _ in range(count)]
    try:
        time.sleep(0.3 * bool(count))
        yield
    finally:
        for other in others:
            other.kill()
            other.wait()


def _last(run_dir: Path) -> tuple[int, float]:
    """Return the step of the newest complete line of metrics.jsonl, and when it was written."""
    path = run_dir / "metrics.jsonl"
    lines = path.read_text(encoding="utf-8").split("\n")[:-1] if path.exists() else []
    if not lines:
        return 0, 0.0
    line = json.loads(lines[-1])
    return int(line["step"]), float(line["time"])


def _wait_for_step(process: subprocess.Popen[bytes], run_dir: Path, step: int) -> None:
    deadline = time.monotonic() + START_S
    while _last(run_dir)[0] < step:
        if process.poll() is not None or time.monotonic() > deadline:
            log = (run_dir.parent / f"{run_dir.name}.log").read_text(errors="replace")
            raise RuntimeError(f"the training did not reach step {step}: {log[-2000:]}")
        time.sleep(0.05)


def table(rates: Rates, options: argparse.Namespace, cores: list[int]) -> str:
    """Return the medians and their spread, a line for each condition."""
    names = options.settings
    lines = [
        f"{platform.processor() or platform.machine()}, cores {cores} of {os.cpu_count()}, "
        f"{options.repeats} repeats of {options.seconds:g} s; clips/s, median (lowest to highest)",
        f"{'':22}" + "".join(f"{name:>24}" for name in names),
    ]
    for condition, by_setting in rates.items():
        cells = "".join(f"{_cell(by_setting[name]):>24}" for name in names)
        lines.append(f"{condition:22}{cells}")
    return "\n".join(lines) + "\n"


def _cell(values: list[float]) -> str:
    if not values:
        return "-"
    return f"{statistics.median(values):.1f} ({min(values):.1f} to {max(values):.1f})"


def verdicts(rates: Rates) -> tuple[list[str], bool]:
    """Return a line for each limit and whether all are kept."""
    median = {c: {n: statistics.median(v) for n, v in by.items() if v} for c, by in rates.items()}
    alone = median["alone"]["chosen"]
    shares = {name: median[name]["chosen"] / alone for name in LIMITS}
    shares["alone"] = alone / max(median["alone"].values())
    lines = [
        f"{'pass' if shares[name] >= limit else 'FAIL'}  {name:22}{shares[name]:.2f}, "
        f"wanted {limit:.2f}"
        for name, limit in LIMITS.items()
    ]
    return lines, all(shares[name] >= limit for name, limit in LIMITS.items())


if __name__ == "__main__":
    sys.exit(main())
