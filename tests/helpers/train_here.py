"""Run the trainer in the test's own process."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from unittest import mock

import torch
from accelerate.state import AcceleratorState, PartialState

from emotalk.config.run import TrainConfig
from emotalk.distributed import Runtime
from emotalk.runs.build import build
from emotalk.runs.folder import open_run_folder
from emotalk.runs.hang import build_watchdog
from emotalk.runs.networks import engine_names
from emotalk.shards.joined_set import open_shards
from emotalk.training.trainer import Trainer


@contextmanager
def runtime_here(config: TrainConfig) -> Iterator[Runtime]:
    """Start the runtime that `train.py` starts; undo in the end what it sets for the process."""
    threads = torch.get_num_threads()
    with mock.patch.dict("os.environ"):
        try:
            yield Runtime.start(config.runtime, engine_names(config))
        finally:
            AcceleratorState._reset_state()
            PartialState._reset_state()
            torch.set_num_threads(threads)
            torch.use_deterministic_algorithms(mode=False)


@contextmanager
def trainer_here(
    config: TrainConfig, stop_requested: Callable[[], bool] = lambda: False
) -> Iterator[Trainer]:
    """Build the trainer that `train.py` builds, at the state its run folder is in."""
    with runtime_here(config) as runtime:
        shard_set = open_shards(config.shards, config.data.remote)
        open_run_folder(config, shard_set)
        yield build(config, shard_set, runtime, stop_requested, build_watchdog(config, rank=0))


def train_here(config: TrainConfig) -> Trainer:
    """Train to the end; return the trainer."""
    with trainer_here(config) as trainer:
        assert trainer.run() == "done"
        trainer.finish("done")
    return trainer
