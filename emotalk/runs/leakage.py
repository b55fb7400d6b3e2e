"""Find people that one shard set trains on and another of the same corpus validates or tests on."""

from itertools import permutations

from emotalk.printable import printable
from emotalk.shards.joined_set import AnyShardSet
from emotalk.shards.shard_set import ShardSet

SHOWN = 5


def leakage_lines(shard_set: AnyShardSet) -> list[str]:
    """Return a line on each two sets of one corpus whose splits share names of actors."""
    lines = []
    for one, other in permutations(shard_set.sets, 2):
        shared = sorted(_actors(one, "train") & (_actors(other, "val") | _actors(other, "test")))
        if shared and one.manifest.config.get("corpus") == other.manifest.config.get("corpus"):
            shown = ", ".join(map(printable, shared[:SHOWN])) + ", ..." * (len(shared) > SHOWN)
            lines.append(
                f"{len(shared)} actors of the training split of {one.location} have the names of "
                f"some in the other splits of {other.location}: {shown}; if they are the same "
                "people, no figure of these splits is of unseen people"
            )
    return lines


def _actors(shard_set: ShardSet, split: str) -> set[str]:
    """Return the actors of a split by the manifest, which need not say."""
    named = shard_set.manifest.splits.get(split, {}).get("actors")
    return {name for name in named if isinstance(name, str)} if isinstance(named, list) else set()
