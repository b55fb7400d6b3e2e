"""From a configuration to the parts of a run: each value reaches the part that needs it."""

import hashlib
import threading
from collections import Counter
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from emotalk.augment.batch import BatchAugment
from emotalk.config.run import TrainConfig
from emotalk.data.batch import ClipBatch, to_unit
from emotalk.shards.storage import DiskStorage
from tests.helpers.tiny_training import tiny_config, tiny_shards
from tests.helpers.train_here import train_here, trainer_here


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
        components = trainer._components
        assert trainer.state.step == components.loader.start_step == 2
        assert trainer.state.shards
        assert components.ema is not None
        assert components.ema.updates == 1
        assert components.facts.data is not None
        manifest = (folder / "shards/manifest.json").read_bytes()
        assert components.facts.data.manifest_sha256 == hashlib.sha256(manifest).hexdigest()


def test_a_training_start_opens_its_shard_set_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[str] = []
    read_file = DiskStorage.read_file

    def counted(storage: DiskStorage, name: str) -> bytes:
        opened.append(name)
        return read_file(storage, name)

    tiny_shards(tmp_path / "shards")
    monkeypatch.setattr(DiskStorage, "read_file", counted)
    with trainer_here(config_of(tmp_path, "validation.clips=2")) as trainer:
        assert trainer._components.validation is not None
    assert opened.count("manifest.json") == 1
    assert all(opened.count(name) == 1 for name in opened), "each index is read once, too"


def test_a_run_that_goes_on_opens_its_shard_set_once(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read_file, opened = DiskStorage.read_file, Counter[str]()

    def counted(storage: DiskStorage, name: str) -> bytes:
        opened[name] += 1
        return read_file(storage, name)

    monkeypatch.setattr(DiskStorage, "read_file", counted)
    with trainer_here(config_of(folder)) as trainer:
        assert trainer.state.step == 2
    assert opened["manifest.json"] == 1


def test_the_loader_hears_that_the_training_was_asked_to_stop(folder: Path) -> None:
    stop = threading.Event()
    with trainer_here(config_of(folder), stop.is_set) as trainer:
        assert not trainer._components.loader.stop_requested()
        stop.set()
        assert trainer._components.loader.stop_requested()


def test_without_a_decay_no_average_is_kept_and_without_clips_nothing_is_validated(
    tmp_path: Path,
) -> None:
    tiny_shards(tmp_path / "shards")
    with trainer_here(config_of(tmp_path, "optim.ema=0", "validation.clips=0")) as trainer:
        assert trainer._components.ema is None
        assert trainer._components.validation is None


@pytest.mark.parametrize("warmup", [True, False])
def test_the_average_has_the_decay_and_the_warm_up_of_the_configuration(
    folder: Path, warmup: bool
) -> None:
    words = ["optim.ema=0.875", f"optim.ema_warmup={str(warmup).lower()}", f"seed={7 + warmup}"]
    config = config_of(folder, *words).model_copy(update={"run_dir": folder / f"ema-{warmup}"})
    with trainer_here(config) as trainer:
        ema = trainer._components.ema
        assert ema is not None
        assert (ema.decay, ema.warmup) == (0.875, warmup)


def test_the_average_of_a_run_with_a_start_begins_there_too(folder: Path, tmp_path: Path) -> None:
    """Not at the random weights of before, which would stay in it for thousands of steps."""
    source = folder / "run/checkpoints/step-000002"
    config = config_of(folder, f"start_from={source}", "seed=11", "optim.ema=0.9")
    with trainer_here(config.model_copy(update={"run_dir": tmp_path / "run"})) as trainer:
        assert trainer._components.ema is not None
        average = trainer._components.ema.module.state_dict()
        for name, value in load_file(source / "generator_ema.safetensors").items():
            assert torch.equal(average[name], value), name


def test_pictures_are_changed_by_the_draws_of_the_runs_seed(folder: Path, tmp_path: Path) -> None:
    words = ["augment.video.brightness.p=1", "augment.speech.gain.p=1", "seed=5"]
    config = config_of(folder, *words).model_copy(update={"run_dir": tmp_path / "run"})
    with trainer_here(config) as trainer:
        batch = next(iter(trainer._components.loader))
        (x,) = trainer._components.inputs.micro_batches(batch)

    def changed(seed: int) -> ClipBatch:
        return BatchAugment(config.augment, seed)(batch)

    assert torch.equal(x.video_BTCHW, to_unit(changed(5).video_BTCHW))
    assert torch.equal(x.speech_BS, changed(5).speech_BS)
    assert not torch.equal(x.video_BTCHW, to_unit(changed(0).video_BTCHW))
    assert not torch.equal(x.video_BTCHW, to_unit(batch.video_BTCHW))
