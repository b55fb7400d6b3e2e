"""Several shard sets are evaluated together, and each has its own row."""

import hashlib
from pathlib import Path

import pytest

from emotalk.config.evaluate import EvaluateConfig
from emotalk.config.evaluate_emotion import EmotionJudgeConfig
from emotalk.config.shards import ShardSource
from emotalk.errors import WrongUse
from emotalk.evaluation.evaluate import evaluate
from tests.helpers.drawn_shards import DrawnClip, write_shard_set
from tests.helpers.shard_set import name_corpus

Clips = dict[tuple[int, str, str], DrawnClip]


@pytest.fixture
def folders(tmp_path: Path, drawn_clips: Clips) -> dict[str, Path]:
    """Two sets, both with a clip 1001_IEO_happiness of an actor 1001."""
    clips = list(drawn_clips.items())
    parts = {"crema_d": clips[:2], "mead": [clips[0]]}
    return {
        name: name_corpus(write_shard_set(tmp_path / name, dict(part)), name)
        for name, part in parts.items()
    }


def config(folders: dict[str, Path], checkpoint: Path, output: Path) -> EvaluateConfig:
    shards = tuple(ShardSource(path=str(folder)) for folder in folders.values())
    return EvaluateConfig(
        checkpoint=checkpoint,
        shards=shards,
        output=output,
        other_speech="curve",
        emotion=EmotionJudgeConfig(by="none"),
    )


def test_every_set_has_its_own_figures_and_no_clip_is_taken_for_another(
    folders: dict[str, Path], checkpoint: Path, tmp_path: Path
) -> None:
    report = evaluate(config(folders, checkpoint, tmp_path / "out"))
    assert sorted(report.per_clip) == [
        "crema_d.1001_IEO_happiness", "crema_d.1001_TIE_neutral", "mead.1001_IEO_happiness",
    ]  # fmt: skip
    assert report.actors == ("crema_d.1001", "mead.1001")
    assert list(report.sets) == ["crema_d", "mead"]
    for name, count in (("crema_d", 2), ("mead", 1)):
        own = [rows for key, rows in report.per_clip.items() if key.startswith(f"{name}.")]
        values = [float(str(rows["generated"]["psnr"])) for rows in own]
        assert len(values) == report.sets[name]["psnr"]["generated"].clips == count
        assert report.sets[name]["psnr"]["generated"].mean == pytest.approx(sum(values) / count)
    assert report.inputs["manifest_sha256"] == {
        name: hashlib.sha256((folder / "manifest.json").read_bytes()).hexdigest()
        for name, folder in folders.items()
    }
    page = (tmp_path / "out/report.md").read_text()
    assert "## By shard set" in page
    assert "- **clips** - crema_d: 2 - mead: 1 -" in " ".join(page.split())
    assert report.where["shards"] == f"{folders['crema_d']} + {folders['mead']}"


def test_drawn_faces_and_photographs_are_not_measured_together(
    folders: dict[str, Path], checkpoint: Path, tmp_path: Path
) -> None:
    name_corpus(folders["mead"], "mead", landmarks={"backend": "insightface"})
    with pytest.raises(WrongUse) as caught:
        evaluate(config(folders, checkpoint, tmp_path / "out"))
    said = str(caught.value)
    assert f"the landmarks of {folders['crema_d']} are from no detector" in said
    assert f"those of {folders['mead']} from insightface" in said
    assert not (tmp_path / "out").exists()


def test_a_set_without_the_split_is_refused_by_name(
    folders: dict[str, Path], checkpoint: Path, tmp_path: Path, drawn_clips: Clips
) -> None:
    training = write_shard_set(tmp_path / "train", dict([*drawn_clips.items()][2:]), split="train")
    with pytest.raises(WrongUse, match=f"{training}: no split 'test'"):
        evaluate(config({**folders, "train": training}, checkpoint, tmp_path / "out"))
