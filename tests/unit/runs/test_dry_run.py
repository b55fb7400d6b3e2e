"""The dry run tells sizes, steps and files, refuses what the run would, and writes nothing."""

import json
from pathlib import Path

import pytest

from emotalk.config.run import TrainConfig
from emotalk.errors import WrongUse
from emotalk.runs.dry_run import describe
from emotalk.runs.memory_estimate import measure_sizes
from emotalk.runs.networks import build_modules
from tests.helpers.tiny_training import tiny_config, tiny_shards

MIB = 2.0**20


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dry")
    tiny_shards(folder / "shards")
    return folder


@pytest.fixture
def config(folder: Path, tmp_path: Path) -> TrainConfig:
    return tiny_config(folder, f"run_dir={tmp_path / 'run'}")


def test_it_says_networks_steps_and_what_would_be_written_and_writes_nothing(
    folder: Path, config: TrainConfig
) -> None:
    before = sorted(folder.rglob("*"))
    said = describe(config)
    generator, critics = build_modules(config)
    assert critics is not None
    size = sum(p.numel() for module in (generator, critics) for p in module.parameters())
    for promise in (
        "train 12 clips, val 4 clips",
        f"{size:>14,}\n",
        "steps    6 of 4 clips: 2.0 passes",
        "1 process(es) x 1 micro-batch(es) x 4 clip(s) x 4 frames",
        "emotion: 1 step\n",
        "100  mouth_region",
        f"run_dir  {config.run_dir}: a new run",
        "checkpoints/step-XXXXXX/    every 2 steps and at the end",
    ):
        assert promise in said
    assert max(map(len, said.splitlines())) <= 120
    assert sorted(folder.rglob("*")) == before
    assert not config.run_dir.exists()


def test_what_is_kept_for_the_backward_pass_is_what_autograd_keeps(config: TrainConfig) -> None:
    sizes = measure_sizes(config)
    assert set(sizes.activations) == {"generator", "discriminators"}
    double = config.model_copy(
        update={"data": config.data.model_copy(update={"batch_size": 2 * config.data.batch_size})}
    )
    twice = measure_sizes(double)
    assert twice.parameters == sizes.parameters
    for name, kept in sizes.activations.items():
        assert twice.activations[name] == pytest.approx(2 * kept, rel=0.02)


def test_it_refuses_what_the_run_would_refuse(folder: Path, config: TrainConfig) -> None:
    with pytest.raises(WrongUse, match="no such folder; make a shard set"):
        describe(config.model_copy(update={"shards": "nowhere"}))
    config.run_dir.mkdir()
    (config.run_dir / "thesis.tex").touch()
    with pytest.raises(WrongUse, match="it is not a run folder"):
        describe(config)


def test_a_tar_that_was_cut_short_is_named(tmp_path: Path) -> None:
    shards = tiny_shards(tmp_path / "shards")
    config = tiny_config(tmp_path)
    name = json.loads((shards / "manifest.json").read_text())["shards"][0]["file"]
    whole = (shards / name).read_bytes()
    (shards / name).write_bytes(whole[:-512])
    with pytest.raises(WrongUse, match=f"{name}: {len(whole) - 512} bytes, the manifest says"):
        describe(config)
    (shards / name).unlink()
    with pytest.raises(WrongUse, match=f"{name}: missing"):
        describe(config)


def test_before_the_shards_are_made_the_rest_is_said(tmp_path: Path) -> None:
    config = tiny_config(tmp_path, "stages.emotion.iterations=null", "stages.emotion.epochs=2")
    with pytest.raises(WrongUse, match="no such folder"):
        describe(config)
    said = describe(config, before_shards=True)
    for promise in (
        "emotion: 2 passes over the clips",
        "gan: 5 steps",
        "steps    of 4 clips",
        "together, estimated",
        f"run_dir  {config.run_dir}: a new run",
    ):
        assert promise in said
    assert sorted(tmp_path.iterdir()) == [tmp_path / "tiny.yaml"]


def test_before_the_shards_are_made_missing_files_are_still_named(tmp_path: Path) -> None:
    config = tiny_config(tmp_path, f"start_from={tmp_path / 'none'}")
    with pytest.raises(WrongUse, match="start_from"):
        describe(config, before_shards=True)


def test_clips_of_unknown_intensity_are_counted_where_it_is_asked_for(
    folder: Path, tmp_path: Path
) -> None:
    """Every fourth of the twelve clips does not say."""
    words = (f"run_dir={tmp_path / 'run'}", "emotion.use_intensity=true")
    said = describe(tiny_config(folder, *words))
    assert "emotion.use_intensity: 3 of 12 clips do not say how strongly they feel" in said
    assert "use_intensity" not in describe(tiny_config(folder, words[0]))
