"""Which clip's speech, mouth and picture goes where in a whole evaluation."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from emotalk.checkpoints.load import load_generator
from emotalk.config.evaluate import EvaluateConfig
from emotalk.config.evaluate_emotion import EmotionJudgeConfig
from emotalk.evaluation import evaluate as module
from emotalk.evaluation.evaluate import evaluate
from emotalk.evaluation.evaluator import Evaluator
from emotalk.evaluation.output import describe_inputs
from emotalk.evaluation.results import Results
from emotalk.shards.clip import read_speech
from emotalk.shards.reader import SampleReader
from emotalk.shards.shard_set import ShardSet
from tests.helpers.drawn_shards import DrawnClip, write_shard_set

Clips = dict[tuple[int, str, str], DrawnClip]


@pytest.fixture
def heard(monkeypatch: pytest.MonkeyPatch) -> dict[str, np.ndarray]:
    """The other speech that each clip's video was generated for."""
    speech: dict[str, np.ndarray] = {}
    generate = Evaluator.generate

    def listen(self: Evaluator, clips: Any, other_speech: Any) -> Any:
        speech.update(other_speech)
        groups.append([clip.key for clip in clips])
        return generate(self, clips, other_speech)

    groups: list[list[str]] = []
    monkeypatch.setattr(Evaluator, "generate", listen)
    speech["groups"] = groups  # type: ignore[assignment]
    return speech


def test_the_other_speech_is_a_stored_one_of_another_sentence_by_the_same_actor(
    tmp_path: Path, shards: Path, checkpoint: Path, heard: dict[str, Any]
) -> None:
    evaluate(
        EvaluateConfig(
            checkpoint=checkpoint, shards=str(shards), output=tmp_path / "out", clips_in_memory=2,
            emotion=EmotionJudgeConfig(by="none"),
        )
    )  # fmt: skip
    groups = heard.pop("groups")
    *measured, shown = groups  # last, the clips whose videos the page plays
    assert [len(group) for group in measured] == [2, 2, 1]
    assert {*shown} <= {key for group in measured for key in group}
    shard_set = ShardSet.open(str(shards))
    samples = shard_set.split("test").samples
    assert set(heard) == {s.key for s in samples} == {key for group in measured for key in group}
    reader = SampleReader(shard_set)
    stored = {s.key: read_speech(reader, s) for s in samples}
    for key, speech in heard.items():
        givers = [k for k, own in stored.items() if np.array_equal(own, speech)]
        actor, sentence, _ = key.split("_")
        assert givers
        assert all(giver.split("_")[0] == actor for giver in givers)
        assert all(giver.split("_")[1] != sentence for giver in givers)


@pytest.mark.parametrize("ema", [True, False])
def test_the_weights_and_the_clips_are_those_asked_for(
    tmp_path: Path, shards: Path, checkpoint: Path, monkeypatch: pytest.MonkeyPatch, ema: bool
) -> None:
    class EnoughError(Exception):
        """Nothing more has to be looked at."""

    asked: list[object] = []

    def choose(samples: Any, count: int, *, seed: int) -> Any:
        asked.append(({sample.key for sample in samples}, count, seed))
        return samples

    def load(folder: Path, **words: object) -> None:
        asked.append((folder, words))
        raise EnoughError

    monkeypatch.setattr(module, "choose_clips", choose)
    monkeypatch.setattr(module, "load_generator", load)
    config = EvaluateConfig(
        checkpoint=checkpoint, shards=str(shards), output=tmp_path / "out", clips=3, seed=17,
        ema=ema, device="cpu",
    )  # fmt: skip
    with pytest.raises(EnoughError):
        evaluate(config)
    keys = {sample.key for sample in ShardSet.open(str(shards)).split("test").samples}
    assert asked == [(keys, 3, 17), (checkpoint, {"ema": ema, "device": "cpu"})]


def test_one_clip_of_every_emotion_is_pictured(
    tmp_path: Path, shards: Path, checkpoint: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[Results] = []

    def draw(_folder: Path, results: Results, _report: object) -> list[str]:
        seen.append(results)
        return []

    monkeypatch.setattr(module, "write_plots", draw)
    evaluate(
        EvaluateConfig(
            checkpoint=checkpoint, shards=str(shards), output=tmp_path / "out",
            emotion=EmotionJudgeConfig(by="none"),
            other_speech="curve",
        )
    )  # fmt: skip
    shown = seen[0].examples
    assert set(shown) == {"happiness", "neutral", "anger", "sadness"}
    assert all(list(rows) == ["true", "generated"] for rows in shown.values())
    pairs = [tuple(rows.values()) for rows in shown.values()]
    assert all(true.shape == made.shape for true, made in pairs)
    assert not any(np.array_equal(true, made) for true, made in pairs)


def inputs(checkpoint: Path, shards: Path, **more: Any) -> dict[str, Any]:
    tree = {"checkpoint": checkpoint, "shards": str(shards), "output": "out", **more}
    config = EvaluateConfig.model_validate(tree)
    shard_set = ShardSet.open(str(shards))
    loaded = load_generator(checkpoint, ema=config.ema)
    chosen = shard_set.split("test").samples[: 3 if config.clips else None]
    return describe_inputs(config, shard_set, loaded, chosen)


def test_what_decides_the_figures_decides_whether_a_report_may_be_replaced(
    tmp_path: Path, shards: Path, checkpoint: Path, drawn_clips: Clips
) -> None:
    base = inputs(checkpoint, shards)
    equal = {"output": "elsewhere", "device": "cpu", "batch_size": 3, "clips_in_memory": 2,
             "finder": {"root": "elsewhere"}}  # fmt: skip
    assert inputs(checkpoint, shards, **equal) == base
    for change in ({"seed": 1}, {"clips": 3}, {"condition": "neutral"}, {"finder": {"pack": "p"}},
                   {"as_reported": True}, {"other_speech": "curve"}):  # fmt: skip
        assert inputs(checkpoint, shards, **change) != base
    other = write_shard_set(tmp_path / "other", dict(list(drawn_clips.items())[:3]))
    assert inputs(checkpoint, other)["manifest_sha256"] != base["manifest_sha256"]
    assert inputs(checkpoint, other)["frames_sha256"] != base["frames_sha256"]
    assert inputs(checkpoint, shards, clips=3)["frames_sha256"] != base["frames_sha256"]
