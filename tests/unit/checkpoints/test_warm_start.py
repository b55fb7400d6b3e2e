"""A run begins with another's weights: all that both have, nothing of other sizes."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from emotalk.checkpoints.format import write_model
from emotalk.checkpoints.warm_start import start_from
from emotalk.config.run import TrainConfig
from emotalk.distributed import Runtime
from emotalk.errors import WrongUse
from emotalk.runs.facts import model_facts
from emotalk.runs.networks import build_networks
from emotalk.training.networks import Networks
from tests.helpers.tiny_training import tiny_config
from tests.helpers.train_here import runtime_here

NAME = "discriminators.safetensors"


@pytest.fixture
def config(tmp_path: Path) -> TrainConfig:
    return tiny_config(tmp_path)


@pytest.fixture
def runtime(config: TrainConfig) -> Iterator[Runtime]:
    with runtime_here(config) as started:
        yield started


@pytest.fixture
def networks(config: TrainConfig, runtime: Runtime) -> Networks:
    return build_networks(config, runtime)


def numbers(state: dict[str, Tensor], value: float) -> dict[str, Tensor]:
    return {name: torch.full_like(tensor, value) for name, tensor in state.items()}


def write_source(
    folder: Path, config: TrainConfig, networks: Networks, *, average: bool = False
) -> Path:
    """Write a model whose weights are all 2, its average's 3, its discriminators' 4."""
    assert networks.discriminators is not None
    weights = networks.generator.read_weights()
    ema = numbers(weights, 3.0) if average else None
    write_model(folder, numbers(weights, 2.0), config.model, model_facts(config), ema)
    save_file(numbers(networks.discriminators.read_weights(), 4.0), folder / NAME)
    return folder


def values(state: dict[str, Tensor]) -> set[float]:
    return {value for tensor in state.values() for value in tensor.flatten().tolist()}


@pytest.mark.parametrize(("average", "expected"), [(False, 2.0), (True, 3.0)])
def test_both_networks_begin_with_the_weights_there_the_average_where_there_is_one(
    average: bool,
    expected: float,
    config: TrainConfig,
    networks: Networks,
    runtime: Runtime,
    tmp_path: Path,
) -> None:
    source = write_source(tmp_path / "m", config, networks, average=average)
    start_from(source, networks.engines, runtime)
    assert values(networks.generator.read_weights()) == {expected}
    assert networks.discriminators is not None
    assert values(networks.discriminators.read_weights()) == {4.0}
    assert networks.generator.read_optimizer().steps == {}


def test_discriminators_that_only_one_side_has_are_left_alone(
    config: TrainConfig, networks: Networks, runtime: Runtime, tmp_path: Path
) -> None:
    source = write_source(tmp_path / "m", config, networks)
    given = load_file(source / NAME)
    few = {name: value for name, value in given.items() if not name.startswith("temporal.")}
    save_file({**few, "of_others.weight": torch.ones(2)}, source / NAME)
    assert networks.discriminators is not None
    before = networks.discriminators.read_weights()
    start_from(source, networks.engines, runtime)
    after = networks.discriminators.read_weights()
    for name, value in after.items():
        if name.startswith("temporal."):
            assert torch.equal(value, before[name]), name
        else:
            assert values({name: value}) == {4.0}, name


@pytest.mark.parametrize("there", [False, True])
def test_heads_that_only_one_side_has_are_left_alone(there: bool, tmp_path: Path) -> None:
    """They are for training alone: a new one begins untrained, one too many is not read."""
    with_head = tiny_config(tmp_path, "model.generator.auxiliary_mouth=true")
    without = tiny_config(tmp_path)
    source_config, config = (with_head, without) if there else (without, with_head)
    with runtime_here(source_config) as runtime:
        networks = build_networks(source_config, runtime)
        source = write_source(tmp_path / "m", source_config, networks)
    with runtime_here(config) as runtime:
        networks = build_networks(config, runtime)
        before = networks.generator.read_weights()
        start_from(source, networks.engines, runtime)
        after = networks.generator.read_weights()
    heads = {name for name in after if name.startswith("speech_mouth.")}
    assert bool(heads) is not there
    assert all(torch.equal(after[name], before[name]) for name in heads)
    assert values({name: value for name, value in after.items() if name not in heads}) == {2.0}


def test_a_model_without_discriminators_is_a_start_of_the_generator(
    config: TrainConfig, networks: Networks, runtime: Runtime, tmp_path: Path
) -> None:
    source = write_source(tmp_path / "m", config, networks)
    (source / NAME).unlink()
    assert networks.discriminators is not None
    before = networks.discriminators.read_weights()
    start_from(source, networks.engines, runtime)
    assert values(networks.generator.read_weights()) == {2.0}
    after = networks.discriminators.read_weights()
    assert all(torch.equal(after[name], before[name]) for name in before)


def test_other_sizes_are_refused_by_tensor_and_change_nothing(
    config: TrainConfig, networks: Networks, runtime: Runtime, tmp_path: Path
) -> None:
    source = write_source(tmp_path / "m", config, networks)
    given = load_file(source / NAME)
    given["frame.out.2.bias"] = torch.zeros(2)
    save_file(given, source / NAME)
    before = networks.generator.read_weights()
    with pytest.raises(WrongUse, match=r"frame\.out\.2\.bias has shape \(2,\), expected \(1,\)"):
        start_from(source, networks.engines, runtime)
    after = networks.generator.read_weights()
    assert all(torch.equal(after[name], before[name]) for name in before)


def test_a_file_that_holds_no_tensors_is_refused(
    config: TrainConfig, networks: Networks, runtime: Runtime, tmp_path: Path
) -> None:
    source = write_source(tmp_path / "m", config, networks)
    (source / NAME).write_bytes(b"\x80\x04pickle")
    with pytest.raises(WrongUse, match="not readable"):
        start_from(source, networks.engines, runtime)
    with pytest.raises(WrongUse):
        start_from(tmp_path / "nowhere", networks.engines, runtime)
