"""What MLflow costs a training: 1000 figures logged every 10 steps.

    python -m tests.benchmarks.bench_mlflow [--metrics 1000] [--every 10] [--step-s 0.25]

Steps are matrix products of about `--step-s` on one thread. Rounds of `--every` steps take turns:
without trackers, and with the JSON lines and MLflow's uploader (into a new SQLite file; then with a
server that is away). On the training thread count its CPU time in the log calls, its CPU time in
the whole round, and the clock. The uploader is a process of its own: its CPU time is printed
beside, it is taken from the training only where no core is free.

Required: what the training thread spends on logging is below 1 % of the step time. The last line of
each part says from which step time on that would hold.
"""

import argparse
import json
import os
import platform
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import torch

from emotalk.config.tracking import MlflowConfig
from emotalk.tracking.jsonl import NAME as METRICS
from emotalk.tracking.jsonl import JsonLines
from emotalk.tracking.mlflow import MlflowTracker, RunFacts
from emotalk.tracking.tracker import Trackers
from tests.helpers.mlflow_server import free_port

REQUIRED = 0.01  # of the step time
SIDE = 512  # of the matrices
Figures = dict[str, float]


def main() -> None:
    """Measure and print."""
    options = parser().parse_args()
    torch.set_num_threads(1)
    work = calibrated_work(options.step_s)
    sys.stdout.write(
        f"{options.metrics} figures every {options.every} steps of {options.step_s:g} s, "
        f"{options.rounds} rounds of each form, in turn; {platform.machine()}, "
        f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}\n"
    )
    everything = {}
    with tempfile.TemporaryDirectory() as folder:
        uris = {
            "sqlite": f"sqlite:///{folder}/mlflow.db",
            "server away": f"http://127.0.0.1:{free_port()}",
        }
        for name, uri in uris.items():
            figures = measure(options, work, Path(folder) / name, uri)
            sys.stdout.write(table(name, figures, options))
            everything[name] = figures
    if options.json:
        sys.stdout.write(json.dumps(everything) + "\n")


def parser() -> argparse.ArgumentParser:
    """Return the command's options."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--metrics", type=int, default=1000)
    parser.add_argument("--every", type=int, default=10, help="steps between two log lines")
    parser.add_argument("--step-s", type=float, default=0.25, help="seconds a step")
    parser.add_argument("--rounds", type=int, default=5, help="of each form")
    parser.add_argument("--json", action="store_true", help="print the numbers as JSON too")
    return parser


def calibrated_work(step_s: float) -> Callable[[], None]:
    """Return a step that takes about `step_s` of CPU time on this machine."""
    matrix = torch.rand(SIDE, SIDE)

    def products(count: int) -> None:
        for _ in range(count):
            torch.mm(matrix, matrix)

    products(20)
    start = time.thread_time()
    products(100)
    count = max(1, round(100 * step_s / (time.thread_time() - start)))
    return lambda: products(count)


def measure(
    options: argparse.Namespace, work: Callable[[], None], folder: Path, uri: str
) -> Figures:
    """Return seconds a step: in the log calls, on the training thread, by the clock, elsewhere."""
    folder.mkdir()
    mlflow = MlflowTracker(MlflowConfig(uri=uri), RunFacts("bench", {}, {}), folder)
    trackers = Trackers([JsonLines(folder / METRICS), mlflow])
    uploader = psutil.Process(mlflow._uploader.pid)
    if uri.startswith("sqlite"):
        _wait_until_it_works(mlflow)
    else:
        time.sleep(10.0)  # until it has loaded MLflow
    started = _cpu_s(uploader)
    rounds: dict[bool, list[tuple[float, float]]] = {False: [], True: []}
    calls: list[float] = []
    step = 0
    for _ in range(options.rounds):
        for tracked in (False, True):
            clock, thread = time.monotonic(), time.thread_time()
            for _ in range(options.every):
                work()
            if tracked:
                step += options.every
                figures = {f"train/m{n}": n / (step + 1) for n in range(options.metrics)}
                begun = time.thread_time()
                trackers.log(step, figures)
                calls.append(time.thread_time() - begun)
            rounds[tracked].append((time.thread_time() - thread, time.monotonic() - clock))
    time.sleep(2.0)  # what was logged last
    spent = _cpu_s(uploader) - started
    trackers.finish("failed" if not mlflow.run_id else "done")
    every = options.every
    return {
        "log_calls": statistics.median(calls) / every,
        "thread_without": statistics.median(r[0] for r in rounds[False]) / every,
        "thread_with": statistics.median(r[0] for r in rounds[True]) / every,
        "clock_without": statistics.median(r[1] for r in rounds[False]) / every,
        "clock_with": statistics.median(r[1] for r in rounds[True]) / every,
        "uploader": spent / (options.rounds * every),
    }


def _wait_until_it_works(mlflow: MlflowTracker) -> None:
    while not mlflow.run_id:
        time.sleep(0.1)
        mlflow.log(0, {})


def _cpu_s(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


def table(name: str, figures: Figures, options: argparse.Namespace) -> str:
    """Return the figures for people."""
    step = options.step_s
    share = figures["log_calls"] / step
    verdict = "met" if share < REQUIRED else "NOT met"
    lines = [
        f"\n{name}",
        f"  log calls, training thread   {1e3 * figures['log_calls']:8.3f} ms a step  "
        f"{share:7.3%} of a step   required < {REQUIRED:.0%}: {verdict}",
    ]
    for kind, words in (("thread", "whole round, thread's CPU"), ("clock", "whole round, clock")):
        before, after = figures[f"{kind}_without"], figures[f"{kind}_with"]
        lines.append(
            f"  {words:26} {1e3 * after:10.1f} ms a step  {after / before - 1:+7.2%} beside "
            f"{1e3 * before:.1f} ms without"
        )
    lines.append(
        f"  uploader, its own process    {1e3 * figures['uploader']:8.3f} ms a step  "
        f"{figures['uploader'] / step:7.3%} of a core"
    )
    lines.append(
        f"  below {REQUIRED:.0%} for steps of {figures['log_calls'] / REQUIRED:.3f} s and more; "
        f"where no core is free, of {(figures['log_calls'] + figures['uploader']) / REQUIRED:.2f} s"
    )
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
