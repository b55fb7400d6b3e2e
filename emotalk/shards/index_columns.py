"""Read an index file straight into the columns of a sample table.

`parse_index` checks an index field by field and says what is wrong with it. Over a million samples
that takes minutes and gigabytes. Here the same rules are checked over whole columns. An index that
breaks one of them, or has an unusual form, goes to `parse_index`, which decides.
"""

import re
import tarfile
from collections.abc import Iterable, Sequence
from itertools import accumulate, chain
from typing import Any

import numpy as np
from numpy.typing import NDArray

from emotalk.files.small_files import parse_json
from emotalk.schema import EMOTIONS_MEAD8, FORMAT_VERSION
from emotalk.shards.index import MAX_FRAMES, SampleEntry, parse_index
from emotalk.shards.manifest import ShardEntry
from emotalk.shards.record import LONGEST_ACTOR, LONGEST_NAME
from emotalk.shards.sample_table import NO_EMOTION, Codes, Ints, Sample, SampleTable, packed

SUFFIX = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
EMOTION_CODES = {name: code for code, name in enumerate(EMOTIONS_MEAD8)} | {None: NO_EMOTION}
INTENSITY_TYPES = {float, int, type(None)}


class Doubtful(ValueError):  # noqa: N818  the slower check decides
    """An index has a form that is not checked here."""


def read_index(data: bytes, where: str, shard: ShardEntry, number: int) -> SampleTable:
    """Return the samples of an index file; `number` is that of its tar in the manifest.

    Raises:
        WrongUse: as `parse_index`.
    """
    try:
        return _columns(data, shard, number)
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError):
        entries = parse_index(data, where, shard).samples
        return SampleTable.of(sample_of(entry, number) for entry in entries)


def sample_of(entry: SampleEntry, shard: int) -> Sample:
    """Return an entry of the index of the manifest's shard number `shard` as a sample."""
    return Sample(shard=shard, **dict(entry))


def _columns(data: bytes, shard: ShardEntry, number: int) -> SampleTable:
    tree = parse_json(data)
    entries = tree["samples"]
    _require(tree["format"] == FORMAT_VERSION, type(entries) is list)
    keys = _names([entry["key"] for entry in entries], LONGEST_NAME, without="./\\")
    actors = _names([entry["actor"] for entry in entries], LONGEST_ACTOR)
    frames = [entry["frames"] for entry in entries]
    _require(_types(frames) <= {int}, min(frames, default=1) > 0)
    _require(max(frames, default=1) <= MAX_FRAMES)
    _require((len(entries), sum(frames)) == (shard.samples, shard.frames))
    intensity_N = _intensities([entry.get("intensity") for entry in entries])
    layouts: dict[tuple[str, ...], int] = {}
    members = [entry["members"] for entry in entries]
    layout = [layouts.setdefault(tuple(places), len(layouts)) for places in members]
    _require(all(SUFFIX.fullmatch(suffix) for suffix in chain.from_iterable(layouts)))
    places = _places(members)
    _check_places(places, [len(found) for found in members], shard.bytes)
    key_bytes, key_ends = packed(keys)
    return SampleTable(
        frames_N=np.array(frames, np.int32),
        shard_N=np.full(len(entries), number, np.int32),
        emotion_N=np.array([EMOTION_CODES[entry["emotion"]] for entry in entries], np.int8),
        intensity_N=intensity_N,
        actors=Codes.of(actors),
        _key_bytes=key_bytes,
        _key_ends=key_ends,
        _layouts=tuple(layouts),
        _layout_N=np.array(layout, np.int32),
        _places=places,
        _place_ends=np.array([0, *accumulate(map(len, members))], np.int64),
    )


def _require(*conditions: bool) -> None:
    if not all(conditions):
        raise Doubtful


def _types(values: Iterable[object]) -> set[type]:
    return set(map(type, values))


def _names(names: Sequence[Any], longest: int, *, without: str = "") -> Sequence[str]:
    """Return names that are printable, not empty, and of at most `longest` bytes."""
    _require(_types(names) <= {str}, all(names))
    together = "".join(names)
    _require(together.isprintable(), not any(letter in together for letter in without))
    lengths = map(len, names if together.isascii() else (name.encode() for name in names))
    _require(max(lengths, default=0) <= longest)
    return names


def _intensities(values: Sequence[Any]) -> NDArray[np.float64]:
    """Return the intensities, NaN for None."""
    _require(_types(values) <= INTENSITY_TYPES)
    found = np.array(values, np.float64)
    _require(int(np.isnan(found).sum()) == values.count(None))
    _require(not bool(((found < 0) | (found > 1)).any()))
    return found


def _places(members: Sequence[Any]) -> Ints:
    """Return offset and size of each member, (M, 2)."""
    _require(_types(members) <= {dict})
    pairs = list(chain.from_iterable(found.values() for found in members))
    places = np.array(pairs)  # another type where one is no whole number, or too large a one
    _require(places.dtype == np.int64, places.shape == (len(pairs), 2))
    return places


def _check_places(places: Ints, counts: Sequence[int], end: int) -> None:
    """Require what a tar guarantees; see `index.parse_index`.

    Every member begins a block after the block of its header, the members of a sample stand
    together, and no two overlap.
    """
    _require(min(counts, default=1) > 0)
    sample = np.repeat(np.arange(len(counts)), counts)
    order = np.argsort(places[:, 0], kind="stable")
    begins, sizes = places[order].T
    ends = np.concatenate([np.zeros(1, np.int64), begins + sizes])
    changes = np.count_nonzero(np.diff(sample[order]))
    _require(
        bool((places >= 0).all()),
        bool((places <= end).all()),
        bool((begins % tarfile.BLOCKSIZE == 0).all()),
        bool((begins >= ends[:-1] + tarfile.BLOCKSIZE).all()),
        int(ends.max()) <= end,
        changes == max(len(counts) - 1, 0),
    )
