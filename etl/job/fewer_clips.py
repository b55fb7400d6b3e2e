"""Take a part of a corpus: at most so many clips of each split, spread over people and emotions."""

from collections.abc import Mapping

from emotalk.config.etl import SplitConfig
from emotalk.schema import SPLITS, UNKNOWN
from etl.corpora.listing import SourceClip
from etl.job.splits import hash_of


def take_clips(
    clips: Mapping[str, SourceClip], split_of: Mapping[str, str], config: SplitConfig
) -> dict[str, str]:
    """Return key -> split of the clips that `split.most` leaves, in the order of `split_of`.

    Clips are taken in rounds: in each, one of every person and emotion. So a part of a set has the
    same people and emotions, as far as its number allows. Which ones depends on `split.seed` and on
    the names alone.
    """
    if config.most is None:
        return dict(split_of)
    taken: set[str] = set()
    for split, most in zip(SPLITS, config.most, strict=True):
        keys = [key for key, name in split_of.items() if name == split]
        taken.update(_in_rounds({key: clips[key] for key in keys}, config.seed)[:most])
    return {key: split for key, split in split_of.items() if key in taken}


def _in_rounds(clips: Mapping[str, SourceClip], seed: int) -> list[str]:
    """Return the keys ordered by their round, within it by a hash."""
    seen: dict[tuple[str, str], int] = {}
    place: dict[str, tuple[int, str]] = {}
    for key in sorted(clips, key=lambda key: hash_of(seed, "part", key)):
        label = clips[key].label
        cell = (label.actor, label.emotion or UNKNOWN)
        place[key] = (seen.get(cell, 0), hash_of(seed, "cell", *cell))
        seen[cell] = seen.get(cell, 0) + 1
    return sorted(place, key=place.__getitem__)
