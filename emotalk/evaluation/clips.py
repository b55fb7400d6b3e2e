"""Choose the clips of an evaluation and read them."""

import math
from collections import Counter
from collections.abc import Sequence

from emotalk.seeding import draw_seed
from emotalk.shards.clip import Clip, read_facts, read_window
from emotalk.shards.manifest import JSON_MEMBER, NEUTRAL_MEMBER
from emotalk.shards.shard_set import Sample, SampleReader


def choose_clips(samples: Sequence[Sample], count: int, *, seed: int) -> list[Sample]:
    """Return `count` samples (0: all) spread over actors and emotions, in the order of their keys.

    Every emotion comes once with another actor before any comes twice with the same; which of an
    actor's clips is taken is a keyed draw, so the same arguments give the same clips.
    """
    actors = sorted({sample.actor for sample in samples})
    emotions = sorted({sample.emotion for sample in samples})
    order = _in_turn(len(actors), len(emotions))
    taken: Counter[tuple[int, int]] = Counter()
    places: dict[str, tuple[int, int]] = {}
    for sample in sorted(samples, key=lambda s: draw_seed(seed, "evaluated clip", s.key)):
        cell = (actors.index(sample.actor), emotions.index(sample.emotion))
        places[sample.key] = (taken[cell], order[cell])
        taken[cell] += 1
    chosen = sorted(samples, key=lambda sample: places[sample.key])[: count or None]
    return sorted(chosen, key=lambda sample: sample.key)


def _in_turn(actors: int, emotions: int) -> dict[tuple[int, int], int]:
    """Return the turn of each (actor, emotion), so that any first turns use both evenly."""
    repeat = math.lcm(actors, emotions)
    turns = range(actors * emotions)
    return {((turn + turn // repeat) % actors, turn % emotions): turn for turn in turns}


def read_clip(reader: SampleReader, sample: Sample) -> Clip:
    """Return the whole clip of a sample with its neutral still and what the corpus says of it.

    Raises:
        DataFault: a member is missing or broken, or the tar is not the one the index describes.
    """
    extras = (NEUTRAL_MEMBER, JSON_MEMBER)
    return read_window(reader, sample, start=0, frames=sample.frames, extras=extras)


def read_sentence(reader: SampleReader, sample: Sample) -> str:
    """Return what is said in a clip, or its key where the corpus does not say.

    Raises:
        DataFault: the sample's JSON is broken, or the tar is not the one the index describes.
    """
    return str(read_facts(reader, sample).get("sentence") or sample.key)
