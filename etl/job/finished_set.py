"""Compare a finished shard set with a plan: its settings, its labels, and its rejected clips.

Sets of older versions lack some digests. What their manifest does not hold is read from the samples
themselves.
"""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from emotalk.config.etl import EtlConfig
from emotalk.errors import WrongUse
from emotalk.shards.clip import read_facts
from emotalk.shards.manifest import Manifest
from emotalk.shards.members import has_label
from emotalk.shards.reader import SampleReader
from emotalk.shards.rejected import read_rejected
from emotalk.shards.sample_table import Sample
from emotalk.shards.shard_set import ShardSet
from emotalk.shards.storage import DiskStorage
from etl.clip.files import changed_since, content_digest, files_of, sha256_of
from etl.job.output import finished_ns, read_manifest
from etl.job.plan import LATER_DIGESTS, Plan, decisive_config

ABSENT = "absent"
SYNC = "quality.sync"
UNWRITTEN: dict[str, Any] = {SYNC: "off", "landmarks.device": "cpu"}
"""Values of configurations that were written before the key existed."""
TRIED_AGAIN = ("crashed", "worker_died")
"""Reasons that may be the machine's fault: every run tries these clips again."""

WORDS = {
    "clips_sha256": "its clips, their actors or their emotions are others",
    "labels_sha256": "levels, votes or further facts of its clips are others",
    "splits_sha256": "clips would go to other splits",
    "models_sha256": "the landmark models are other files under the same name",
}


@contextmanager
def open_samples(output: Path, manifest: Manifest) -> Iterator[tuple[SampleReader, list[Sample]]]:
    """Yield a reader and all samples of a set whose tars and indexes are whole."""
    storage = DiskStorage(output)
    shard_set = ShardSet(str(output), manifest, storage)
    try:
        splits = [shard_set.split(name) for name in manifest.split_names]
        yield SampleReader(shard_set), [sample for split in splits for sample in split.samples]
    finally:
        storage.close()


def is_finished(config: EtlConfig, plan: Plan) -> bool:
    """Return whether the output already holds this very shard set, whole or damaged.

    Raises:
        WrongUse: it holds another shard set, or files that are none.
    """
    manifest = read_manifest(config.output)
    if manifest is None:
        return False
    refuse_differences(config.output, differences(config, plan, manifest))
    return True


def differences(config: EtlConfig, plan: Plan, manifest: Manifest) -> list[str]:
    """Return in words the settings that decide the bytes and differ from the set's.

    A setting that the set's version did not have counts as its default.
    """
    old, new = (UNWRITTEN | _flat(config) for config in (manifest.config, plan.config))
    default = EtlConfig(corpus=config.corpus, source=config.source, output=config.output)
    defaults = _flat(decisive_config(default, (), "shares", {}))
    found = []
    for name, value in new.items():
        if name not in old and name in LATER_DIGESTS:
            continue
        if name == SYNC and (old[SYNC], value) == ("off", "report"):
            continue  # which leaves no clip out and shifts none
        before = old.get(name, defaults.get(name, ABSENT))
        if before != value and (name != "models_sha256" or None not in (before, value)):
            was = before if before is ABSENT else json.dumps(before)
            found.append(WORDS.get(name, f"{name} was {was}, is {json.dumps(value)}"))
    return found


def label_differences(output: Path, plan: Plan, manifest: Manifest) -> list[str]:
    """Return in words how the samples' own labels and splits differ from the plan's.

    For sets that were written without a digest of them. The tars must be whole.
    """
    if set(LATER_DIGESTS[:2]) <= set(manifest.config):
        return []
    with open_samples(output, manifest) as (reader, samples):
        for sample in samples:
            clip = plan.clips.get(sample.key)
            if clip is None:
                return [WORDS["clips_sha256"]]
            if plan.split_of[sample.key] != manifest.shards[sample.shard].split:
                return [f"{WORDS['splits_sha256']}, e.g. {sample.key}"]
            if not has_label(read_facts(reader, sample), clip.label):
                return [f"{WORDS['labels_sha256']}, e.g. {sample.key}"]
    return []


def clips_to_retry(config: EtlConfig, plan: Plan) -> list[str]:
    """Return the keys of rejected clips whose files changed since the set was made, in order."""
    rejected = read_rejected(config.output)
    found = []
    for key, clip in plan.clips.items():
        line = rejected.get(clip.label.clip)
        if line is None:
            continue
        if line.reason in TRIED_AGAIN:
            found.append(key)
        elif line.files_sha256 is not None:
            if line.files_sha256 != content_digest(clip, config):
                found.append(key)
        elif changed_since(files_of(clip, config), finished_ns(config.output)):
            found.append(key)
    return found


def replaced_clips(plan: Plan, output: Path, manifest: Manifest) -> list[str]:
    """Return the names of accepted clips whose video or word times on disk are other files now.

    Only files that were written after the set was finished are read.
    """
    since_ns = finished_ns(output)
    found = []
    with open_samples(output, manifest) as (reader, samples):
        for sample in samples:
            clip = plan.clips[sample.key]
            named = (("source_sha256", clip.video), ("words_sha256", clip.words))
            files = {name: file for name, file in named if isinstance(file, Path)}
            if not changed_since([*files.values()], since_ns):
                continue
            facts = read_facts(reader, sample)
            if any(f.is_file() and sha256_of(f) != facts.get(n) for n, f in files.items()):
                found.append(clip.label.clip)
    return found


def rejected_names_differ(plan: Plan, manifest: Manifest, output: Path) -> bool:
    """Return whether other clips than before are left out by their names alone."""
    planned = {clip.label.clip for clip in plan.clips.values()}
    rejected = read_rejected(output)
    before = {(name, line.reason) for name, line in rejected.items() if name not in planned}
    now = {(rejection.clip, rejection.reason) for rejection in plan.rejected}
    return before != now or manifest.clips.get("left_out", plan.left_out) != plan.left_out


def refuse_differences(output: Path, found: list[str]) -> None:
    """Refuse to change a set that the plan would not make.

    Raises:
        WrongUse: there is a difference.
    """
    if found:
        some = "; ".join(found[:4]) + ("; ..." if found[4:] else "")
        raise WrongUse(
            f"output: {output} holds a finished shard set made with another configuration or of "
            f"other clips ({some}); it is left as it is. Choose another output"
        )


def _flat(tree: Mapping[str, Any], above: str = "") -> dict[str, Any]:
    """Return dotted name -> value of nested settings."""
    flat: dict[str, Any] = {}
    for name, value in tree.items():
        flat |= (
            _flat(value, f"{above}{name}.") if isinstance(value, dict) else {above + name: value}
        )
    return flat
