"""Hold the samples of a split as columns: a million of them take 0.2 GiB and no Python objects.

Arrays are not written to when they are read, so processes that were forked share their memory.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import TypeAlias, TypeVar, overload

import numpy as np
from numpy.typing import NDArray

from emotalk.schema import EMOTIONS_MEAD8

Ints: TypeAlias = NDArray[np.int64]
Flags: TypeAlias = NDArray[np.bool_]
NO_EMOTION = -1

Number = TypeVar("Number", bound=np.generic)


@dataclass(frozen=True, slots=True)
class Sample:
    """One sample of a split."""

    key: str
    frames: int  # length at 25 Hz
    actor: str
    emotion: str | None  # None if unknown
    intensity: float | None  # in [0, 1], or None if unknown
    shard: int  # index of its tar among the manifest's shards
    members: dict[str, tuple[int, int]]  # suffix -> (offset of the data, size) in bytes


@dataclass(frozen=True, eq=False)
class Codes:
    """A column of few different values: their list, and the place in it of each sample's."""

    values: tuple[str, ...]
    codes_N: NDArray[np.int32]

    @classmethod
    def of(cls, names: Iterable[str]) -> "Codes":
        """Return the column of these names."""
        places: dict[str, int] = {}
        codes = [places.setdefault(name, len(places)) for name in names]
        return cls(tuple(places), np.array(codes, np.int32))

    def used(self) -> tuple[str, ...]:
        """Return the different values that occur, in the order of `values`."""
        return tuple(self.values[code] for code in np.unique(self.codes_N))


@dataclass(frozen=True, eq=False)
class SampleTable(Sequence[Sample]):
    """The samples of a split, in order; N of them.

    An item is built as a `Sample` when it is asked for. Whatever is asked of all samples is asked
    of a column.

    Attributes:
        frames_N: lengths at 25 Hz.
        shard_N: indexes of the tars among the manifest's shards.
        emotion_N: indexes into `EMOTIONS_MEAD8`, `NO_EMOTION` where it is unknown.
        intensity_N: in [0, 1], NaN where it is unknown.
        actors: names of the people.
    """

    frames_N: NDArray[np.int32]
    shard_N: NDArray[np.int32]
    emotion_N: NDArray[np.int8]
    intensity_N: NDArray[np.float64]
    actors: Codes
    _key_bytes: NDArray[np.uint8]  # the keys in UTF-8, one behind the other
    _key_ends: Ints  # N + 1: where each begins, and the end
    _layouts: tuple[tuple[str, ...], ...]  # the suffixes of samples that have the same ones
    _layout_N: NDArray[np.int32]
    _places: Ints  # (M, 2) offset and size of each member
    _place_ends: Ints  # N + 1: row in `_places` of each sample's first member, and the end

    @classmethod
    def of(cls, samples: Iterable[Sample]) -> "SampleTable":
        """Return the table of these samples.

        Raises:
            ValueError: an emotion that is none of `EMOTIONS_MEAD8`.
        """
        samples = samples if isinstance(samples, Sequence) else tuple(samples)
        if isinstance(samples, SampleTable):
            return samples
        layouts: dict[tuple[str, ...], int] = {}
        members = [sample.members for sample in samples]
        layout = [layouts.setdefault(tuple(places), len(layouts)) for places in members]
        keys, ends = packed([sample.key for sample in samples])
        return cls(
            frames_N=np.array([sample.frames for sample in samples], np.int32),
            shard_N=np.array([sample.shard for sample in samples], np.int32),
            emotion_N=np.array([emotion_code(sample.emotion) for sample in samples], np.int8),
            intensity_N=np.array([sample.intensity for sample in samples], np.float64),
            actors=Codes.of(sample.actor for sample in samples),
            _key_bytes=keys,
            _key_ends=ends,
            _layouts=tuple(layouts),
            _layout_N=np.array(layout, np.int32),
            _places=np.array(
                [place for places in members for place in places.values()], np.int64
            ).reshape(-1, 2),
            _place_ends=np.array([0, *accumulate(map(len, members))], np.int64),
        )

    @classmethod
    def joined(cls, tables: Iterable["SampleTable"]) -> "SampleTable":
        """Return one table of the samples of several, in order."""
        parts = list(tables)
        if len(parts) == 1:
            return parts[0]
        if not parts:
            return cls.of(())
        actors: dict[str, int] = {}
        layouts: dict[tuple[str, ...], int] = {}
        return cls(
            frames_N=np.concatenate([part.frames_N for part in parts]),
            shard_N=np.concatenate([part.shard_N for part in parts]),
            emotion_N=np.concatenate([part.emotion_N for part in parts]),
            intensity_N=np.concatenate([part.intensity_N for part in parts]),
            actors=_joined_codes(parts, actors),
            _key_bytes=np.concatenate([part._key_bytes for part in parts]),
            _key_ends=_joined_ends([part._key_ends for part in parts]),
            _layout_N=np.concatenate([part._layouts_in(layouts) for part in parts]),
            _layouts=tuple(layouts),
            _places=np.concatenate([part._places for part in parts]),
            _place_ends=_joined_ends([part._place_ends for part in parts]),
        )

    def __len__(self) -> int:
        """Return the number of samples."""
        return len(self.frames_N)

    @overload
    def __getitem__(self, number: int) -> Sample: ...

    @overload
    def __getitem__(self, number: slice) -> tuple[Sample, ...]: ...

    def __getitem__(self, number: int | slice) -> Sample | tuple[Sample, ...]:
        """Return one sample, or those of a slice."""
        if isinstance(number, slice):
            return tuple(self._at(n) for n in range(*number.indices(len(self))))
        if not -len(self) <= number < len(self):
            raise IndexError(f"sample {number} of {len(self)}")
        return self._at(number % len(self))

    def __iter__(self) -> Iterator[Sample]:
        """Yield the samples in order."""
        return map(self._at, range(len(self)))

    def __eq__(self, other: object) -> bool:
        """Return whether another table holds equal samples in the same order."""
        return isinstance(other, SampleTable) and tuple(self) == tuple(other)

    __hash__ = None  # type: ignore[assignment]  # tables are compared, never looked up

    def key(self, number: int) -> str:
        """Return the key of a sample."""
        begin, end = self._key_ends[number], self._key_ends[number + 1]
        return self._key_bytes[begin:end].tobytes().decode()

    def every_key(self) -> Iterator[str]:
        """Yield the keys in order."""
        return (key.decode() for key in self._encoded_keys())

    def key_hashes(self) -> Ints:
        """Return a hash of each key; equal keys have equal ones in this process."""
        return np.fromiter(map(hash, self._encoded_keys()), np.int64, len(self))

    def _encoded_keys(self) -> Iterator[bytes]:
        together = self._key_bytes.tobytes()
        return (together[begin:end] for begin, end in pairwise(self._key_ends.tolist()))

    def emotions(self) -> tuple[str | None, ...]:
        """Return the different emotions that occur, None for unknown ones."""
        return tuple(emotion_name(int(code)) for code in np.unique(self.emotion_N))

    def having(self, wanted: Callable[[tuple[str, ...]], bool]) -> Flags:
        """Return for each sample what `wanted` says about the suffixes of its members, bool."""
        answers = np.array([wanted(layout) for layout in self._layouts], np.bool_)
        found: Flags = answers[self._layout_N]
        return found

    def where(self, flags_N: Flags) -> "SampleTable":
        """Return the table of the samples whose flag is set; itself where all are."""
        if bool(flags_N.all()):
            return self
        rows = np.flatnonzero(flags_N)
        keys, key_ends = _taken(self._key_bytes, self._key_ends, rows)
        places, place_ends = _taken(self._places, self._place_ends, rows)
        return SampleTable(
            frames_N=self.frames_N[rows],
            shard_N=self.shard_N[rows],
            emotion_N=self.emotion_N[rows],
            intensity_N=self.intensity_N[rows],
            actors=Codes(self.actors.values, self.actors.codes_N[rows]),
            _key_bytes=keys,
            _key_ends=key_ends,
            _layouts=self._layouts,
            _layout_N=self._layout_N[rows],
            _places=places,
            _place_ends=place_ends,
        )

    def named(self, name: str, first_shard: int) -> "SampleTable":
        """Return the table as a part of several sets.

        Keys and actors get `name.` in front, and shards are numbered from `first_shard` on.
        """
        keys, ends = packed([f"{name}.{key}" for key in self.every_key()])
        people = tuple(f"{name}.{actor}" for actor in self.actors.values)
        return SampleTable(
            frames_N=self.frames_N,
            shard_N=self.shard_N + np.int32(first_shard),
            emotion_N=self.emotion_N,
            intensity_N=self.intensity_N,
            actors=Codes(people, self.actors.codes_N),
            _key_bytes=keys,
            _key_ends=ends,
            _layouts=self._layouts,
            _layout_N=self._layout_N,
            _places=self._places,
            _place_ends=self._place_ends,
        )

    def _at(self, number: int) -> Sample:
        intensity = float(self.intensity_N[number])
        begin, end = self._place_ends[number], self._place_ends[number + 1]
        suffixes = self._layouts[self._layout_N[number]]
        places = (tuple(place) for place in self._places[begin:end].tolist())
        return Sample(
            key=self.key(number),
            frames=int(self.frames_N[number]),
            actor=self.actors.values[self.actors.codes_N[number]],
            emotion=emotion_name(int(self.emotion_N[number])),
            intensity=None if np.isnan(intensity) else intensity,
            shard=int(self.shard_N[number]),
            members=dict(zip(suffixes, places, strict=True)),
        )

    def _layouts_in(self, known: dict[tuple[str, ...], int]) -> NDArray[np.int32]:
        """Return the samples' places in a list of layouts, which gets those it lacks."""
        places = [known.setdefault(layout, len(known)) for layout in self._layouts]
        found: NDArray[np.int32] = np.array(places, np.int32)[self._layout_N]
        return found


def emotion_code(emotion: str | None) -> int:
    """Return an emotion's index into `EMOTIONS_MEAD8`, `NO_EMOTION` for None.

    Raises:
        ValueError: another name.
    """
    return NO_EMOTION if emotion is None else EMOTIONS_MEAD8.index(emotion)


def emotion_name(code: int) -> str | None:
    """Return the emotion of a code, None for `NO_EMOTION`."""
    return None if code == NO_EMOTION else EMOTIONS_MEAD8[code]


def packed(texts: Sequence[str]) -> tuple[NDArray[np.uint8], Ints]:
    """Return texts in UTF-8 one behind the other, and where each begins and the last ends."""
    together = "".join(texts)
    lengths = map(len, texts if together.isascii() else (text.encode() for text in texts))
    ends = np.array([0, *accumulate(lengths)], np.int64)
    return np.frombuffer(together.encode(), np.uint8), ends


def _taken(values: NDArray[Number], ends: Ints, rows: Ints) -> tuple[NDArray[Number], Ints]:
    """Return the values of some rows, and where each row begins and the last ends."""
    sizes = np.diff(ends)[rows]
    new_ends = np.concatenate([[0], np.cumsum(sizes)])
    shift = np.repeat(ends[rows] - new_ends[:-1], sizes)
    return values[np.arange(new_ends[-1]) + shift], new_ends


def _joined_ends(parts: Sequence[Ints]) -> Ints:
    """Return the ends of rows of several parts that now stand one behind the other."""
    first = accumulate((int(ends[-1]) for ends in parts[:-1]), initial=0)
    shifted = [ends[1:] + begin for ends, begin in zip(parts, first, strict=True)]
    return np.concatenate([np.zeros(1, np.int64), *shifted])


def _joined_codes(parts: Sequence[SampleTable], known: dict[str, int]) -> Codes:
    columns = []
    for part in parts:
        places = [known.setdefault(name, len(known)) for name in part.actors.values]
        columns.append(np.array(places, np.int32)[part.actors.codes_N])
    return Codes(tuple(known), np.concatenate(columns))
