"""Build the loader of a made-up shard set, in this process unless said otherwise."""

import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from emotalk.config.data import DataConfig
from emotalk.config.shards import ShardSource
from emotalk.data.batch import ClipBatch
from emotalk.data.loader import ClipLoader, build_loader
from emotalk.schema import EMOTIONS
from emotalk.shards.joined_set import open_shards


def loader_of(
    folder: Path | Sequence[ShardSource], split: str = "train", **options: Any
) -> ClipLoader:
    """Return the loader of a shard set, or of several."""
    ranks = {name: options.pop(name) for name in ("rank", "world_size") if name in options}
    start = options.pop("start_step", 0)
    config = DataConfig(**{"workers": 0, "batch_size": 4, "frames": 8, **options})
    shards = str(folder) if isinstance(folder, Path) else folder
    shard_set = open_shards(shards, config.remote)
    return build_loader(config, shard_set, split, 3, EMOTIONS, start_step=start, **ranks)


def taken(loader: ClipLoader, steps: int) -> list[ClipBatch]:
    """Return the first batches."""
    return list(itertools.islice(iter(loader), steps))
