"""Workers start only where their batches fit into the memory that processes share."""

from collections.abc import Callable
from pathlib import Path

import pytest
from torch import Tensor

from emotalk.config.data import DataConfig
from emotalk.data import shared_memory as module
from emotalk.data.loader import build_loader
from emotalk.data.shared_memory import MIB, Room, check_room
from emotalk.errors import WrongUse
from emotalk.schema import EMOTIONS
from emotalk.shards.shard_set import ShardSet
from tests.helpers.shard_set import made_clips, write_shard_set


def room(free: float, total: float) -> Callable[[], Room]:
    return lambda: Room(int(free * MIB), int(total * MIB))


def test_workers_whose_batches_do_not_fit_are_refused_before_they_start(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # 2 workers x 3 batches and the one in use, 10 MiB each: 70 MiB
    monkeypatch.setattr(module, "shared_memory", room(70, 100))
    check_room(2, 3, 10 * MIB)
    monkeypatch.setattr(module, "shared_memory", room(69.9, 100))
    with pytest.raises(WrongUse, match=r"7 batches of 10.0 MiB.*70.0 MiB.*69.9 MiB free"):
        check_room(2, 3, 10 * MIB)
    check_room(0, 3, 10 * MIB)
    monkeypatch.setattr(module, "shared_memory", lambda: None)
    check_room(2, 3, 10 * MIB)


def test_a_loader_asks_for_the_room_of_its_own_batches(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shard_set = ShardSet.open(str(write_shard_set(tmp_path, [("train", made_clips(4))])))
    config = DataConfig(workers=1, batch_size=2, frames=8)
    loader = build_loader(config, shard_set, "train", 3, EMOTIONS)
    here = config.model_copy(update={"workers": 0})
    batch = next(iter(build_loader(here, shard_set, "train", 3, EMOTIONS)))
    size = sum(part.nbytes for part in batch if isinstance(part, Tensor))
    assert loader.batches.bytes == size
    monkeypatch.setattr(module, "shared_memory", room((3 * size - 1) / MIB, 100))
    with pytest.raises(WrongUse, match=r"data\.workers=1 with data\.prefetch=2"):
        iter(loader)
