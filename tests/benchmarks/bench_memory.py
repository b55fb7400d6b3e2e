"""Compare `--dry-run`'s memory estimate with what a process of that run takes.

    python -m tests.benchmarks.bench_memory [--width 1] [--frames 25]

paper.yaml (an untrained VGG-19) on one process: both updates of the last stage are made twice, and
the largest resident size is compared with the estimate's rows, without the copy for a checkpoint.
On a CPU it is larger: kernels have buffers and the allocator keeps freed memory.
"""

import argparse
import resource
import sys
import tempfile
from pathlib import Path

from emotalk.config.load import load_config
from emotalk.config.run import TrainConfig
from emotalk.distributed import Runtime
from emotalk.runs.build import build
from emotalk.runs.description import memory_rows
from emotalk.runs.hang import build_watchdog
from emotalk.runs.memory_estimate import measure_sizes
from emotalk.runs.networks import engine_names
from emotalk.shards.joined_set import open_shards
from tests.helpers.shard_set import made_clips, write_shard_set
from tests.helpers.tiny_training import ROOT

GIB = 2**30
LATER = "copy while"  # is made when a checkpoint is written


def main() -> None:
    """Estimate, train two steps, compare."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--width", type=float, default=1.0, help="of all networks but VGG-19")
    parser.add_argument("--frames", type=int, default=25)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        clips = made_clips(6, frames=(options.frames + 5,))
        shards = write_shard_set(Path(folder) / "shards", [("train", clips)])
        words = [
            f"shards={shards}", f"run_dir={folder}/run", "losses.perceptual.network=random",
            f"model.width={options.width}", f"data.frames={options.frames}", "data.workers=0",
            "stages.initialise.iterations=0", "stages.gan.iterations=4", "runtime.device=cpu",
            "validation.clips=0", "checkpoint.every=0", "tracking.mlflow.enabled=false",
        ]  # fmt: skip
        config = load_config(TrainConfig, ROOT / "configs/train/paper.yaml", words)
        rows = memory_rows(config, measure_sizes(config), {})
        expected = sum(size for name, size in rows if not name.startswith(LATER))
        measured = _measure(config)
    for name, size in rows:
        sys.stdout.write(f"{name:44}{size / GIB:8.2f} GiB\n")
    off = expected / measured - 1
    sys.stdout.write(
        f"\nestimated {expected / GIB:.2f} GiB, measured peak {measured / GIB:.2f} GiB while "
        f"training: the estimate is {off:+.0%} off\n"
    )


def _measure(config: TrainConfig) -> float:
    """Return the largest resident size in bytes of four steps, before anything is saved."""
    (config.run_dir / "checkpoints").mkdir(parents=True)
    runtime = Runtime.start(config.runtime, engine_names(config))
    trainer = build(
        config, open_shards(config.shards), runtime, lambda: False, build_watchdog(config, 0)
    )
    for _ in range(3):
        trainer._train_one()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    runtime.stop()
    return float(peak)


if __name__ == "__main__":
    main()
