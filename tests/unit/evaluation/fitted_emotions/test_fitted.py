"""A classifier is fitted to the training split, kept by its inputs, and repeatable."""

import json
import logging
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from emotalk.config.evaluate import EvaluateConfig
from emotalk.config.evaluate_emotion import EmotionJudgeConfig, FitConfig
from emotalk.errors import WrongUse
from emotalk.evaluation import judges as judges_module
from emotalk.evaluation.emotion_judges import fitted as module
from emotalk.evaluation.emotion_judges.fitted import FittedJudge
from emotalk.evaluation.fitted_emotions import cache
from emotalk.evaluation.fitted_emotions.cache import (
    FitFacts,
    Fitted,
    cache_file,
    read_fitted,
    write_fitted,
)
from emotalk.evaluation.fitted_emotions.fit import fit_network, vary
from emotalk.evaluation.fitted_emotions.frames import FRAMES, look
from emotalk.evaluation.fitted_emotions.network import FittedEmotionNet
from emotalk.evaluation.fitted_emotions.training_clips import (
    TrainingClips,
    choose_training_clips,
)
from emotalk.schema import EMOTIONS
from emotalk.shards.sample_table import Sample, SampleTable
from emotalk.shards.shard_set import Split
from tests.helpers.evaluation_clips import noise_frames


class ToldSet:
    """A shard set that has the samples it is told."""

    location, digest = "the-set", "d" * 64

    def __init__(self, **splits: list[Sample]) -> None:
        self._splits = {
            name: Split((0,), SampleTable.of(samples)) for name, samples in splits.items()
        }
        self.split_names = tuple(splits)

    def split(self, name: str) -> Split:
        """Return the samples of a split."""
        return self._splits[name]

    def splits(self, name: str, *, of_all: bool = True) -> list[Any]:
        """Return this set with its samples of a split."""
        return [(self, self._splits[name])]


def samples(actors: str, emotions: str, takes: int) -> list[Sample]:
    """Return samples of each actor with each emotion, named by their first letters."""
    names = [name for name in (*EMOTIONS, "contempt") if name[0] in emotions]
    return [
        Sample(f"{actor}_{name}_{take}", 20, actor, name, 1.0, 0, {})
        for actor in actors
        for name in names
        for take in range(takes)
    ]


def told(**splits: list[Sample]) -> Any:
    return ToldSet(**splits)


def test_training_clips_are_spread_over_emotions_and_actors() -> None:
    shard_set = told(train=samples("abc", "afhc", 10), test=samples("d", "a", 2))
    chosen = choose_training_clips(shard_set, 36, 0)
    assert len(chosen) == 36
    counts = {(s.actor, s.emotion): 0 for s in chosen}
    for sample in chosen:
        counts[sample.actor, sample.emotion] += 1
    assert set(counts.values()) == {4}
    assert {emotion for _, emotion in counts} == {"anger", "fear", "happiness"}, "contempt is none"
    assert choose_training_clips(shard_set, 36, 1) != chosen


@pytest.mark.parametrize(
    ("train", "test", "words"),
    [
        (samples("ab", "n", 40), [], r"neutral 80: at least 2 emotions with 6 clips each"),
        (samples("ab", "nf", 3), [], r"12 clips of known emotion .* at least 24"),
        (samples("ab", "c", 40), [], "no clip of a known emotion"),
        (samples("a", "nf", 40), samples("xy", "n", 1), r"one actor, a, .* judge others \(x, y\)"),
    ],
)
def test_a_training_split_that_cannot_teach_is_refused_with_the_way_out(
    train: list[Sample], test: list[Sample], words: str
) -> None:
    with pytest.raises(
        WrongUse, match=rf"emotion\.by=fitted: .*the-set.*{words}.*emotion\.by=none"
    ):
        choose_training_clips(told(train=train, test=test), 100, 0)


def test_one_person_is_enough_where_nobody_else_is_judged() -> None:
    one = told(train=samples("a", "nf", 40), test=samples("a", "nf", 2))
    assert len(choose_training_clips(one, 100, 0)) == 80


def test_an_emotion_with_too_few_clips_is_left_out_and_said(
    caplog: pytest.LogCaptureFixture,
) -> None:
    train = [*samples("ab", "nf", 20), *samples("a", "d", 5)]
    with caplog.at_level(logging.WARNING):
        chosen = choose_training_clips(told(train=train), 1000, 0)
    assert {sample.emotion for sample in chosen} == {"neutral", "fear"}
    assert "never says disgust: the training split has 5 clips of it" in caplog.text


def test_twelve_frames_after_the_onset_are_looked_at() -> None:
    frames = np.zeros((50, 128, 128, 3), np.uint8)
    frames += np.arange(50, dtype=np.uint8)[:, None, None, None] * 5
    shown = look(frames)
    assert shown.shape == (FRAMES, 64, 64)
    assert (shown[0, 0, 0] / 5, shown[-1, 0, 0] / 5) == (10, 49)
    assert look(frames[:5])[:, 0, 0].tolist() == [20], "of a short clip the last frame alone"


def bright_clips(count: int = 24) -> TrainingClips:
    """Return clips whose emotion is where a bright bar stands."""
    generator = np.random.Generator(np.random.PCG64(0))
    looks, emotions = [], []
    for number in range(count):
        frames = generator.integers(90, 130, (FRAMES, 64, 64)).astype(np.uint8)
        rows = slice(8, 20) if number % 2 else slice(44, 56)
        frames[:, rows, 12:52] = 220
        looks.append(frames)
        emotions.append(3 if number % 2 else 5)
    return TrainingClips(looks, np.array(emotions), 2)


def test_the_network_learns_what_it_is_shown_and_the_same_for_the_same_seed() -> None:
    clips = bright_clips()
    net, again = (fit_network(clips, steps=8, seed=seed) for seed in (0, 0))
    other = fit_network(clips, steps=1, seed=1)
    assert not net.training
    with torch.inference_mode():
        grey = torch.from_numpy(np.stack(clips.looks).astype(np.float32))
        seen = net(grey).argmax(-1).tolist()
        assert torch.equal(net(grey), again(grey))
        assert not torch.equal(net(grey), other(grey))
    assert np.mean(np.array(seen) == clips.emotion_B) > 0.9


def test_a_varied_clip_is_changed_in_all_frames_alike() -> None:
    still = np.repeat(bright_clips(2).looks[0][:1], 5, 0)
    generator = np.random.Generator(np.random.PCG64(3))
    varied = vary(still, generator)
    assert varied.shape == (FRAMES, 64, 64)
    assert varied.min() >= 0
    assert varied.max() <= 255
    spread = np.abs(varied - varied.mean(0)).mean()
    moved = np.abs(varied.mean(0) - still[0]).mean()
    assert moved > 2 * spread, "noise differs between frames, the place does not"


def fresh() -> Fitted:
    torch.manual_seed(5)
    net = FittedEmotionNet().eval().requires_grad_(False)
    return Fitted(net, FitFacts(clips=30, actors=2, emotions={"anger": 15, "fear": 15}))


def test_a_kept_classifier_judges_as_before(tmp_path: Path) -> None:
    path = tmp_path / "cache" / "k.safetensors"
    assert read_fitted(path) is None
    write_fitted(fresh(), path)
    kept = read_fitted(path)
    assert kept is not None
    assert kept.facts == fresh().facts
    video = noise_frames(1, 20)
    one, other = (FittedJudge(fitted).probabilities(video) for fitted in (fresh(), kept))
    np.testing.assert_array_equal(one, other)
    assert one.shape == (7,)
    assert one.sum() == pytest.approx(1)
    assert one[6] == 0
    assert "30 true clips of 2 actors" in FittedJudge(kept).name


@pytest.mark.parametrize("damage", ["cut", "large", "other", "facts", "text"])
def test_a_damaged_one_is_fitted_anew_and_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, damage: str
) -> None:
    path = tmp_path / "k.safetensors"
    write_fitted(fresh(), path)
    if damage == "cut":
        path.write_bytes(path.read_bytes()[:1000])
    elif damage == "large":
        path.write_bytes(path.read_bytes() + bytes(cache.LARGEST_FILE))
    elif damage == "text":
        path.write_text("no tensors")
    else:
        from safetensors.torch import load_file, save_file

        state = load_file(path)
        if damage == "other":
            state["classes.bias"] = state["classes.bias"][:3].clone()
        said = json.dumps({"clips": -1}) if damage == "facts" else fresh().facts.model_dump_json()
        save_file(state, path, metadata={cache.FACTS: said})
    with caplog.at_level(logging.WARNING):
        assert read_fitted(path) is None
    assert "damaged and fitted anew" in caplog.text


def test_a_cache_that_cannot_be_written_costs_time_only(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("")
    with caplog.at_level(logging.WARNING):
        write_fitted(fresh(), tmp_path / "file" / "k.safetensors")
    assert "could not be kept" in caplog.text


def test_set_and_settings_name_the_kept_file(tmp_path: Path) -> None:
    config, shard_set = FitConfig(cache=tmp_path), told(train=[])
    name = cache_file(config, shard_set).name
    assert cache_file(config.model_copy(update={"cache": Path("~")}), shard_set).name == name
    for change in ({"steps": 7}, {"seed": 1}, {"clips": 99}):
        assert cache_file(config.model_copy(update=change), shard_set).name != name
    other = told(train=[])
    other.digest = "e" * 64
    assert cache_file(config, other).name != name


def test_the_judge_is_fitted_once_and_then_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fitted: list[int] = []

    def fit(clips: TrainingClips, *, steps: int, seed: int) -> FittedEmotionNet:
        fitted.append(steps)
        return fresh().net

    shard_set = told(train=samples("ab", "nf", 10), test=samples("c", "n", 1))
    monkeypatch.setattr(module, "read_training_clips", lambda _set, chosen: bright_clips())
    monkeypatch.setattr(module, "fit_network", fit)
    config = EmotionJudgeConfig(by="fitted", fit=FitConfig(cache=tmp_path, steps=9))
    first, second = module.build(config, shard_set), module.build(config, shard_set)
    assert fitted == [9]
    assert first.name == second.name
    assert "happiness 12, sadness 12" in first.name


def test_the_training_split_is_not_judged_by_what_it_taught(tmp_path: Path) -> None:
    config = EvaluateConfig.model_validate(
        {"checkpoint": "c", "shards": "s", "output": "o", "split": "train", "landmarks": "none",
         "emotion": {"by": "fitted", "fit": {"cache": tmp_path}}}
    )  # fmt: skip
    with pytest.raises(WrongUse, match="evaluate --split test or val"):
        judges_module.build_judges(config, told(train=[]), [])


def test_a_standing_clip_has_a_gradient() -> None:
    """The spread over equal frames is 0, where a standard deviation has no derivative."""
    net = FittedEmotionNet()
    net(torch.full((2, 3, 64, 64), 100.0)).sum().backward()
    gradients = [p.grad for p in net.parameters() if p.grad is not None]
    assert gradients
    assert all(bool(torch.isfinite(g).all()) for g in gradients)
