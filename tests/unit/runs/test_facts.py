"""A model is saved with the facts of its shard set and of its configuration."""

import hashlib
from dataclasses import replace
from pathlib import Path

from emotalk.runs.facts import data_facts, model_facts, shards_digest
from emotalk.schema import EMOTIONS
from emotalk.shards.shard_set import ShardSet
from tests.helpers.shard_set import made_clips, rewrite_manifest, write_shard_set
from tests.helpers.tiny_training import tiny_config


def test_facts_are_of_the_training_split_and_the_manifest_as_it_stands(tmp_path: Path) -> None:
    clips = made_clips(9)
    write_shard_set(tmp_path, [("train", clips[:4]), ("train", clips[4:7]), ("val", clips[7:])])
    config = {"corpus": "mead", "landmarks": {"backend": "onnx"}}
    rewrite_manifest(tmp_path, lambda tree: tree.update(config=config))
    facts = data_facts(ShardSet.open(str(tmp_path)))
    manifest = (tmp_path / "manifest.json").read_bytes()
    assert facts.manifest_sha256 == hashlib.sha256(manifest).hexdigest()
    assert (facts.corpus, facts.landmarks) == ("mead", "onnx")
    assert facts.clips == 7
    assert facts.actors == len({clip.actor for clip in clips[:7]})


def test_clips_of_unknown_emotion_are_counted_and_not_written_where_there_are_none(
    tmp_path: Path,
) -> None:
    clips = [replace(clip, emotion=None) if n else clip for n, clip in enumerate(made_clips(3))]
    facts = data_facts(ShardSet.open(str(write_shard_set(tmp_path / "a", [("train", clips)]))))
    assert facts.unlabelled == 2
    assert facts.emotions is not None
    assert "neutral" in facts.emotions  # clips of unknown emotion train as neutral
    whole = [("train", made_clips(3))]
    labelled = data_facts(ShardSet.open(str(write_shard_set(tmp_path / "b", whole))))
    assert "unlabelled" not in labelled.model_dump()
    none = [("train", clips[1:])]
    unknown = data_facts(ShardSet.open(str(write_shard_set(tmp_path / "c", none))))
    assert (unknown.unlabelled, unknown.emotions) == (2, ("neutral",))


def test_the_emotions_of_the_training_split_are_recorded_in_the_schemas_order(
    tmp_path: Path,
) -> None:
    names = ("sadness", "surprise", "anger", "anger", "happiness")
    clips = [replace(c, emotion=e) for c, e in zip(made_clips(5), names, strict=True)]
    write_shard_set(tmp_path, [("train", clips[:4]), ("val", clips[4:])])
    assert data_facts(ShardSet.open(str(tmp_path))).emotions == ("anger", "sadness", "surprise")


def test_what_the_manifest_does_not_say_is_unknown(tmp_path: Path) -> None:
    write_shard_set(tmp_path, [("train", made_clips(1))])
    rewrite_manifest(tmp_path, lambda tree: tree.update(config={"landmarks": "sidecar"}))
    facts = data_facts(ShardSet.open(str(tmp_path)))
    assert (facts.corpus, facts.landmarks) == ("unknown", "unknown")


def test_the_digest_forgets_how_the_etl_ran_and_nothing_else(tmp_path: Path) -> None:
    write_shard_set(tmp_path, [("train", made_clips(2))])
    before = shards_digest(ShardSet.open(str(tmp_path)))
    rewrite_manifest(tmp_path, lambda tree: tree.update(run={"seconds": 7.5}))
    assert shards_digest(ShardSet.open(str(tmp_path))) == before
    rewrite_manifest(tmp_path, lambda tree: tree.update(config={"corpus": "mead"}))
    assert shards_digest(ShardSet.open(str(tmp_path))) != before


def test_what_inference_must_repeat_is_what_training_did(tmp_path: Path) -> None:
    facts = model_facts(
        tiny_config(
            tmp_path, "data.speech_margin_frames=3", "data.speech_level=none",
            "data.condition=neutral", "emotion.use_intensity=true",
        )
    )  # fmt: skip
    assert facts.emotions == EMOTIONS
    assert (facts.speech_margin_frames, facts.speech_level) == (3, "none")
    assert (facts.condition, facts.use_intensity) == ("neutral", True)
    assert len(model_facts(tiny_config(tmp_path, "emotion.set=mead8")).emotions) == 8
