"""Weak scaling on this machine: twice the processes, twice the clips, how much more a second?

    python -m tests.benchmarks.bench_scaling [--steps 12] [--width 0.25] [--clips 2]

Three forms of the same training (all discriminators, windows of 25 frames, one thread a process),
each started by the command that users give: `one` process; `apart`: two such runs at once that know
nothing of each other; `together`: two processes under DDP with twice the batch. What `apart` loses
beside `one` is the machine's (memory, caches, clock), what `together` loses beside `apart` is the
exchange of gradients and the waiting for the slower of two. Clips a second by the clock over the
last half of the steps.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
from pathlib import Path

import torch
import yaml

from tests.helpers.tiny_training import ALL_TERMS, TINY, tiny_shards, train_command


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--steps", type=int, default=12)
    parser.add_argument("--width", type=float, default=0.25)
    parser.add_argument("--clips", type=int, default=2, help="a process and step")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        config = write_config(Path(folder), options)
        one = rates(config, Path(folder) / "one", 1, runs=1, clips=options.clips)
        apart = rates(config, Path(folder) / "apart", 1, runs=2, clips=options.clips)
        together = rates(config, Path(folder) / "together", 2, runs=1, clips=2 * options.clips)
    sys.stdout.write(table(one[0], sum(apart), together[0], options))


def write_config(folder: Path, options: argparse.Namespace) -> Path:
    """Write shards and the configuration of all three forms; return the latter's path."""
    critics = {"frame": 1, "emotion": 1, "pair": 1, "temporal": 1}
    updates = [
        {"network": "generator", "lr": 1e-4, "losses": ALL_TERMS},
        {"network": "discriminators", "lr": 1e-4, "losses": critics},
    ]
    config = {
        **TINY,
        "shards": str(tiny_shards(folder / "shards")),
        "data": {**TINY["data"], "frames": 12},
        "model": {"width": options.width},
        "stages": [{"name": "gan", "iterations": options.steps, "updates": updates}],
        "checkpoint": {"every": 0},
        "tracking": {"log_every": options.steps // 2, "mlflow": {"enabled": False}},
    }
    path = folder / "scaling.yaml"
    path.write_text(yaml.safe_dump(config), encoding="utf-8")
    return path


def rates(config: Path, run_dir: Path, processes: int, *, runs: int, clips: int) -> list[float]:
    """Return the clips a second of so many runs at once, each of so many processes."""
    jobs = []
    for number in range(runs):
        folder = run_dir.with_name(f"{run_dir.name}{number}")
        words = (f"data.batch_size={clips}",)
        command, environment = train_command(config, folder, *words, processes=processes)
        jobs.append((folder, subprocess.Popen(command, env=environment, stderr=subprocess.PIPE)))
    for folder, job in jobs:
        _, said = job.communicate()
        if job.returncode:
            raise RuntimeError(f"{folder}: {said.decode()}")
    return [last_rate(folder) for folder, _ in jobs]


def last_rate(run_dir: Path) -> float:
    """Return the clips a second of the last log line."""
    line = (run_dir / "metrics.jsonl").read_text(encoding="utf-8").splitlines()[-1]
    return float(json.loads(line)["speed/clips_per_s"])


def table(one: float, apart: float, together: float, options: argparse.Namespace) -> str:
    """Return what is printed."""
    machine, exchange = apart / (2 * one), together / apart
    return (
        f"width {options.width:g}, {options.clips} clips x 12 frames a process, 1 thread each, "
        f"{os.cpu_count()} cores, {platform.machine()}, torch {torch.__version__}, gloo\n"
        f"{'one process':16}{one:>8.3f} clips/s\n"
        f"{'two apart':16}{apart:>8.3f} clips/s\n"
        f"{'two together':16}{together:>8.3f} clips/s\n"
        f"weak scaling efficiency {together / (2 * one):.0%} = {machine:.0%} (two processes share "
        f"the machine) x {exchange:.0%} (gradients exchanged, the slower waited for)\n"
        f"what limits it: {'the machine' if machine < exchange else 'the exchange of gradients'}\n"
    )


if __name__ == "__main__":
    main()
