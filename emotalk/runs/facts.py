"""Collect the facts about a run that its model is saved with."""

import hashlib
from collections.abc import Iterable

import numpy as np

from emotalk.checkpoints.format import DataFacts, ModelFacts, SetFacts
from emotalk.config.run import TrainConfig
from emotalk.printable import printable
from emotalk.schema import EMOTIONS, EMOTIONS_MEAD8, NEUTRAL
from emotalk.shards.joined_set import AnyShardSet, JoinedSet
from emotalk.shards.sample_table import NO_EMOTION, SampleTable
from emotalk.shards.shard_set import ShardSet

LONGEST = 100  # characters of a name from the manifest
LONGEST_EMOTION = 64


def model_facts(config: TrainConfig) -> ModelFacts:
    """Return the settings of this run that inference must repeat."""
    return ModelFacts(
        emotions=EMOTIONS if config.emotion.set == "six" else EMOTIONS_MEAD8,
        speech_margin_frames=config.data.speech_margin_frames,
        speech_level=config.data.speech_level,
        condition=config.data.condition,
        use_intensity=config.emotion.use_intensity,
    )


def shards_digest(shard_set: AnyShardSet) -> str:
    """Return the sha256 of the manifests without their `run` sections, and of several's weights.

    Making the same set again, with another number of workers or on another day, gives the same
    digest.
    """
    return shard_set.digest


def data_facts(shard_set: AnyShardSet) -> DataFacts:
    """Return the manifests' hash, the corpora and the size of the training split.

    Of several sets, the hash is that of their manifests' hashes, and each has facts of its own.
    """
    parts = [(part, split.samples) for part, split in shard_set.splits("train")]
    whole = [_facts(part, samples) for part, samples in parts]
    if not isinstance(shard_set, JoinedSet):
        return whole[0]
    hashes = "\n".join(sorted(part.manifest_sha256 for part in whole))
    return DataFacts(
        manifest_sha256=hashlib.sha256(hashes.encode()).hexdigest(),
        corpus=_joined(part.corpus for part in whole),
        landmarks=_joined(part.landmarks for part in whole),
        clips=sum(part.clips for part in whole),
        actors=sum(part.actors for part in whole),
        unlabelled=sum(part.unlabelled for part in whole),
        emotions=_in_order(name for part in whole for name in part.emotions or ()),
        sets=tuple(
            SetFacts(name=name, weight=weight, **part.model_dump())
            for name, weight, part in zip(shard_set.names, shard_set.weights, whole, strict=True)
        ),
    )


def _facts(shard_set: ShardSet, samples: SampleTable) -> DataFacts:
    config = shard_set.manifest.config
    landmarks = config.get("landmarks")
    backend = landmarks.get("backend") if isinstance(landmarks, dict) else None
    return DataFacts(
        manifest_sha256=hashlib.sha256(shard_set.manifest_json).hexdigest(),
        corpus=printable(str(config.get("corpus", "unknown")), longest=LONGEST),
        landmarks=printable(str(backend or "unknown"), longest=LONGEST),
        clips=len(samples),
        actors=len(samples.actors.used()),
        unlabelled=int(np.count_nonzero(samples.emotion_N == NO_EMOTION)),
        # a clip of unknown emotion trains as neutral
        emotions=_in_order(emotion or NEUTRAL for emotion in samples.emotions()),
    )


def _in_order(emotions: Iterable[str]) -> tuple[str, ...]:
    """Return the different names, those of the schema in its order, before any others."""
    found = set(emotions)
    known = [name for name in EMOTIONS_MEAD8 if name in found]
    others = sorted(found.difference(known))
    return (*known, *(printable(name, longest=LONGEST_EMOTION) for name in others))


def _joined(words: Iterable[str]) -> str:
    """Return the different words in one text."""
    return printable(" + ".join(dict.fromkeys(words)), longest=LONGEST)
