"""Plan the whole set before any clip is opened: splits, content of the shards, neutral stills.

Pure functions of names and configuration: the same for any number of workers and any order of
completion.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from emotalk.config.etl import EtlConfig
from emotalk.errors import WrongUse
from emotalk.faces.model_files import models_sha256
from emotalk.schema import FORMAT_VERSION, NEUTRAL, SPLITS, UNKNOWN, Rejection
from emotalk.shards.members import label_facts
from emotalk.shards.names import tar_name
from etl.corpora import list_clips
from etl.corpora.listing import SourceClip
from etl.job.fewer_clips import take_clips
from etl.job.programs import programs_digest
from etl.job.splits import Method, hash_of, method_of, split_clips
from etl.recording.recording import Recording, clips_of

NOT_DECISIVE = (
    "source",
    "output",
    "staging",
    "publish",
    "workers",
    "ray_address",
    "max_rejected_share",
    "max_crashes_in_a_row",
    "clips",
)
LATER_DIGESTS = ("labels_sha256", "splits_sha256", "models_sha256")
"""Keys of the configuration that manifests of older versions lack."""
LATER_CHECKS: Mapping[str, Any] = {
    "max_picture_change": 1.0,
    "max_face_jump": None,
    "min_face_motion": 0.0,
    "sync": "off",
}
"""Settings of `quality` that manifests of older versions lack, with the values that switch off."""
LARGE_CORPUS = 50_000  # clips; larger ones get tars of more samples
FEW_SAMPLES, MANY_SAMPLES = 64, 512  # a sample of three seconds has about 330 kB
PATHS_OF_LANDMARKS = ("root", "detector", "landmarker")


@dataclass(frozen=True)
class PlannedShard:
    """One tar: its name and the keys it holds unless they are rejected, in order."""

    file: str
    split: str
    keys: tuple[str, ...]


@dataclass(frozen=True)
class Plan:
    """The whole job."""

    clips: Mapping[str, SourceClip]  # to be opened, by key, in the order of work
    rejected: tuple[Rejection, ...]  # left out by name alone
    left_out: int  # number of clips that the configuration does not ask for
    split_of: Mapping[str, str]  # key -> split
    shards: tuple[PlannedShard, ...]  # every tar
    config: Mapping[str, Any]  # the settings and digests that decide the bytes, for the manifest
    recordings: Mapping[str, Recording] = field(default_factory=dict)  # by the key of the file
    system_files: int = 0  # number of ignored system files, see `corpora.system_files`
    unchecked: tuple[str, ...] = ()  # `LATER_CHECKS` that a set to be updated was made without

    @property
    def stored_config(self) -> dict[str, Any]:
        """Return the configuration for the manifest."""
        quality = self.config.get("quality", {})
        kept = {name: value for name, value in quality.items() if name not in self.unchecked}
        return {**self.config, "quality": kept}

    @property
    def found(self) -> int:
        """Return the number of clips that are accepted or rejected."""
        return len(self.clips) + len(self.rejected)

    @property
    def digest(self) -> str:
        """Return a digest of everything that decides the bytes, the programs included."""
        return _digest([self.config, programs_digest()])[:16]


def make_plan(config: EtlConfig) -> Plan:
    """Return the plan of a job; reads names and tables, opens no clip.

    Raises:
        WrongUse: no source, duplicate keys, or too few actors for the splits.
    """
    listing = list_clips(config)
    check_keys(listing.clips)
    listed = {clip.label.key: clip for clip in listing.clips}
    split_of = take_clips(listed, split_clips(config, listed), config.split)
    return Plan(
        clips={key: clip for key, clip in listed.items() if key in split_of},
        rejected=listing.rejected,
        left_out=listing.left_out + len(listed) - len(split_of),
        split_of=split_of,
        shards=tuple(plan_shards(split_of, samples_per_shard(config, len(split_of)))),
        config=decisive_config(config, listing.clips, method_of(config, listing.clips), split_of),
        system_files=listing.system_files,
    )


def with_stretches(config: EtlConfig, plan: Plan, recordings: Mapping[str, Recording]) -> Plan:
    """Return the plan in which the stretches of recordings are clips in place of their files.

    All stretches of a file are in its split. Settings and digests stay those of the files, so that
    a finished set is compared without looking at a recording again.

    Raises:
        WrongUse: a stretch has the key of another clip.
    """
    clips: list[SourceClip] = []
    split_of: dict[str, str] = {}
    for key, clip in plan.clips.items():
        parts = clips_of(clip, recordings[key]) if key in recordings else [clip]
        clips += parts
        split_of |= {part.label.key: plan.split_of[key] for part in parts}
    check_keys(clips)
    return replace(
        plan,
        clips={clip.label.key: clip for clip in clips},
        split_of=split_of,
        shards=tuple(plan_shards(split_of, plan.config["samples_per_shard"])),
        recordings={**plan.recordings, **recordings},
    )


def check_keys(clips: Iterable[SourceClip]) -> None:
    """Refuse two clips with one key.

    Raises:
        WrongUse: lists the keys and the clips that share them.
    """
    by_key: dict[str, list[str]] = {}
    for clip in clips:
        by_key.setdefault(clip.label.key, []).append(clip.label.clip)
    shared = {key: names for key, names in by_key.items() if len(names) > 1}
    if shared:
        lines = [f"{key}: {', '.join(names)}" for key, names in sorted(shared.items())[:10]]
        raise WrongUse(
            "\n  ".join([f"{len(shared)} keys belong to several clips; rename or drop:", *lines])
        )


def samples_per_shard(config: EtlConfig, clips: int) -> int:
    """Return the samples of a full tar; `auto`: about 20 MB, of a large corpus about 170 MB.

    The clips are counted before long recordings are cut, so that a plan does not depend on them.
    """
    if config.samples_per_shard != "auto":
        return config.samples_per_shard
    return FEW_SAMPLES if clips <= LARGE_CORPUS else MANY_SAMPLES


def plan_shards(split_of: Mapping[str, str], samples: int) -> list[PlannedShard]:
    """Return the tars: the keys of each split in the order of a hash, cut into equal parts.

    The hash mixes actors and emotions, so that any part of a shard is a random sample.
    """
    shards = []
    for split in SPLITS:
        keys = sorted(
            (k for k, s in split_of.items() if s == split), key=lambda k: hash_of("order", k)
        )
        for number, start in enumerate(range(0, len(keys), samples)):
            chunk = tuple(keys[start : start + samples])
            shards.append(PlannedShard(tar_name(split, number), split, chunk))
    return shards


def choose_neutrals(clips: Iterable[SourceClip]) -> dict[str, str]:
    """Return accepted clip -> neutral clip that its still is taken from, by their keys.

    Among the actor's accepted neutral clips the one with the smallest sha256 of "actor/clip"; a
    neutral clip takes another one, itself only if there is no other. Actors without one are absent.
    A clip of unknown emotion is never taken, since nobody said that it is neutral.
    """
    clips = list(clips)
    neutrals: dict[str, list[SourceClip]] = {}
    for clip in sorted(clips, key=lambda clip: hash_of(clip.label.actor, clip.label.clip)):
        if clip.label.emotion == NEUTRAL:
            neutrals.setdefault(clip.label.actor, []).append(clip)
    chosen = {}
    for clip in clips:
        candidates = neutrals.get(clip.label.actor, [])
        others = [c for c in candidates if c.label.key != clip.label.key] or candidates
        if others:
            chosen[clip.label.key] = others[0].label.key
    return chosen


def decisive_config(
    config: EtlConfig,
    clips: Sequence[SourceClip],
    method: Method = "shares",
    split_of: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """Return the settings that decide the bytes: all but paths and workers, and digests.

    The digests are of the clips' whole labels, of their splits and of the landmark models' files.
    """
    tree: dict[str, Any] = config.model_dump(mode="json")
    tree["split"]["method"] = method
    _drop_sync(tree["quality"])
    for key in NOT_DECISIVE:
        tree.pop(key, None)
    tree["samples_per_shard"] = samples_per_shard(config, len(split_of or ()))
    for key in PATHS_OF_LANDMARKS:
        tree["landmarks"].pop(key)
    labels = sorted((c.label.key, c.label.clip, c.label.actor, c.label.emotion) for c in clips)
    tree["clips_sha256"] = _digest(labels)
    tree["labels_sha256"] = _digest(
        sorted(_canonical([clip.label.key, label_facts(clip.label)]) for clip in clips)
    )
    tree["splits_sha256"] = _digest(dict(split_of or {}))
    tree["models_sha256"] = models_sha256(config.landmarks)
    tree["format"] = FORMAT_VERSION
    return tree


def made_as(config: EtlConfig, plan: Plan, stored: Mapping[str, Any]) -> tuple[EtlConfig, Plan]:
    """Return configuration and plan without the checks that a set's version did not have.

    Its samples were accepted without them, and the samples made again must be as they were.
    `stored` is the configuration in its manifest.
    """
    known = stored.get("quality", {})
    unchecked = tuple(name for name in LATER_CHECKS if name not in known)
    off = {name: LATER_CHECKS[name] for name in unchecked}
    quality = config.quality.model_copy(update=off)
    return config.model_copy(update={"quality": quality}), replace(plan, unchecked=unchecked)


def _drop_sync(quality: dict[str, Any]) -> None:
    """Remove the settings of lips against sound that decide no byte."""
    if quality["sync"] not in ("correct", "reject"):
        quality.pop("max_sync_shift")
    if quality["sync"] == "off":
        quality.pop("sync")


def count_emotions(plan: Plan) -> Counter[tuple[str, str]]:
    """Return how many clips of each (split, emotion) there are; `unknown` without a label."""
    return Counter(
        (plan.split_of[key], clip.label.emotion or UNKNOWN) for key, clip in plan.clips.items()
    )


def _digest(tree: Any) -> str:
    return hashlib.sha256(_canonical(tree).encode()).hexdigest()


def _canonical(tree: Any) -> str:
    return json.dumps(tree, sort_keys=True, ensure_ascii=False)
