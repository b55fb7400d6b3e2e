"""Choose the clips of an evaluation or a validation, and read them."""

import math
from collections import Counter
from collections.abc import Sequence

from emotalk.schema import UNKNOWN
from emotalk.seeding import draw_seed
from emotalk.shards.clip import Clip, read_facts, read_window
from emotalk.shards.names import JSON_MEMBER, NEUTRAL_MEMBER
from emotalk.shards.reader import SampleReader
from emotalk.shards.sample_table import Sample


def choose_clips(samples: Sequence[Sample], count: int, *, seed: int) -> list[Sample]:
    """Return `count` samples (0: all) for an evaluation, in the order of their keys."""
    chosen = spread_clips(samples, count, seed=seed, purpose="evaluated clip", over_actors=True)
    return sorted(chosen, key=lambda sample: sample.key)


def spread_clips(
    samples: Sequence[Sample], count: int, *, seed: int, purpose: str, over_actors: bool
) -> list[Sample]:
    """Return `count` samples (0: all) spread over the emotions, every emotion in turn.

    The order of `samples` does not matter; another `purpose` gives another draw. With `over_actors`
    every emotion comes once with each actor before it comes twice with one.
    """
    actors = sorted({sample.actor for sample in samples}) if over_actors else []
    emotions = sorted({sample.emotion or UNKNOWN for sample in samples})
    order = _turns(max(1, len(actors)), len(emotions))
    taken: Counter[tuple[int, int]] = Counter()
    places: dict[str, tuple[int, int]] = {}
    for sample in sorted(samples, key=lambda s: draw_seed(seed, purpose, s.key)):
        actor = actors.index(sample.actor) if over_actors else 0
        cell = (actor, emotions.index(sample.emotion or UNKNOWN))
        places[sample.key] = (taken[cell], order[cell])
        taken[cell] += 1
    return sorted(samples, key=lambda sample: places[sample.key])[: count or None]


def _turns(actors: int, emotions: int) -> dict[tuple[int, int], int]:
    """Return the turn of each (actor, emotion), so that the first turns use both evenly."""
    repeat = math.lcm(actors, emotions)
    turns = range(actors * emotions)
    return {((turn + turn // repeat) % actors, turn % emotions): turn for turn in turns}


def read_clip(reader: SampleReader, sample: Sample) -> Clip:
    """Return the whole clip of a sample with its neutral still and its JSON.

    Raises:
        DataFault: a member is missing or broken, or the tar is not the one the index describes.
    """
    extras = (NEUTRAL_MEMBER, JSON_MEMBER)
    return read_window(reader, sample, start=0, frames=sample.frames, extras=extras)


def read_sentence(reader: SampleReader, sample: Sample) -> str:
    """Return the sentence of a clip, or its key if the corpus does not state it.

    Raises:
        DataFault: the sample's JSON is broken, or the tar is not the one the index describes.
    """
    return str(read_facts(reader, sample).get("sentence") or sample.key)
