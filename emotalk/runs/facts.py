"""Collect the facts about a run that its model is saved with."""

import hashlib
import json

from emotalk.checkpoints.format import DataFacts, ModelFacts
from emotalk.config.run import TrainConfig
from emotalk.printable import printable
from emotalk.schema import EMOTIONS, EMOTIONS_MEAD8
from emotalk.shards.shard_set import ShardSet

LONGEST = 100  # characters of a name from the manifest


def model_facts(config: TrainConfig) -> ModelFacts:
    """Return the settings of this run that inference must repeat."""
    return ModelFacts(
        emotions=EMOTIONS if config.emotion.set == "six" else EMOTIONS_MEAD8,
        speech_margin_frames=config.data.speech_margin_frames,
        speech_level=config.data.speech_level,
        condition=config.data.condition,
        use_intensity=config.emotion.use_intensity,
    )


def shards_digest(shard_set: ShardSet) -> str:
    """Return the sha256 of the manifest without its `run` section.

    Making the same set again, with another number of workers or on another day, gives the same
    digest.
    """
    tree = json.loads(shard_set.manifest_json)
    tree.pop("run", None)
    return hashlib.sha256(json.dumps(tree, sort_keys=True).encode()).hexdigest()


def data_facts(shard_set: ShardSet) -> DataFacts:
    """Return the manifest's hash, the corpus and the size of the training split."""
    config = shard_set.manifest.config
    landmarks = config.get("landmarks")
    backend = landmarks.get("backend") if isinstance(landmarks, dict) else None
    samples = shard_set.split("train").samples
    return DataFacts(
        manifest_sha256=hashlib.sha256(shard_set.manifest_json).hexdigest(),
        corpus=printable(str(config.get("corpus", "unknown")), longest=LONGEST),
        landmarks=printable(str(backend or "unknown"), longest=LONGEST),
        clips=len(samples),
        actors=len({sample.actor for sample in samples}),
    )
