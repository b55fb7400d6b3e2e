"""The updates of a step that are checked together: one that is not finite undoes all of it."""

from pathlib import Path
from typing import Any
from unittest import mock

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from emotalk.config.run import TrainConfig
from emotalk.distributed import Engine
from emotalk.training.not_finite import NonFiniteTrainingError
from emotalk.training.trainer import Trainer
from tests.helpers.tiny_training import read_metrics, tiny_config, tiny_shards
from tests.helpers.train_here import trainer_here


@pytest.fixture(scope="module")
def shards(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_shards(tmp_path_factory.mktemp("together") / "shards")


def config_of(shards: Path, folder: Path, *, first: str = "generator") -> TrainConfig:
    """Return a configuration with both updates in every step, one of them first."""
    words = [f"shards={shards}", "stages.emotion.iterations=0", "optim.ema=0.75", "data.frames=4"]
    config = tiny_config(folder, *words, "checkpoint.every=0", "data.batch_size=2")
    gan = config.stages[1]
    updates = sorted(gan.updates, key=lambda update: update.network != first)
    stage = gan.model_copy(update={"updates": tuple(updates)})
    return config.model_copy(update={"stages": (config.stages[0], stage)})


def spoil(engine: Engine) -> Any:
    """Make a gradient of the engine NaN in every backward pass; return the hook."""
    parameter: Any = next(engine.module.parameters())
    return parameter.register_hook(lambda gradient: gradient * torch.nan)


def tensors_of(trainer: Trainer) -> dict[str, Tensor]:
    """Return copies of all weights, moments and averages."""
    assert trainer._components.ema is not None
    found = {f"ema.{n}": v.clone() for n, v in trainer._components.ema.module.named_parameters()}
    for name, engine in trainer._components.networks.engines.items():
        optimizer = engine.read_optimizer()
        values = {**engine.read_weights(), **optimizer.moments}
        found |= {f"{name}.{n}": v.clone() for n, v in values.items()}
        found |= {f"{name}.steps.{n}": torch.tensor(v) for n, v in optimizer.steps.items()}
    return found


@pytest.mark.parametrize("first", ["generator", "discriminators"])
@pytest.mark.parametrize("steps", [0, 1])
def test_a_first_update_that_is_not_finite_leaves_everything_as_it_was_before_its_step(
    shards: Path, tmp_path: Path, first: str, steps: int
) -> None:
    config = config_of(shards, tmp_path, first=first)
    with trainer_here(config) as trainer:
        for _ in range(steps):
            trainer._train_one()
        before = tensors_of(trainer)
        engine = trainer._components.networks.engines[first]
        hook = spoil(engine)
        with pytest.raises(NonFiniteTrainingError, match=f"gradients of the {first} are not"):
            trainer._train_one()
        hook.remove()
        after = tensors_of(trainer)
        averages = trainer._components.ema
    assert averages is not None
    assert averages.updates == steps
    assert after.keys() == before.keys()
    assert [name for name, value in before.items() if not torch.equal(after[name], value)] == []
    saved = config.run_dir / f"checkpoints/step-{steps:06d}"
    for name, value in load_file(saved / f"{first}.safetensors").items():
        assert torch.equal(value, before[f"{first}.{name}"]), name


def test_a_second_update_that_is_not_finite_saves_nothing_of_its_step(
    shards: Path, tmp_path: Path
) -> None:
    config = config_of(shards, tmp_path)
    with trainer_here(config) as trainer:
        trainer._train_one()
        critics = trainer._components.networks.engines["discriminators"]
        before = {name: value.clone() for name, value in critics.read_weights().items()}
        spoil(critics)
        with pytest.raises(NonFiniteTrainingError, match="gradients of the discriminators are not"):
            trainer._train_one()
        assert all(torch.equal(critics.read_weights()[n], value) for n, value in before.items())
        trainer._saver.finish()
    assert not list((config.run_dir / "checkpoints").glob("step-*"))


def test_the_norms_of_both_updates_of_a_step_are_logged(shards: Path, tmp_path: Path) -> None:
    config = config_of(shards, tmp_path)
    norms = []
    plain = Engine.step

    def noted(engine: Engine, *, lr: float, guard: Any) -> float:
        gradients = [p.grad for p in engine.module.parameters() if p.grad is not None]
        norms.append(float(torch.nn.utils.get_total_norm(gradients)))
        return plain(engine, lr=lr, guard=guard)

    with trainer_here(config) as trainer, mock.patch.object(Engine, "step", noted):
        trainer._train_one()
    (line,) = read_metrics(config.run_dir)
    names = ("train/generator/grad_norm", "train/discriminators/grad_norm")
    assert [line[name] for name in names] == norms
