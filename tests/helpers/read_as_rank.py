"""Read batches as one rank and write down their clips; the launchers under test start it.

torchrun --nproc-per-node 2 -m tests.helpers.read_as_rank SHARDS OUT --steps 5
"""

import argparse
import hashlib
import itertools
import json
import os
from pathlib import Path
from typing import Any

import torch

from emotalk.config.data import DataConfig
from emotalk.config.runtime import RuntimeConfig
from emotalk.data.batch import ClipBatch
from emotalk.data.loader import ClipLoader, build_loader
from emotalk.distributed.runtime import Runtime
from emotalk.schema import EMOTIONS
from emotalk.shards.shard_set import ShardSet

CONFIG = {"batch_size": 4, "frames": 10, "speech_margin_frames": 2, "other_speech": True}
SEED = 11


def loader_of(shards: str, *, rank: int, world_size: int, start: int, **more: Any) -> ClipLoader:
    """Return the loader that every rank of these tests builds."""
    config = DataConfig.model_validate({**CONFIG, **more})
    return build_loader(
        config, ShardSet.open(shards), "train", SEED, EMOTIONS,
        rank=rank, world_size=world_size, start_step=start,
    )  # fmt: skip


def rows_of(batch: ClipBatch) -> list[dict[str, Any]]:
    """Return key, place, validity and a checksum of everything else, for each row."""
    tensors = [part for part in batch if isinstance(part, torch.Tensor)]
    return [
        {
            "key": batch.keys[row],
            "place": batch.places[row],
            "valid": bool(batch.valid_B[row]),
            "sha256": hashlib.sha256(b"".join(t[row].numpy().tobytes() for t in tensors))
            .hexdigest(),
        }
        for row in range(len(batch.keys))
    ]  # fmt: skip


def main() -> None:
    """Read, and add up the valid clips over all ranks after each step, as a training step does."""
    options = _options()
    config = RuntimeConfig.model_validate(
        {
            "processes": int(os.environ["WORLD_SIZE"]),
            "engine": options.engine,
            "device": "cpu",
            "threads": 1,
        }
    )
    runtime = Runtime.start(config, ("generator", "discriminators"))
    loader = loader_of(
        options.shards,
        rank=runtime.rank,
        world_size=runtime.world_size,
        start=options.start,
        workers=options.workers,
        on_fault=options.on_fault,
    )
    steps = []
    for batch in itertools.islice(iter(loader), options.steps):
        valid = int(runtime.sum(batch.valid_B.sum()))
        steps.append({"rows": rows_of(batch), "valid": valid})
    told = {"steps": steps, "faults": sum(loader.faults.values())}
    (options.out / f"rank-{runtime.rank}.json").write_text(json.dumps(told))
    runtime.stop()


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("shards")
    parser.add_argument("out", type=Path)
    parser.add_argument("--steps", type=int, required=True)
    parser.add_argument("--start", type=int, default=0)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--on-fault", default="raise")
    parser.add_argument("--engine", default="ddp")
    return parser.parse_args()


if __name__ == "__main__":
    main()
