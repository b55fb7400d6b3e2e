"""A part of a corpus: as many clips as asked for, of all its people and emotions."""

from collections import Counter
from pathlib import Path

import pytest

from emotalk.config.etl import EtlConfig, SplitConfig
from emotalk.config.load import load_config
from emotalk.schema import EMOTIONS, ClipLabel
from etl.corpora.listing import SourceClip
from etl.job.fewer_clips import take_clips
from etl.job.plan import make_plan
from etl.job.splits import crema_d_lists
from tests.helpers.tiny_training import ROOT


def corpus(actors: int = 8, sentences: int = 5) -> dict[str, SourceClip]:
    labels = [
        ClipLabel(f"{actor}_{n}_{emotion}", f"{actor}/{n}/{emotion}", str(actor), emotion)
        for actor in range(actors)
        for n in range(sentences)
        for emotion in EMOTIONS
    ]
    return {label.key: SourceClip(label, Path(label.clip)) for label in labels}


def split_of(clips: dict[str, SourceClip]) -> dict[str, str]:
    names = ["train"] * 4 + ["val"] * 2 + ["test"] * 2
    return {key: names[int(clip.label.actor)] for key, clip in clips.items()}


def taken(most: tuple[int, int, int] | None, seed: int = 0) -> dict[str, str]:
    clips = corpus()
    return take_clips(clips, split_of(clips), SplitConfig(most=most, seed=seed))


def test_each_split_gets_as_many_as_asked_for_and_no_clip_changes_its_split() -> None:
    clips = corpus()
    part = taken((30, 7, 500))
    assert Counter(part.values()) == {"train": 30, "val": 7, "test": 60}
    assert part.items() <= split_of(clips).items()
    assert taken(None) == split_of(clips)


def test_people_and_emotions_have_equal_numbers_or_one_more() -> None:
    clips = corpus()
    for number in (24, 30, 48, 50):
        part = [key for key, split in taken((number, 1, 1)).items() if split == "train"]
        cells = Counter((clips[key].label.actor, clips[key].label.emotion) for key in part)
        assert len(cells) == 24
        assert max(cells.values()) - min(cells.values()) <= 1


def test_a_larger_part_holds_the_smaller_one_and_another_seed_another() -> None:
    assert taken((10, 5, 5)).items() <= taken((20, 5, 9)).items()
    assert taken((10, 5, 5)) != taken((10, 5, 5), seed=1)


def test_the_plan_counts_the_others_as_left_out(tmp_path: Path) -> None:
    sentences = ("IEO", "TIE", "IOM")
    for number, actor in enumerate(crema_d_lists()):
        for sentence in sentences[: 1 + number % 3]:
            for emotion in ("ANG", "NEU", "SAD"):
                for folder, ending in (("VideoFlash", "flv"), ("AudioWAV", "wav")):
                    path = tmp_path / folder / f"{actor}_{sentence}_{emotion}_XX.{ending}"
                    path.parent.mkdir(exist_ok=True)
                    path.touch()
    path = ROOT / "configs/etl/crema_d_report.yaml"
    words = [f"source={tmp_path}", f"output={tmp_path / 'shards'}", "split.most=[210,30,33]"]
    config = load_config(EtlConfig, path, words)
    everything = make_plan(config.model_copy(update={"split": SplitConfig()}))
    plan = make_plan(config)
    assert Counter(plan.split_of.values()) == {"train": 210, "val": 30, "test": 33}
    assert plan.clips.keys() == plan.split_of.keys()
    assert plan.left_out == everything.found - 273
    assert {clip.label.actor for clip in plan.clips.values()} == {*crema_d_lists()}
    assert sum(len(shard.keys) for shard in plan.shards) == 273
    assert plan.digest != everything.digest


def test_the_reports_own_size_is_a_preset() -> None:
    config = load_config(
        EtlConfig, ROOT / "configs/etl/crema_d_report.yaml", ["source=x", "output=y"]
    )
    assert config.split.most is not None
    assert config.split.most[:2] == (1000, 200)


def test_no_clip_at_all_is_refused() -> None:
    with pytest.raises(ValueError, match="greater than or equal to 1"):
        SplitConfig(most=(0, 1, 1))
