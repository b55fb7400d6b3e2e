"""Collect what the report shows of a shard set from its manifest, indexes and JSON lines."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TypeGuard

from emotalk.lip_sync.limits import SURE
from emotalk.shards.json_lines import fit_lines
from emotalk.shards.manifest import Manifest
from emotalk.shards.measures import ClipMeasures, read_measures
from emotalk.shards.names import REJECTED_NAME
from emotalk.shards.rejected import RejectedClip
from emotalk.shards.rejected_pictures import read_pictures
from emotalk.shards.sample_table import Sample
from emotalk.shards.shard_set import ShardSet

MOST_ROWS = 100  # reasons, or limits; a set of this program has fewer
LARGEST_LIMIT = 1e300


@dataclass(frozen=True)
class Facts:
    """Hold the facts about a set that the page shows."""

    manifest: Manifest
    samples: tuple[Sample, ...]  # the accepted clips
    split_of: Mapping[str, str]  # key of a sample -> split
    rejected: tuple[RejectedClip, ...]  # by clip
    measures: Mapping[str, ClipMeasures]  # by key; empty in sets of older versions
    pictures: Mapping[str, bytes]  # of rejected clips, JPEG by clip

    @property
    def limits(self) -> dict[str, float]:
        """Return the settings of `quality` that are numbers, sorted by name."""
        quality = self.manifest.config.get("quality")
        found = sorted(quality.items()) if isinstance(quality, dict) else ()
        numbers = {str(name): float(value) for name, value in found if _is_number(value)}
        return dict(islice(numbers.items(), MOST_ROWS))

    @property
    def drawn_limits(self) -> dict[str, float]:
        """Return what bounds values: the limits, and those of the sound's offset on both sides."""
        limits = self.limits
        early = {"-max_sync_shift": -limits["max_sync_shift"]} if "max_sync_shift" in limits else {}
        return {**limits, **early, "sure": SURE}

    @property
    def rejected_by_reason(self) -> dict[str, int]:
        """Return how many clips each of the most frequent reasons left out, in this order."""
        counts = self.manifest.rejected_by_reason
        return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:MOST_ROWS])

    def value(self, key: str, measure: str) -> float | None:
        """Return a value of a clip, None where it was not measured.

        An offset of the sound that is not sure counts as not measured.
        """
        line = self.measures.get(key)
        if line is None or (measure == "sync_offset" and (line.sync_confidence or 0) < SURE):
            return None
        value: float | None = getattr(line, measure)
        return value


def collect(folder: Path, shard_set: ShardSet) -> Facts:
    """Return the facts of the set in a folder; lines of its side files that are unfit are left out.

    Raises:
        WrongUse: an index is missing or damaged.
    """
    manifest = shard_set.manifest
    by_split = {name: shard_set.split(name).samples for name in manifest.split_names}
    return Facts(
        manifest=manifest,
        samples=tuple(sample for samples in by_split.values() for sample in samples),
        split_of={s.key: name for name, samples in by_split.items() for s in samples},
        rejected=tuple(fit_lines(RejectedClip, folder / REJECTED_NAME)),
        measures=read_measures(folder),
        pictures=read_pictures(folder),
    )


def _is_number(value: object) -> TypeGuard[int | float]:
    """Return whether a value is a number that is shown; whole ones of JSON have no bound."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return abs(value) <= LARGEST_LIMIT
