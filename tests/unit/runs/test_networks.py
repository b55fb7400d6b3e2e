"""Networks and engines are built as the configuration says."""

from pathlib import Path
from unittest import mock

import pytest
import torch
from torch import Tensor, nn

from emotalk.config.run import TrainConfig
from emotalk.errors import WrongUse
from emotalk.models import Generator
from emotalk.runs.networks import build_modules, engine_names, refuse_sharded_generator
from tests.helpers.tiny_training import tiny_config, tiny_shards
from tests.helpers.train_here import trainer_here


def config_of(folder: Path, *overrides: str) -> TrainConfig:
    return tiny_config(folder, "stages.gan.iterations=1", *overrides)


def test_weights_depend_on_the_seed_alone(tmp_path: Path) -> None:
    def weights(*overrides: str) -> list[torch.Tensor]:
        torch.manual_seed(1234)
        generator, critics = build_modules(config_of(tmp_path, *overrides))
        assert critics is not None
        return [p for module in (generator, critics) for p in module.parameters()]

    one = weights("seed=5")
    torch.rand(3)
    again = weights("seed=5", "data.batch_size=8")
    other = weights("seed=6")
    assert all(torch.equal(a, b) for a, b in zip(one, again, strict=True))
    assert any(not torch.equal(a, b) for a, b in zip(one, other, strict=True))
    count = len(list(build_modules(config_of(tmp_path))[0].parameters()))
    larger = weights("seed=5", "model.generator.auxiliary_emotion=true")[-(len(one) - count) :]
    assert all(torch.equal(a, b) for a, b in zip(one[count:], larger, strict=True)), (
        "the discriminators' do not depend on what the generator has drawn before"
    )


def test_only_what_a_stage_asks_for_is_built(tmp_path: Path) -> None:
    config = config_of(tmp_path)
    assert engine_names(config) == ["generator", "discriminators"]
    plain = [{"name": "g", "iterations": 1, "updates": [
        {"network": "generator", "lr": 1e-3, "losses": {"l1": 1}}]}]  # fmt: skip
    alone = TrainConfig.model_validate({**config.model_dump(), "stages": plain})
    assert engine_names(alone) == ["generator"]
    generator, critics = build_modules(alone)
    assert isinstance(generator, Generator)
    assert critics is None


def test_a_spread_generator_can_be_neither_averaged_nor_validated(tmp_path: Path) -> None:
    average = tiny_config(tmp_path, "optim.ema=0.9")
    validated = tiny_config(tmp_path, "optim.ema=0", "validation.clips=1")
    neither = tiny_config(tmp_path, "optim.ema=0")
    for config in (average, validated):
        with pytest.raises(WrongUse, match="is ZeRO stage 3"):
            refuse_sharded_generator(config, {"generator": 3})
        for stage in (None, 0, 1, 2):
            refuse_sharded_generator(config, {"generator": stage})
    refuse_sharded_generator(neither, {"generator": 3})


@pytest.mark.parametrize("scheme", ["xavier", "he"])
def test_both_networks_begin_as_the_configuration_says(tmp_path: Path, scheme: str) -> None:
    """Uniform within sqrt(6 / (in + out)), or within sqrt(6 / (1 + 0.2^2) / in)."""
    generator, critics = build_modules(config_of(tmp_path, f"optim.init={scheme}"))
    assert critics is not None
    for network in (generator, critics):
        layers = [m for m in network.modules() if isinstance(m, nn.Linear | nn.Conv1d | nn.Conv2d)]
        assert layers
        for layer in layers:
            size = layer.weight[0, 0].numel()
            fan_out, fan_in = layer.weight.shape[0] * size, layer.weight.shape[1] * size
            wide = 6 / (fan_in + fan_out) if scheme == "xavier" else 6 / 1.04 / fan_in
            weight = layer.weight.detach()
            assert float(weight.abs().max()) <= wide**0.5
            if weight.numel() > 200:
                spread = float(weight.square().mean())
                assert spread == pytest.approx(wide / 3, rel=0.25)
            assert layer.bias is None or not layer.bias.any()


def test_the_runtimes_settings_reach_both_networks(tmp_path: Path) -> None:
    tiny_shards(tmp_path / "shards")
    words = ["runtime.precision=bf16", "runtime.channels_last=true", "runtime.compile=true"]
    with (
        mock.patch.object(nn.Module, "compile", autospec=True) as compiled,
        trainer_here(config_of(tmp_path, *words)) as trainer,
    ):
        networks = trainer._components.networks
        assert networks.discriminators is not None
        both = [networks.generator.module, networks.discriminators.module]
        assert [call.args[0] for call in compiled.call_args_list] == both
        for network in both:
            kernels = [p for p in network.parameters() if p.dim() == 4]
            assert all(k.is_contiguous(memory_format=torch.channels_last) for k in kernels)
        with networks.autocast():
            product: Tensor = torch.ones(2, 2) @ torch.ones(2, 2)
            assert product.dtype == torch.bfloat16
