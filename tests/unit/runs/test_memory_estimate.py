"""Sizes found without content are those of the networks with it."""

import itertools
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import nn

from emotalk.config.run import TrainConfig
from emotalk.config.stages import UpdateConfig
from emotalk.runs import memory_estimate as module
from emotalk.runs.memory_estimate import (
    FakeEngine,
    blank_inputs,
    largest_updates,
    measure_sizes,
)
from emotalk.runs.networks import build_modules
from emotalk.training.global_mean import GlobalMean
from emotalk.training.input_preparation import ClipInputs
from emotalk.training.networks import Networks
from emotalk.training.steps import discriminator_step, generator_step
from tests.helpers.presets import full_preset
from tests.helpers.tiny_training import tiny_config

L1_ALONE = (
    "stages=[{name: first, iterations: 1, updates: "
    "[{network: generator, lr: 0.1, losses: {l1: 1}}]}]"
)


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> TrainConfig:
    return tiny_config(tmp_path_factory.mktemp("memory"))


def size(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def test_parameters_are_those_of_the_networks_a_run_builds(config: TrainConfig) -> None:
    sizes = measure_sizes(config)
    generator, critics = build_modules(config)
    assert critics is not None
    expected = {"generator": size(generator)}
    expected |= {name: size(module) for name, module in critics.named_children()}
    assert sizes.parameters == expected
    assert sizes.features == 0


def allocated_at_most(work: Callable[[], object]) -> int:
    """Return the peak of the bytes that torch's allocator has handed out since the beginning."""
    with torch.profiler.profile(profile_memory=True) as profile:
        work()
    assert profile.profiler is not None
    events = profile.profiler.kineto_results.events()
    changes = sorted((e.start_ns(), e.nbytes()) for e in events if e.name() == "[memory]")
    return int(max(itertools.accumulate(change for _, change in changes)))


def test_the_peak_is_what_the_allocator_measures_in_a_real_step(config: TrainConfig) -> None:
    generator, critics = build_modules(config)
    assert critics is not None
    for parameter in (*generator.parameters(), *critics.parameters()):
        parameter.grad = torch.zeros_like(parameter)  # gradients are not part of the estimate
    networks = Networks(
        FakeEngine("generator", generator), FakeEngine("discriminators", critics), features=None
    )
    mean = GlobalMean(config.data.batch_size, 1)
    of_generator, of_critics = config.stages[-1].updates

    def inputs() -> list[ClipInputs]:
        return [module.blank_inputs(config, generator.noise_features)]

    def generate() -> None:
        generator_step(inputs(), networks, of_generator, mean, 0.0)

    def discriminate() -> None:
        discriminator_step(inputs(), networks, of_critics, mean, 0.0)

    assert measure_sizes(config).activations == {
        "generator": pytest.approx(allocated_at_most(generate), rel=0.15),
        "discriminators": pytest.approx(allocated_at_most(discriminate), rel=0.15),
    }


def test_a_run_without_discriminators_has_the_generator_alone(tmp_path: Path) -> None:
    config = tiny_config(tmp_path, L1_ALONE)
    sizes = measure_sizes(config)
    assert set(sizes.parameters) == {"generator"}
    assert set(sizes.activations) == {"generator"}
    assert sizes.activations["generator"] > 0


def test_micro_batches_halve_what_is_kept(config: TrainConfig, tmp_path: Path) -> None:
    whole = measure_sizes(config).activations
    halves = tiny_config(tmp_path, "runtime.accumulate=2")
    half = measure_sizes(halves).activations
    for name, kept in whole.items():
        assert half[name] == pytest.approx(kept / 2, rel=0.02)


def test_the_features_of_the_perceptual_loss_are_counted(tmp_path: Path) -> None:
    words = ["losses.perceptual.network=random", "stages.gan.updates.0.losses.perceptual=1"]
    config = tiny_config(tmp_path, *words)
    sizes = measure_sizes(config)
    assert sizes.features == 20_024_384, "VGG-19's convolutions"
    few = tiny_config(tmp_path, *words, "losses.perceptual.frames=0.25")
    fewer = measure_sizes(few).activations["generator"]
    assert fewer < sizes.activations["generator"]


def test_every_update_asks_its_discriminators_and_leaves_their_flags(tmp_path: Path) -> None:
    """The generator's stage and the discriminators' are both counted, whatever came before."""
    config = tiny_config(tmp_path)
    turned = config.model_copy(update={"stages": tuple(reversed(config.stages))})
    assert measure_sizes(turned) == measure_sizes(config)


def test_a_run_that_begins_after_other_speech_is_estimated_with_it(tmp_path: Path) -> None:
    alone = blank_inputs(tiny_config(tmp_path), noise_features=4)
    assert alone.preceding is None
    after = blank_inputs(tiny_config(tmp_path, "data.preceding_speech=0.5"), noise_features=4)
    assert after.preceding is not None
    assert after.preceding.speech_BS.shape == after.speech_BS.shape
    assert after.preceding.weight_B.tolist() == [1.0] * len(after.keys)


def update(network: str, **losses: float) -> UpdateConfig:
    return UpdateConfig.model_validate({"network": network, "lr": 0.1, "losses": losses})


def test_an_update_counts_unless_another_one_trains_and_reports_all_its_terms() -> None:
    l1, more = update("generator", l1=1), update("generator", l1=0.5, emotion=0)
    trained = update("generator", l1=0, emotion=1)
    critics = update("discriminators", emotion=1)
    assert largest_updates([l1, more, l1]) == [more]
    assert largest_updates([more, l1]) == [more]
    assert largest_updates([more, trained]) == [more, trained]
    assert largest_updates([trained, critics]) == [trained, critics]
    both = update("generator", l1=1, emotion=1)
    assert largest_updates([l1, trained, more, both]) == [both]


@pytest.mark.parametrize("preset", ["paper", "crema_d_large"])
def test_updates_that_are_left_out_take_no_more_memory(
    preset: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = full_preset(preset, "model.width=0.02", "data.frames=3", "data.batch_size=2")
    few = measure_sizes(config)
    monkeypatch.setattr(module, "largest_updates", list)
    assert measure_sizes(config) == few
