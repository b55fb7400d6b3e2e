"""Collect the facts of a shard set that a model trained on it must pass on."""

import hashlib
import json

from emotalk.checkpoints.format import DataFacts
from emotalk.printable import printable
from emotalk.shards.manifest import MANIFEST_NAME
from emotalk.shards.shard_set import ShardSet

LONGEST = 100  # letters of a name from the manifest


def shards_digest(shard_set: ShardSet) -> str:
    """Return the sha256 of all that the manifest says but for how the ETL ran.

    The same clips cut again by another number of workers or on another day give the same digest.
    """
    tree = json.loads(shard_set.storage.read_file(MANIFEST_NAME))
    tree.pop("run", None)
    return hashlib.sha256(json.dumps(tree, sort_keys=True).encode()).hexdigest()


def data_facts(shard_set: ShardSet) -> DataFacts:
    """Return the manifest's hash, the corpus and the size of the training split."""
    config = shard_set.manifest.config
    landmarks = config.get("landmarks")
    backend = landmarks.get("backend") if isinstance(landmarks, dict) else None
    samples = shard_set.split("train").samples
    return DataFacts(
        manifest_sha256=hashlib.sha256(shard_set.storage.read_file(MANIFEST_NAME)).hexdigest(),
        corpus=printable(str(config.get("corpus", "unknown")), longest=LONGEST),
        landmarks=printable(str(backend or "unknown"), longest=LONGEST),
        clips=len(samples),
        actors=len({sample.actor for sample in samples}),
    )
