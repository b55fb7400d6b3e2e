"""Assign clips to training, validation and test by their labels alone."""

import csv
import hashlib
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import lru_cache
from importlib.resources import files
from typing import Literal, TypeAlias

from emotalk.config.etl import EtlConfig, SplitConfig
from emotalk.errors import WrongUse
from emotalk.schema import SPLITS, UNKNOWN
from etl.corpora.listing import SourceClip

Method: TypeAlias = Literal["shares", "crema_d", "last_sentences"]


def method_of(config: EtlConfig, clips: Iterable[SourceClip]) -> Method:
    """Return the split method; `auto` is `crema_d` where all of CREMA-D's actors are present."""
    if config.split.method != "auto":
        return config.split.method
    actors = {clip.label.actor for clip in clips}
    whole = (
        config.corpus == "crema_d" and config.split.by == "actor" and actors >= {*crema_d_lists()}
    )
    return "crema_d" if whole else "shares"


def split_clips(config: EtlConfig, clips: Mapping[str, SourceClip]) -> dict[str, str]:
    """Return the split of each clip, by key.

    Raises:
        WrongUse: an actor who is in no list, or fewer actors than splits.
    """
    method = method_of(config, clips.values())
    if method == "last_sentences":
        return last_sentences(clips, config.split)
    if method == "crema_d":
        return {key: _listed(clip.label.actor) for key, clip in clips.items()}
    by_actor = {key: clip.label.actor for key, clip in clips.items()}
    groups = by_actor if config.split.by == "actor" else _sentences(clips)
    split_of_group = split_groups(set(groups.values()), config.split)
    return {key: split_of_group[group] for key, group in groups.items()}


def _sentences(clips: Mapping[str, SourceClip]) -> dict[str, str]:
    """Return for each clip the first key among those of its actor, emotion and sentence.

    Levels and views of one sentence stay together: in two splits they would leak it from training.
    A clip whose sentence is unknown stands alone.
    """
    first: dict[tuple[str, ...], str] = {}
    sentence = {key: (*_series(clip), sentence_of(clip)) for key, clip in clips.items()}
    for key in sorted(clips):
        first.setdefault(sentence[key], key)
    return {key: first[words] for key, words in sentence.items()}


def sentence_of(clip: SourceClip) -> str:
    """Return the name of a clip's sentence, unique within its actor and emotion."""
    facts = clip.label.extra
    return str(facts.get("sentence") or facts.get("number") or clip.label.key)


@lru_cache(maxsize=1)
def crema_d_lists() -> Mapping[str, str]:
    """Return CREMA-D's 91 actors and the split each is in; made by `make_crema_d_splits`."""
    text = files("etl.corpora").joinpath("crema_d_splits.csv").read_text(encoding="utf-8")
    return {row["actor"]: row["split"] for row in csv.DictReader(text.splitlines())}


def _listed(actor: str) -> str:
    if actor not in crema_d_lists():
        raise WrongUse(
            f"split.method=crema_d: actor {actor} is none of CREMA-D's 91; use split.method=shares"
        )
    return crema_d_lists()[actor]


def last_sentences(clips: Mapping[str, SourceClip], config: SplitConfig) -> dict[str, str]:
    """Return MEAD's split by sentences: the last ones of each actor and emotion are test.

    Sentences in the order of their numbers are cut by `shares`; all levels and views of one stay
    together. The splits then share people, as those of MEAD's own baseline do: its figures are for
    new sentences of known faces.
    """
    series: dict[tuple[str, str], set[str]] = {}
    for clip in clips.values():
        series.setdefault(_series(clip), set()).add(sentence_of(clip))
    split_of: dict[tuple[str, str], dict[str, str]] = {}
    for name, sentences in series.items():
        sizes = _sizes_of_few(len(sentences), config.shares)
        names = [split for split, size in zip(SPLITS, sizes, strict=True) for _ in range(size)]
        split_of[name] = dict(zip(sorted(sentences), names, strict=True))
    return {key: split_of[_series(clip)][sentence_of(clip)] for key, clip in clips.items()}


def _series(clip: SourceClip) -> tuple[str, str]:
    return clip.label.actor, clip.label.emotion or UNKNOWN


def _sizes_of_few(count: int, shares: Sequence[float]) -> list[int]:
    """Return whole sizes; with fewer items than splits train comes first, then test, then val."""
    wanted = [index for index in (0, 2, 1) if shares[index] > 0]
    if count >= len(wanted):
        return _sizes(count, shares)
    return [int(index in wanted[:count]) for index in range(len(shares))]


def shared_actors(actors: Iterable[Collection[str]]) -> list[str]:
    """Return the sorted names of actors who are in more than one of the splits."""
    seen = Counter(actor for split in actors for actor in set(split))
    return sorted(actor for actor, number in seen.items() if number > 1)


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
    order = sorted(groups, key=lambda group: hash_of(config.seed, group))
    sizes = _sizes(len(order), config.shares)
    names = [name for name, size in zip(SPLITS, sizes, strict=True) for _ in range(size)]
    return dict(zip(order, names, strict=True))


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


def hash_of(*parts: object) -> str:
    """Return the sha256 of the parts, joined by slashes."""
    return hashlib.sha256("/".join(map(str, parts)).encode()).hexdigest()
