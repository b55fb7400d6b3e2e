"""Count the samples of a shard set by split, emotion and level, and format the counts as tables."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from emotalk.rejection_reasons import REASONS
from emotalk.schema import UNKNOWN, ClipLabel
from emotalk.shards.sample_table import Sample

LEVELS = ("low", "middle", "high", UNKNOWN)
HEAD = ("", "samples", *LEVELS[:3], "no level")
ROUNDING = 1e-6


@dataclass(frozen=True)
class SplitStatistics:
    """The samples of one split."""

    name: str
    actors: int  # number of different people
    minutes: float  # of video
    samples: Mapping[tuple[str, str], int]  # (emotion, level) -> number of samples


def level_of(intensity: float | None) -> str:
    """Return the third of [0, 1] that an intensity lies in; `unknown` for None."""
    if intensity is None:
        return LEVELS[3]
    return LEVELS[(intensity > 1 / 3 + ROUNDING) + (intensity > 2 / 3 + ROUNDING)]


def count_levels(samples: Iterable[ClipLabel | Sample]) -> Counter[tuple[str, str]]:
    """Return how many samples of each (emotion, level) there are."""
    return Counter((sample.emotion or UNKNOWN, level_of(sample.intensity)) for sample in samples)


def split_facts(samples: Collection[ClipLabel | Sample]) -> dict[str, Any]:
    """Return actors, emotions and levels of a split in the form of the manifest.

    Clips without a known emotion are counted as `unknown`.
    """
    levels: dict[str, dict[str, int]] = {}
    for (emotion, level), number in sorted(count_levels(samples).items()):
        levels.setdefault(emotion, {})[level] = number
    return {
        "actors": sorted({sample.actor for sample in samples}),
        "emotions": dict(sorted(Counter(s.emotion or UNKNOWN for s in samples).items())),
        "levels": levels,
    }


def statistics_lines(splits: Iterable[SplitStatistics]) -> list[str]:
    """Return a table: a row for each split, and below it a row for each of its emotions."""
    rows: list[tuple[str, ...]] = [HEAD]
    for split in splits:
        people = f"{split.actors} actor{'' if split.actors == 1 else 's'}"
        rows.append(_row(f"{split.name} ({people}, {split.minutes:.1f} min)", split.samples))
        for emotion in sorted({emotion for emotion, _ in split.samples}):
            of_it = {pair: n for pair, n in split.samples.items() if pair[0] == emotion}
            rows.append(_row(f"  {emotion}", of_it))
    return _aligned(rows)


def reason_lines(rejected: Mapping[str, int]) -> list[str]:
    """Return a table of the reasons for which clips were left out, the most frequent first."""
    if not rejected:
        return []
    ordered = sorted(rejected.items(), key=lambda item: (-item[1], item[0]))
    rows = [
        ("rejected because", "clips", ""),
        *((why, str(n), _meaning(why)) for why, n in ordered),
    ]
    lines = _aligned([row[:2] for row in rows])
    return [f"{line}  {row[2]}".rstrip() for line, row in zip(lines, rows, strict=True)]


def _meaning(reason: str) -> str:
    return REASONS[reason].meaning if reason in REASONS else ""  # a set may be of a later version


def _row(name: str, samples: Mapping[tuple[str, str], int]) -> tuple[str, ...]:
    by_level = [sum(n for (_, of), n in samples.items() if of == level) for level in LEVELS]
    return (name, *map(str, (sum(by_level), *by_level)))


def _aligned(rows: list[tuple[str, ...]]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join([row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])]).rstrip()
        for row in rows
    ]
