"""From a configuration to the parts of a run: each value reaches the part that needs it."""

import hashlib
import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast
from unittest import mock

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from emotalk.augment.batch import BatchAugment
from emotalk.config.run import TrainConfig
from emotalk.data.batch import ClipBatch, to_unit
from emotalk.errors import WrongUse
from emotalk.models import Generator
from emotalk.runs import build as module
from emotalk.runs.build import (
    build_modules,
    build_train_loader,
    engine_names,
    model_facts,
    refuse_beside_zero,
    refuse_missing_shards,
    unknown_intensities,
)
from emotalk.schema import EMOTIONS
from emotalk.shards.shard_set import ShardSet
from emotalk.tracking.console import Console
from emotalk.tracking.jsonl import JsonLines
from emotalk.tracking.mlflow import MlflowTracker
from tests.helpers.tiny_training import tiny_config, tiny_shards
from tests.helpers.train_here import train_here, trainer_here

L1_ALONE = (
    "stages=[{name: first, iterations: 1, updates: "
    "[{network: generator, lr: 0.1, losses: {l1: 1}}]}]"
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with shards and a run of two steps."""
    folder = tmp_path_factory.mktemp("build")
    tiny_shards(folder / "shards")
    train_here(config_of(folder))
    return folder


def config_of(folder: Path, *overrides: str) -> TrainConfig:
    return tiny_config(folder, "stages.gan.iterations=1", *overrides)


def test_a_run_that_goes_on_stands_at_its_checkpoint_in_every_part(folder: Path) -> None:
    with trainer_here(config_of(folder)) as trainer:
        parts = trainer._parts
        assert trainer.state.step == parts.loader.start_step == 2
        assert trainer.state.shards
        assert parts.ema is not None
        assert parts.ema.updates == 1
        assert parts.facts.data is not None
        manifest = (folder / "shards/manifest.json").read_bytes()
        assert parts.facts.data.manifest_sha256 == hashlib.sha256(manifest).hexdigest()


def test_the_loader_hears_that_the_training_was_asked_to_stop(folder: Path) -> None:
    stop = threading.Event()
    with trainer_here(config_of(folder), stop.is_set) as trainer:
        assert not trainer._parts.loader.asked_to_stop()
        stop.set()
        assert trainer._parts.loader.asked_to_stop()


def test_without_a_decay_no_average_is_kept_and_without_clips_nothing_is_validated(
    tmp_path: Path,
) -> None:
    tiny_shards(tmp_path / "shards")
    with trainer_here(config_of(tmp_path, "optim.ema=0", "validation.clips=0")) as trainer:
        assert trainer._parts.ema is None
        assert trainer._parts.validation is None


def test_the_trackers_are_those_of_the_configuration(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tiny_shards(tmp_path / "shards")
    mlflow = mock.Mock(spec=MlflowTracker)
    made = mock.Mock(return_value=mlflow)
    monkeypatch.setattr(module, "MlflowTracker", made)
    with trainer_here(config_of(tmp_path)) as trainer:
        told = trainer._parts.tracker._trackers  # type: ignore[attr-defined]
        assert [type(tracker) for tracker in told] == [JsonLines, Console]
        made.assert_not_called()
    words = ["tracking.mlflow.enabled=true", "tracking.mlflow.run_name=first"]
    with trainer_here(config_of(tmp_path, *words)) as trainer:
        told = trainer._parts.tracker._trackers  # type: ignore[attr-defined]
        assert told[2] is mlflow
        mlflow.artifact.assert_called_once_with(tmp_path / "run/config.yaml", "")
        (_, facts, run_dir), named = made.call_args
        assert run_dir == tmp_path / "run"
        assert facts.name == "first"
        assert facts.params["data.batch_size"] == "4"
        assert facts.tags["training_clips"] == "12"
        named["on_run"]("abc")
        assert trainer.state.mlflow_run == "abc", "a checkpoint remembers the run"


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


def test_what_inference_must_repeat_is_what_training_did(tmp_path: Path) -> None:
    facts = model_facts(
        config_of(
            tmp_path, "data.speech_margin_frames=3", "data.speech_level=none",
            "data.condition=neutral", "emotion.use_intensity=true",
        )
    )  # fmt: skip
    assert facts.emotions == EMOTIONS
    assert (facts.speech_margin_frames, facts.speech_level) == (3, "none")
    assert (facts.condition, facts.use_intensity) == ("neutral", True)
    assert len(model_facts(config_of(tmp_path, "emotion.set=mead8")).emotions) == 8


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


def test_shards_that_are_not_there_are_refused_with_the_command_that_makes_them(
    tmp_path: Path,
) -> None:
    with pytest.raises(WrongUse, match=r"no such folder.*etl/shard\.py"):
        refuse_missing_shards(config_of(tmp_path))
    tiny_shards(tmp_path / "shards")
    refuse_missing_shards(config_of(tmp_path))


def test_each_process_validates_its_share_of_the_clips(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two processes: one clip each of two, none twice; all of them are shown."""
    config = config_of(tmp_path, "validation.clips=4")
    shard_set = ShardSet.open(str(tiny_shards(tmp_path / "shards")))
    keys = []
    for rank in range(2):
        runtime = cast(Any, SimpleNamespace(rank=rank, world_size=2))
        part = module._build_validation(config, runtime, shard_set, model_facts(config))
        assert part is not None
        keys.append([clip.key for clip in part.clips])
    assert [len(share) for share in keys] == [2, 2]
    assert sorted(keys[0] + keys[1]) == sorted(s.key for s in shard_set.split("val").samples)


def test_the_loader_reads_other_speech_where_the_pair_discriminator_learns(tmp_path: Path) -> None:
    tiny_shards(tmp_path / "shards")
    pairs = build_train_loader(tiny_config(tmp_path))
    assert pairs.batches.config.other_speech
    assert not build_train_loader(tiny_config(tmp_path, L1_ALONE)).batches.config.other_speech
    intensity = tiny_config(tmp_path, "emotion.use_intensity=true")
    (line,) = unknown_intensities(intensity, pairs)
    assert "3 of 12 clips do not say" in line
    assert unknown_intensities(tiny_config(tmp_path), pairs) == []


def test_a_spread_generator_can_be_neither_averaged_nor_validated(tmp_path: Path) -> None:
    average = tiny_config(tmp_path, "optim.ema=0.9")
    validated = tiny_config(tmp_path, "optim.ema=0", "validation.clips=1")
    neither = tiny_config(tmp_path, "optim.ema=0")
    for config in (average, validated):
        with pytest.raises(WrongUse, match="is ZeRO stage 3"):
            refuse_beside_zero(config, {"generator": 3})
        for stage in (None, 0, 1, 2):
            refuse_beside_zero(config, {"generator": stage})
    refuse_beside_zero(neither, {"generator": 3})


@pytest.mark.parametrize("warmup", [True, False])
def test_the_average_has_the_decay_and_the_warm_up_of_the_configuration(
    folder: Path, warmup: bool
) -> None:
    words = ["optim.ema=0.875", f"optim.ema_warmup={str(warmup).lower()}", f"seed={7 + warmup}"]
    config = config_of(folder, *words).model_copy(update={"run_dir": folder / f"ema-{warmup}"})
    with trainer_here(config) as trainer:
        ema = trainer._parts.ema
        assert ema is not None
        assert (ema.decay, ema.warmup) == (0.875, warmup)


def test_the_average_of_a_run_with_a_start_begins_there_too(folder: Path, tmp_path: Path) -> None:
    """Not at the random weights of before, which would stay in it for thousands of steps."""
    source = folder / "run/checkpoints/step-000002"
    config = config_of(folder, f"start_from={source}", "seed=11", "optim.ema=0.9")
    with trainer_here(config.model_copy(update={"run_dir": tmp_path / "run"})) as trainer:
        assert trainer._parts.ema is not None
        average = trainer._parts.ema.module.state_dict()
        for name, value in load_file(source / "generator_ema.safetensors").items():
            assert torch.equal(average[name], value), name


def test_pictures_are_changed_by_the_draws_of_the_runs_seed(folder: Path, tmp_path: Path) -> None:
    words = ["augment.video.brightness.p=1", "augment.speech.gain.p=1", "seed=5"]
    config = config_of(folder, *words).model_copy(update={"run_dir": tmp_path / "run"})
    with trainer_here(config) as trainer:
        batch = next(iter(trainer._parts.loader))
        (x,) = trainer._parts.inputs.micro_batches(batch, 0)

    def changed(seed: int) -> ClipBatch:
        return BatchAugment(config.augment, seed)(batch)

    assert torch.equal(x.video_BTCHW, to_unit(changed(5).video_BTCHW))
    assert torch.equal(x.speech_BS, changed(5).speech_BS)
    assert not torch.equal(x.video_BTCHW, to_unit(changed(0).video_BTCHW))
    assert not torch.equal(x.video_BTCHW, to_unit(batch.video_BTCHW))


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
        networks = trainer._parts.networks
        assert networks.discriminators is not None
        both = [networks.generator.module, networks.discriminators.module]
        assert [call.args[0] for call in compiled.call_args_list] == both
        for network in both:
            kernels = [p for p in network.parameters() if p.dim() == 4]
            assert all(k.is_contiguous(memory_format=torch.channels_last) for k in kernels)
        with networks.autocast():
            product: Tensor = torch.ones(2, 2) @ torch.ones(2, 2)
            assert product.dtype == torch.bfloat16
