"""How long a checkpoint holds up a training, at the paper's width.

    python -m tests.benchmarks.bench_checkpoint [--threads 2] [--repeats 3] [--width 1]
    python -m tests.benchmarks.bench_checkpoint --device cuda

Steps of the generator and the discriminators (preset eskimez2021, 2 clips of 25 frames, perceptual
loss of an untrained VGG-19), by the clock: without a checkpoint; and with one begun before each
step, so that the step waits for the copy in memory and then shares the machine with the thread that
hashes and writes the one before. The whole state counts: weights and Adam's moments of all
networks. Medians after one warm-up, the two forms in turn.
"""

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import torch

from emotalk.checkpoints.background_writer import BackgroundWriter
from emotalk.checkpoints.snapshot import take_snapshot
from emotalk.checkpoints.train_state import TrainState
from emotalk.distributed import Runtime
from emotalk.models import Generator
from emotalk.runs.facts import model_facts
from emotalk.runs.networks import build_networks, engine_names
from tests.benchmarks.bench_step import clips_of, config_of, fast_step
from tests.benchmarks.bench_step import parser as step_options

ALLOWED = 0.10


def main() -> None:
    """Measure and print."""
    parser = step_options()
    parser.description = __doc__
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.set_defaults(repeats=3)
    options = parser.parse_args()
    if options.device == "cuda" and not torch.cuda.is_available():
        sys.stdout.write("no CUDA device here: nothing measured\n")
        return
    torch.set_num_threads(options.threads)
    with tempfile.TemporaryDirectory() as folder:
        sys.stdout.write(measure(options, Path(folder)))


def measure(options: argparse.Namespace, folder: Path) -> str:
    """Return the table."""
    config = config_of(options)
    runtime = Runtime.start(config.runtime, engine_names(config))
    networks = build_networks(config, runtime)
    generator = networks.generator.module
    assert isinstance(generator, Generator)
    x = clips_of(runtime.device, generator.noise_features)
    written: list[Path] = []
    saver = BackgroundWriter(
        folder, config.model, model_facts(config), keep_last=1, written=written.append
    )
    copies: list[float] = []

    def step() -> None:
        fast_step(networks, config, x)
        if options.device == "cuda":
            torch.cuda.synchronize()

    def step_with_checkpoint() -> None:
        began = time.monotonic()
        state = TrainState(step=len(copies))
        snapshot = take_snapshot(networks.engines, None, state, keep=True)
        assert snapshot is not None
        saver.begin(snapshot, best_step=None)
        copies.append(time.monotonic() - began)
        step()

    times: dict[str, list[float]] = {"without": [], "with": []}
    forms: dict[str, Callable[[], None]] = {"without": step, "with": step_with_checkpoint}
    for turn in range(options.repeats + 1):
        for name, work in forms.items():
            began = time.monotonic()
            work()
            if turn:
                times[name].append(time.monotonic() - began)
            saver.finish()
    size = sum(path.stat().st_size for path in written[-1].iterdir())
    runtime.stop()
    return table({k: statistics.median(v) for k, v in times.items()}, copies[1:], size, options)


def table(
    medians: dict[str, float], copies: list[float], size: int, options: argparse.Namespace
) -> str:
    """Return what is printed."""
    longer = medians["with"] / medians["without"] - 1
    copy = statistics.median(copies)
    return (
        f"{size / 2**30:.2f} GiB a checkpoint, width {options.width:g}, {options.threads} "
        f"thread(s), {options.device}, torch {torch.__version__}, median of {options.repeats}\n"
        f"step without a checkpoint  {medians['without']:7.2f} s\n"
        f"step with one              {medians['with']:7.2f} s, {longer:+.1%} (allowed "
        f"{ALLOWED:.0%}); of it {copy:.2f} s ({copy / medians['without']:.1%}) of copying\n"
    )


if __name__ == "__main__":
    main()
