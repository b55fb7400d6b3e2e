"""What will be made, decided before any work: splits by actor, shard contents, neutral stills.

Pure functions of names and configuration: the same at any number of workers and in any order of
completion.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from emotalk.config.etl import EtlConfig, SplitConfig
from emotalk.errors import WrongUse
from emotalk.schema import FORMAT_VERSION, NEUTRAL, SPLITS, Rejection
from etl.corpora import list_clips
from etl.corpora.listing import SourceClip

NOT_DECISIVE = ("source", "output", "workers", "ray_address", "max_rejected_share", "clips")
PATHS_OF_LANDMARKS = ("root", "detector", "landmarker")


@dataclass(frozen=True)
class PlannedShard:
    """One tar: its name and the keys it holds unless they are rejected, in order."""

    file: str
    split: str
    keys: tuple[str, ...]


@dataclass(frozen=True)
class Plan:
    """The whole job.

    Attributes:
        clips: to be opened, by key, in the order of work.
        rejected: left out by name alone.
        left_out: number of clips that the configuration does not ask for.
        split_of: key -> split.
        shards: every tar.
        config: what decides the bytes, as the manifest keeps it.
    """

    clips: Mapping[str, SourceClip]
    rejected: tuple[Rejection, ...]
    left_out: int
    split_of: Mapping[str, str]
    shards: tuple[PlannedShard, ...]
    config: Mapping[str, Any]

    @property
    def found(self) -> int:
        """Number of clips that get a verdict."""
        return len(self.clips) + len(self.rejected)

    @property
    def digest(self) -> str:
        """A name for everything that decides the bytes."""
        return hashlib.sha256(_canonical(self.config)).hexdigest()[:16]


def make_plan(config: EtlConfig) -> Plan:
    """Return the plan of a job; reads names and tables, opens no clip.

    Raises:
        WrongUse: no source, duplicate keys, or too few actors for the splits.
    """
    listing = list_clips(config)
    check_keys(listing.clips)
    clips = {clip.label.key: clip for clip in listing.clips}
    groups = {key: _group(clip, config.split) for key, clip in clips.items()}
    split_of_group = split_groups(set(groups.values()), config.split)
    split_of = {key: split_of_group[group] for key, group in groups.items()}
    return Plan(
        clips=clips,
        rejected=listing.rejected,
        left_out=listing.left_out,
        split_of=split_of,
        shards=tuple(plan_shards(split_of, config.samples_per_shard)),
        config=decisive_config(config, listing.clips),
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


def split_groups(groups: Collection[str], config: SplitConfig) -> dict[str, str]:
    """Return the split of each actor (or clip): shuffled by a keyed hash, cut by the shares.

    Every split whose share is not 0 gets at least one.

    Raises:
        WrongUse: fewer actors than splits.
    """
    wanted = [name for name, share in zip(SPLITS, config.shares, strict=True) if share > 0]
    if 0 < len(groups) < len(wanted):
        raise WrongUse(
            f"split: {len(groups)} {config.by}s cannot fill {', '.join(wanted)}, and none may be "
            "in two of them; use split.by=clip (the splits then share people: figures on "
            "val and test say nothing of unseen ones) or split.shares=[1,0,0]"
        )
    order = sorted(groups, key=lambda group: _hash(config.seed, group))
    sizes = _sizes(len(order), config.shares)
    names = [name for name, size in zip(SPLITS, sizes, strict=True) for _ in range(size)]
    return dict(zip(order, names, strict=True))


def plan_shards(split_of: Mapping[str, str], samples_per_shard: int) -> list[PlannedShard]:
    """Return the tars: the keys of each split in the order of a hash, cut into equal parts.

    The hash mixes actors and emotions, so that any stretch of a shard is a fair draw.
    """
    shards = []
    for split in SPLITS:
        keys = sorted(
            (k for k, s in split_of.items() if s == split), key=lambda k: _hash("order", k)
        )
        for number, start in enumerate(range(0, len(keys), samples_per_shard)):
            chunk = tuple(keys[start : start + samples_per_shard])
            shards.append(PlannedShard(f"{split}-{number:06d}.tar", split, chunk))
    return shards


def choose_neutrals(clips: Iterable[SourceClip]) -> dict[str, str]:
    """Return for each accepted clip the key of the neutral clip that lends it a still.

    Among the actor's accepted neutral clips the one with the smallest sha256 of "actor/clip"; a
    neutral clip takes another one, itself only if there is no other. Actors without one are absent.
    """
    clips = list(clips)
    neutrals: dict[str, list[SourceClip]] = {}
    for clip in sorted(clips, key=_neutral_order):
        if clip.label.emotion == NEUTRAL:
            neutrals.setdefault(clip.label.actor, []).append(clip)
    chosen = {}
    for clip in clips:
        candidates = neutrals.get(clip.label.actor, [])
        others = [c for c in candidates if c.label.key != clip.label.key] or candidates
        if others:
            chosen[clip.label.key] = others[0].label.key
    return chosen


def decisive_config(config: EtlConfig, clips: Sequence[SourceClip]) -> dict[str, Any]:
    """Return what decides the bytes: the configuration without paths and workers, and the clips."""
    tree: dict[str, Any] = config.model_dump(mode="json")
    for key in NOT_DECISIVE:
        tree.pop(key)
    for key in PATHS_OF_LANDMARKS:
        tree["landmarks"].pop(key)
    labels = sorted((c.label.key, c.label.clip, c.label.actor, c.label.emotion) for c in clips)
    tree["clips_sha256"] = hashlib.sha256(_canonical(labels)).hexdigest()
    tree["format"] = FORMAT_VERSION
    return tree


def count_emotions(plan: Plan) -> Counter[tuple[str, str]]:
    """Return how many clips of each (split, emotion) there are."""
    return Counter((plan.split_of[key], clip.label.emotion) for key, clip in plan.clips.items())


def _group(clip: SourceClip, config: SplitConfig) -> str:
    return clip.label.actor if config.by == "actor" else clip.label.key


def _sizes(count: int, shares: Sequence[float]) -> list[int]:
    """Return whole sizes by largest remainder, at least 1 where the share is not 0."""
    exact = [count * share for share in shares]
    sizes = [int(value) for value in exact]
    by_remainder = sorted(range(len(exact)), key=lambda i: (sizes[i] - exact[i], i))
    for index in by_remainder[: count - sum(sizes)]:
        sizes[index] += 1
    for index, share in enumerate(shares):
        if share > 0 and sizes[index] == 0 and count:
            sizes[sizes.index(max(sizes))] -= 1
            sizes[index] += 1
    return sizes


def _neutral_order(clip: SourceClip) -> str:
    return hashlib.sha256(f"{clip.label.actor}/{clip.label.clip}".encode()).hexdigest()


def _hash(*parts: object) -> str:
    return hashlib.sha256("/".join(map(str, parts)).encode()).hexdigest()


def _canonical(tree: Any) -> bytes:
    return json.dumps(tree, sort_keys=True, ensure_ascii=False).encode()
