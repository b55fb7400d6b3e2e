"""Every preset rehearsed for a GPU without one: nothing stays on the CPU, cuDNN refuses nothing."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from unittest import mock

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from emotalk.checkpoints.load import LoadedGenerator
from emotalk.config.stages import UpdateConfig
from emotalk.inference import generate
from emotalk.inference.generate import ClipRequest, generate_blocks, generate_clips
from emotalk.media.sound_source import SoundInMemory
from emotalk.models import Generator
from emotalk.models.ema import Ema
from emotalk.runs.facts import model_facts
from emotalk.schema import SAMPLES_PER_FRAME, SIZE, Bytes
from emotalk.training.global_mean import GlobalMean
from emotalk.training.step_guard import StepGuard
from emotalk.training.steps import discriminator_step, generator_step
from emotalk.training.trainer import Trainer
from tests.helpers.cudnn_rules import CudnnRefusal, cudnn_rules
from tests.helpers.meta_device import (
    META,
    LeftOnTheCpuError,
    OneDevice,
    inputs_on_meta,
    loaded_batch,
    networks_on_meta,
    on_meta,
)
from tests.helpers.presets import PRESETS, full_preset, small_preset, train_past_a_resume
from tests.helpers.tiny_training import tiny_shards
from tests.helpers.train_here import trainer_here

# The device has no random numbers and no autocast of its own.
FOR_META = (
    "data.frames=2",
    "data.batch_size=2",
    "data.speech_margin_frames=1",
    "augment.video.noise.p=0",
    "runtime.precision=fp32",
    "optim.ema=0.9",
)
HOST_READS = 1  # of an update: its gradients' norm, before the weights are touched


@pytest.fixture(scope="module")
def shards(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_shards(tmp_path_factory.mktemp("rehearsal") / "shards")


@pytest.mark.parametrize("preset", PRESETS)
def test_every_update_of_a_preset_leaves_nothing_on_the_cpu(preset: str) -> None:
    """Inputs, forward pass, losses, backward pass, optimiser and running average, at full width."""
    config = full_preset(preset, *FOR_META)
    mean = GlobalMean(config.data.batch_size, processes=1)
    with networks_on_meta(config) as networks:
        generator = networks.generator.module
        assert isinstance(generator, Generator)
        average = Ema(generator, decay=config.optim.ema, warmup=True)
        maker = inputs_on_meta(config, generator.noise_features)
        for stage in config.stages:
            for update in stage.updates:
                with OneDevice():
                    clips = maker.micro_batches(loaded_batch(config))
                with OneDevice() as device:
                    if update.network == "generator":
                        report = generator_step(clips, networks, update, mean, update.lr)
                        average.update(generator)
                    else:
                        report = discriminator_step(clips, networks, update, mean, update.lr)
                assert on_meta(iter(report.sums.values()))
                assert device.reads == HOST_READS, f"stage {stage.name}, {update.network}"
        moments = networks.generator.read_optimizer().moments
        assert moments
        assert on_meta(iter(moments.values()))


def test_a_step_that_updates_both_networks_reads_the_device_once() -> None:
    config = full_preset("demo", *FOR_META, "model.width=0.05")
    mean = GlobalMean(config.data.batch_size, processes=1)
    updates: dict[str, UpdateConfig] = {u.network: u for u in config.stages[-1].updates}
    with networks_on_meta(config) as networks:
        generator = networks.generator.module
        assert isinstance(generator, Generator)
        with OneDevice():
            clips = inputs_on_meta(config, generator.noise_features).micro_batches(
                loaded_batch(config)
            )
        guard = StepGuard(deferred=1)
        for network, step, reads in (
            ("generator", generator_step, 0),
            ("discriminators", discriminator_step, HOST_READS),
        ):
            update = updates[network]
            with OneDevice() as device:
                step(clips, networks, update, mean, update.lr, guard)
            assert device.reads == reads, network
        assert guard.is_read


def test_a_draw_that_stays_on_the_cpu_is_found() -> None:
    """The rehearsal itself: the noise is drawn on the CPU, and this time left there."""
    config = full_preset("paper", *FOR_META, "model.width=0.02")
    update = config.stages[0].updates[0]
    with networks_on_meta(config) as networks:
        generator = networks.generator.module
        assert isinstance(generator, Generator)
        maker = inputs_on_meta(config, generator.noise_features)
        with OneDevice():
            (clips,) = maker.micro_batches(loaded_batch(config))
        left = replace(clips, noise_BTD=torch.zeros(clips.noise_BTD.shape))
        with OneDevice(), pytest.raises(RuntimeError, match="found input tensor at cpu"):
            generator_step([left], networks, update, GlobalMean(2, 1), update.lr)
    with OneDevice(), pytest.raises(LeftOnTheCpuError, match="index_select"):
        torch.index_select(torch.zeros(3, device=META), 0, torch.tensor([1]))


@pytest.mark.parametrize("preset", ["paper", "eskimez2021"])
def test_generation_leaves_nothing_on_the_cpu(preset: str) -> None:
    """What validation, `emotalk generate` and `emotalk evaluate` run."""
    config = full_preset(preset)
    facts = model_facts(config)
    with torch.device(META):
        generator = Generator(
            **config.model.generator_arguments(len(facts.emotions)), check_values=False
        ).eval()
    loaded = LoadedGenerator(generator, config.model, facts, Path())
    clip = ClipRequest(
        np.zeros((3, SIZE, SIZE), np.uint8),
        np.zeros(7 * SAMPLES_PER_FRAME, np.float32),
        np.zeros(len(facts.emotions), np.float32),
    )

    def to_host(video_TCHW: Tensor) -> Bytes:
        assert video_TCHW.is_meta
        return np.zeros((len(video_TCHW), SIZE, SIZE, 3), np.uint8)

    with mock.patch.object(generate, "_as_images", to_host), OneDevice():
        (whole,) = generate_clips(loaded, [clip])
        blocks = list(
            generate_blocks(
                loaded, clip.condition_CHW, SoundInMemory(clip.speech_S), clip.emotion, seconds=0.1
            )
        )
    assert len(whole) == sum(map(len, blocks)) == 7


@contextmanager
def in_evaluation_mode_since_validation() -> Iterator[None]:
    """Put the trainer's old fault back: validation leaves the generator in evaluation mode."""
    validate = Trainer._validate

    def left(trainer: Trainer) -> None:
        validate(trainer)
        trainer._components.networks.generator.module.eval()

    with mock.patch.object(Trainer, "_validate", left):
        yield


@pytest.mark.parametrize(
    ("preset", "words"),
    [
        *(pytest.param(name, ("optim.ema=0",), id=f"{name} without average") for name in PRESETS),
        pytest.param("demo", ("optim.ema=0.9",), id="demo with average"),
    ],
)
def test_cudnn_would_train_a_preset_past_its_validations_and_a_resume(
    preset: str, words: tuple[str, ...], shards: Path, tmp_path: Path
) -> None:
    config = small_preset(preset, shards, tmp_path / "run", *words)
    with cudnn_rules() as seen:
        train_past_a_resume(config)
    assert seen.backward > 0


def test_the_rehearsal_finds_a_validation_that_leaves_its_mode_behind(
    shards: Path, tmp_path: Path
) -> None:
    config = small_preset("paper", shards, tmp_path / "run", "optim.ema=0")
    with in_evaluation_mode_since_validation(), cudnn_rules(), trainer_here(config) as trainer:
        with pytest.raises(CudnnRefusal, match="can only be called in training mode"):
            trainer.run()
        assert trainer.state.step == 2, "the first validation was after step 2"


@pytest.mark.parametrize("layer", [nn.LSTM, nn.GRU, nn.RNN])
def test_the_guard_refuses_what_cudnn_refuses_and_nothing_else(
    layer: Callable[..., nn.Module],
) -> None:
    network = layer(3, 4, batch_first=True)
    x = torch.randn(2, 5, 3, requires_grad=True)
    with cudnn_rules() as seen:
        torch.autograd.backward(network(x)[0].sum())
        assert seen.backward == 1
        (slope,) = torch.autograd.grad(network(x)[0].square().sum(), x, create_graph=True)
        with pytest.raises(RuntimeError, match="differentiate twice"):
            torch.autograd.backward(slope.square().sum())
        network.eval()
        with torch.no_grad():
            network(x)
        with pytest.raises(CudnnRefusal):
            torch.autograd.backward(network(x)[0].sum())
        packed = nn.utils.rnn.pack_padded_sequence(x, torch.tensor([5, 3]), batch_first=True)
        with pytest.raises(CudnnRefusal):
            torch.autograd.backward(network(packed)[0].data.sum())
    torch.autograd.backward(network(x)[0].sum())  # a CPU does not mind
