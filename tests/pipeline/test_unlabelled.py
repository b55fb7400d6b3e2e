"""A training without any emotion label, by the preset for it."""

from dataclasses import replace
from pathlib import Path

from emotalk.checkpoints.load import load_generator
from tests.helpers.presets import small_preset
from tests.helpers.shard_set import MadeClip, made_clips, write_shard_set
from tests.helpers.tiny_training import read_metrics
from tests.helpers.train_here import train_here


def unlabelled(count: int, prefix: str = "") -> list[MadeClip]:
    clips = made_clips(count, frames=(12,), prefix=prefix)
    return [replace(clip, emotion=None, intensity=None, neutral=False) for clip in clips]


def test_the_preset_trains_and_validates_without_any_label(tmp_path: Path) -> None:
    splits = [("train", unlabelled(4)), ("val", unlabelled(2, "v"))]
    shards = write_shard_set(tmp_path / "shards", splits)
    config = small_preset("unlabelled", shards, tmp_path / "run", "runtime.device=cpu")
    assert train_here(config).state.step == 4
    lines = read_metrics(config.run_dir)
    assert not any("emotion" in name for line in lines for name in line)
    assert any("train/discriminators/pair" in line for line in lines)
    assert any("validation/psnr" in line for line in lines)
    assert [path.name[:8] for path in (config.run_dir / "samples").rglob("*.mp4")] == [
        "unknown-"
    ] * 4
    assert load_generator(config.run_dir).facts.condition == "first_frame"
