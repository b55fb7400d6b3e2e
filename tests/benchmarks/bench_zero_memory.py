"""Print the memory of one process for each preset with DDP and with ZeRO's stages.

    python -m tests.benchmarks.bench_zero_memory [--processes 8] [--presets paper,crema_d_large]

It is `--dry-run`'s estimate without the copy for a checkpoint and the program itself, which are in
the host's memory. A process has the clips of the preset's own command (`batch_size` divided by its
`runtime.processes`). Stage 3 is the generator's, with the discriminators at stage 2, no running
average and no validation, as it needs them.
"""

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

from emotalk.config.load import load_config, read_tree
from emotalk.config.run import TrainConfig
from emotalk.runs.description import memory_rows
from emotalk.runs.memory_estimate import RunSizes, measure_sizes
from tests.helpers.tiny_training import ROOT

GIB, MILLION = 2**30, 1e6
ON_THE_HOST = ("copy while", "the program")
STAGES: dict[str, dict[str, int | None]] = {
    "DDP": {},
    "ZeRO-0": {"generator": 0, "discriminators": 0},
    "ZeRO-1": {"generator": 1, "discriminators": 1},
    "ZeRO-2": {"generator": 2, "discriminators": 2},
    "ZeRO-3": {"generator": 3, "discriminators": 2},
}


def preset(path: Path, processes: int) -> TrainConfig:
    """Return a preset on `processes` processes, each with as many clips as in its own command."""
    own, tree = ["shards=none", "run_dir=none"], read_tree(path)
    if tree["losses"]["perceptual"]["network"] == "vgg19":
        own.append("losses.perceptual.weights=none")  # a run alone reads the file
    if "sizes_from_start" in tree:
        own.append("sizes_from_start=false")
    clips = load_config(TrainConfig, path, own).clips_a_micro_batch
    words = [f"data.batch_size={clips * processes}", f"runtime.processes={processes}"]
    return load_config(TrainConfig, path, [*own, *words, "runtime.accumulate=1"])


def gib(config: TrainConfig, sizes: RunSizes, stage: str) -> float:
    """Return the GiB of one process on its device."""
    if stage == "ZeRO-3":
        config = config.model_copy(update={"optim": config.optim.model_copy(update={"ema": 0.0})})
    rows = memory_rows(config, sizes, STAGES[stage])
    return sum(size for name, size in rows if not name.startswith(ON_THE_HOST)) / GIB


def lines(presets: list[Path], processes: int) -> Iterator[str]:
    """Yield the lines of a Markdown table."""
    head = f"preset ({processes} processes)", "clips each", "M parameters", "activations", *STAGES
    yield f"| {' | '.join(head)} |"
    yield "|" + " --- |" * len(head)
    for path in presets:
        config = preset(path, processes)
        sizes = measure_sizes(config)
        parameters = sum(sizes.parameters.values()) / MILLION
        figures = " | ".join(f"{gib(config, sizes, stage):.2f}" for stage in STAGES)
        yield (
            f"| `{path.stem}` | {config.clips_a_micro_batch} | {parameters:.1f} | "
            f"{max(sizes.activations.values()) / GIB:.2f} | {figures} |"
        )


def main() -> None:
    """Estimate every preset."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--processes", type=int, default=8)
    parser.add_argument("--presets", default="", help="names, commas between; all if left out")
    options = parser.parse_args()
    files = {path.stem: path for path in sorted((ROOT / "configs" / "train").glob("*.yaml"))}
    names = options.presets.split(",") if options.presets else list(files)
    for line in lines([files[name] for name in names], options.processes):
        sys.stdout.write(f"{line}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
