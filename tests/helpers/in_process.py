"""A training in the test's own process, which imports torch once."""

from collections.abc import Iterator
from contextlib import contextmanager

from accelerate.state import AcceleratorState, PartialState

from emotalk.config.run import TrainConfig
from emotalk.distributed import Runtime
from emotalk.training.build import build, engine_names
from emotalk.training.preemption import Preemption
from emotalk.training.run_folder import open_run_folder
from emotalk.training.trainer import Trainer


@contextmanager
def trainer_of(config: TrainConfig) -> Iterator[Trainer]:
    """Yield the trainer that `train.py` would run for `config`, brought to where its run stands."""
    runtime = Runtime.start(config.runtime, engine_names(config))
    try:
        open_run_folder(config)
        yield build(config, runtime, Preemption())
    finally:
        AcceleratorState._reset_state()
        PartialState._reset_state()


def train_here(config: TrainConfig) -> Trainer:
    """Train to the end and return the trainer."""
    with trainer_of(config) as trainer:
        assert trainer.run() == "done"
        trainer.finish("done")
    return trainer
