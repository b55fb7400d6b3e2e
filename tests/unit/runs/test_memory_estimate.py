"""Sizes found without content are those of the networks with it."""

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from emotalk.config.run import TrainConfig
from emotalk.runs.facts import model_facts
from emotalk.runs.memory_estimate import Kept, shadow_run
from emotalk.runs.networks import build_modules
from tests.helpers.meta_device import loaded_batch
from tests.helpers.tiny_training import tiny_config

EMOTION_ALONE = (
    "stages=[{name: emotion, iterations: 1, updates: "
    "[{network: discriminators, lr: 0.1, losses: {emotion_real: 1}}]}]"
)
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
    shadow = shadow_run(config, model_facts(config))
    generator, critics = build_modules(config)
    assert critics is not None
    expected = {"generator": size(generator)}
    expected |= {name: size(module) for name, module in critics.named_children()}
    assert shadow.parameters == expected
    assert shadow.features == 0


def test_what_is_kept_is_what_autograd_keeps_of_the_real_networks(tmp_path: Path) -> None:
    """The emotion discriminator on one batch, with content."""
    config = tiny_config(tmp_path, EMOTION_ALONE)
    shadow = shadow_run(config, model_facts(config))
    _, critics = build_modules(config)
    assert critics is not None
    own = {p.untyped_storage().data_ptr() for p in critics.parameters()}
    kept: dict[int, int] = {}
    alive = []

    def pack(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in own:
            kept[storage.data_ptr()] = storage.nbytes()
            alive.append(tensor)
        return tensor

    video = loaded_batch(config).video_BTCHW.float()
    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        critics.get_submodule("emotion")(video)
    assert shadow.activations["discriminators"] == pytest.approx(sum(kept.values()), rel=0.15)


def test_a_run_without_discriminators_has_the_generator_alone(tmp_path: Path) -> None:
    config = tiny_config(tmp_path, L1_ALONE)
    shadow = shadow_run(config, model_facts(config))
    assert set(shadow.parameters) == {"generator"}
    assert set(shadow.activations) == {"generator"}
    assert shadow.activations["generator"] > 0


def test_micro_batches_halve_what_is_kept(config: TrainConfig, tmp_path: Path) -> None:
    whole = shadow_run(config, model_facts(config)).activations
    halves = tiny_config(tmp_path, "runtime.accumulate=2")
    half = shadow_run(halves, model_facts(halves)).activations
    for name, kept in whole.items():
        assert half[name] == pytest.approx(kept / 2, rel=0.02)


def test_the_features_of_the_perceptual_loss_are_counted(tmp_path: Path) -> None:
    words = ["losses.perceptual.network=random", "stages.gan.updates.0.losses.perceptual=1"]
    config = tiny_config(tmp_path, *words)
    shadow = shadow_run(config, model_facts(config))
    assert shadow.features == 20_024_384, "VGG-19's convolutions"
    few = tiny_config(tmp_path, *words, "losses.perceptual.frames=0.25")
    fewer = shadow_run(few, model_facts(few)).activations["generator"]
    assert fewer < shadow.activations["generator"]


def test_every_update_asks_its_discriminators_and_leaves_their_flags(tmp_path: Path) -> None:
    """The generator's stage and the discriminators' are both counted, whatever came before."""
    config = tiny_config(tmp_path)
    turned = config.model_copy(update={"stages": tuple(reversed(config.stages))})
    assert shadow_run(turned, model_facts(turned)) == shadow_run(config, model_facts(config))


def test_each_storage_is_counted_once_and_the_networks_own_not() -> None:
    linear = nn.Linear(8, 8, bias=False)
    x = torch.zeros(4, 8, requires_grad=True)
    # The product keeps x and the weight; the square keeps the product; the sum nothing.
    assert Kept((linear,)).bytes_of(lambda: linear(x).square().sum()) == 2 * 4 * 8 * 4
    assert Kept((linear, None)).bytes_of(lambda: x.detach() * 2) == 0
