"""How often a step waits for the device: each read of a tensor's value on the host is one wait."""

import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
import torch

from emotalk.config.run import TrainConfig
from emotalk.training.trainer import Trainer
from tests.helpers.tiny_training import tiny_config, tiny_shards
from tests.helpers.train_here import trainer_here

READS = ("item", "tolist", "__float__", "__int__", "__bool__", "__index__")
STEPS = 6
BATCH = "emotalk.training.trainer._agree"  # counts the valid clips of the loader's own batch
NORM = "emotalk.distributed.update_guard.admit"  # before the last update of a step
SUMS = "emotalk.training.metric_sums.read"


@contextmanager
def reads() -> Iterator[list[str]]:
    """Note the module and function of ours of every read."""
    found: list[str] = []

    def noted(plain: Callable[..., Any]) -> Callable[..., Any]:
        def read(tensor: torch.Tensor, *args: Any) -> Any:
            caller = sys._getframe(1)
            module = str(caller.f_globals["__name__"])
            if module.startswith("emotalk."):
                found.append(f"{module}.{caller.f_code.co_name}")
            return plain(tensor, *args)

        return read

    with ExitStack() as stack:
        for name in READS:
            plain = getattr(torch.Tensor, name)
            stack.enter_context(mock.patch.object(torch.Tensor, name, noted(plain)))
        yield found


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> TrainConfig:
    folder = tmp_path_factory.mktemp("reads")
    tiny_shards(folder / "shards")
    return tiny_config(
        folder,
        "stages.emotion.iterations=0",
        f"stages.gan.iterations={STEPS}",
        "stages.gan.updates.0.every=2",
        "stages.gan.updates.1.every=2",
        "stages.gan.updates.1.offset=1",
        "tracking.log_every=4",
        "checkpoint.every=0",
    )


def of_each_step(trainer: Trainer) -> list[list[str]]:
    found = []
    for _ in range(STEPS):
        with reads() as seen:
            assert not trainer._train_one()
        found.append(seen)
    return found


def test_a_step_reads_one_number_unless_a_line_or_a_checkpoint_is_due(
    config: TrainConfig,
) -> None:
    """The fourth step is logged; the last one is logged and saved."""
    with trainer_here(config) as trainer:
        *most, last = of_each_step(trainer)
        trainer._saver.finish()
    plain = [BATCH, NORM]
    assert most == [plain, plain, plain, [*plain, SUMS], plain]
    assert last[:3] == [*plain, SUMS]
    assert set(last[3:]) <= {"emotalk.distributed.full_state._read_plain"}


def test_two_updates_of_a_step_are_read_together(config: TrainConfig, tmp_path: Path) -> None:
    stage = config.stages[1].model_copy(
        update={
            "updates": tuple(
                update.model_copy(update={"every": 1, "offset": 0})
                for update in config.stages[1].updates
            )
        }
    )
    both = config.model_copy(
        update={"run_dir": tmp_path / "run", "stages": (config.stages[0], stage)}
    )
    with trainer_here(both) as trainer, reads() as seen:
        trainer._train_one()
    assert seen == [BATCH, NORM]
