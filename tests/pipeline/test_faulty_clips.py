"""Training over clips that cannot be read: counted where people look, and felt by no gradient."""

import json
import shutil
import sqlite3
from pathlib import Path

import pytest
import torch

from emotalk.augment.batch import BatchAugment
from emotalk.config.run import TrainConfig
from emotalk.data.batch import ClipBatch
from emotalk.data.loader import build_loader
from emotalk.distributed import Runtime
from emotalk.models import Generator
from emotalk.runs.networks import build_networks, engine_names
from emotalk.schema import EMOTIONS
from emotalk.shards.joined_set import open_shards
from emotalk.training.global_mean import GlobalMean
from emotalk.training.input_preparation import InputPreparation
from emotalk.training.steps import StepReport, discriminator_step, generator_step
from tests.helpers.tiny_training import read_metrics, tiny_config, tiny_shards, tiny_yaml, train


def empty_middle(tar: Path) -> None:
    """Empty a tar from its middle on, as a copy that broke off; its size stays."""
    size = tar.stat().st_size
    with tar.open("r+b") as file:
        file.truncate(size // 2)
        file.truncate(size)


def test_clips_left_out_are_counted_in_mlflow_and_in_the_runs_own_figures(tmp_path: Path) -> None:
    shards = tiny_shards(tmp_path / "shards")
    empty_middle(shards / "train-000000.tar")
    database = tmp_path / "mlflow.db"
    done = train(
        tiny_yaml(tmp_path, shards), tmp_path / "run", "data.on_fault=skip",
        "tracking.mlflow.enabled=true", f"tracking.mlflow.uri=sqlite:///{database}",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    lines = [line for line in read_metrics(tmp_path / "run") if "data/faults" in line]
    counted = [line["data/faults"] for line in lines]
    assert counted == sorted(counted)
    assert counted[-1] >= 3
    assert lines[-1]["clips"] + counted[-1] == 6 * 4  # six steps of four places
    assert done.stderr.count("left out of its batch: ") == counted[-1]
    with sqlite3.connect(database) as connection:
        rows = connection.execute("select max(value) from metrics where key = 'data/faults'")
        assert rows.fetchone()[0] == counted[-1]


@pytest.mark.slow
def test_a_run_that_goes_on_goes_on_counting(tmp_path: Path) -> None:
    shards = tiny_shards(tmp_path / "shards")
    empty_middle(shards / "train-000000.tar")
    config, run_dir = tiny_yaml(tmp_path, shards), tmp_path / "run"
    assert train(config, run_dir, "data.on_fault=skip").returncode == 0
    whole = read_metrics(run_dir)
    shutil.rmtree(run_dir / "checkpoints/step-000006")
    assert train(config, run_dir, "data.on_fault=skip").returncode == 0
    assert read_metrics(run_dir) == whole


def test_a_bad_clip_stops_the_run_by_name_unless_told_otherwise(tmp_path: Path) -> None:
    shards = tiny_shards(tmp_path / "shards")
    empty_middle(shards / "train-000000.tar")
    done = train(tiny_yaml(tmp_path, shards), tmp_path / "run")
    assert done.returncode == 1
    assert "train-000000.tar, sample clip" in done.stderr
    status = json.loads((tmp_path / "run" / "status.json").read_text())
    assert status["state"] == "failed"
    assert "data.on_fault=skip" in status["message"]


def one_step(config: TrainConfig, runtime: Runtime, batch: ClipBatch) -> list[StepReport]:
    """Return what one update of each network does, from the same weights every time."""
    networks = build_networks(config, runtime)
    generator = networks.generator.module
    assert isinstance(generator, Generator)
    inputs = InputPreparation(
        config, emotions=len(EMOTIONS), noise_features=generator.noise_features,
        augment=BatchAugment(config.augment, config.seed), device=runtime.device,
    ).micro_batches(batch)  # fmt: skip
    mean = GlobalMean(int(batch.valid_B.sum()), 1)
    of_generator, of_critics = config.stages[-1].updates
    return [
        discriminator_step(inputs, networks, of_critics, mean, 1e-3),
        generator_step(inputs, networks, of_generator, mean, 1e-3),
    ]


def test_a_masked_clip_changes_no_loss_and_no_gradient(tmp_path: Path) -> None:
    """Two clips of which one is masked train exactly as the other alone, every term on."""
    tiny_shards(tmp_path / "shards")
    config = tiny_config(tmp_path)
    settings = config.data.model_copy(update={"other_speech": True, "batch_size": 2})
    loader = build_loader(settings, open_shards(config.shards), "train", config.seed, EMOTIONS)
    batch = next(iter(loader))
    alone = ClipBatch._make(part if part is None else part[:1] for part in batch)
    masked = ClipBatch._make(
        torch.cat([part[:1], torch.zeros_like(part[1:])])
        if isinstance(part, torch.Tensor)
        else part
        for part in batch
    )
    assert masked.valid_B.tolist() == [True, False]
    runtime = Runtime.start(config.runtime, engine_names(config))
    try:
        one, other = (one_step(config, runtime, batch) for batch in (masked, alone))
    finally:
        runtime.stop()
    for found, wanted in zip(one, other, strict=True):
        assert found.grad_norm == pytest.approx(wanted.grad_norm, rel=1e-4)
        for name, value in wanted.sums.items():
            assert float(found.sums[name]) == pytest.approx(float(value), rel=1e-4, abs=1e-6), name
