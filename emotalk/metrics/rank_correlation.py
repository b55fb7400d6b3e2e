"""Compute how well one quantity rises with another: Spearman's rank correlation."""

from collections.abc import Sequence

import numpy as np
from scipy.stats import rankdata

from emotalk.metrics.bootstrap import DRAWS
from emotalk.schema import Doubles
from emotalk.seeding import numpy_generator


def spearman(asked: Sequence[float] | Doubles, seen: Sequence[float] | Doubles) -> float:
    """Return the correlation of the ranks, in [-1, 1]; equal values share their mean rank.

    NaN with fewer than two values, or where one side is constant.

    Raises:
        ValueError: the lengths differ.
    """
    asked_N, seen_N = np.asarray(asked, np.float64), np.asarray(seen, np.float64)
    if asked_N.shape != seen_N.shape:
        raise ValueError(f"ranks: {len(asked_N)} values for {len(seen_N)}")
    if len(asked_N) < 2:
        return float("nan")
    ranks = rankdata(asked_N), rankdata(seen_N)
    if any(np.ptp(rank) == 0 for rank in ranks):
        return float("nan")
    return float(np.corrcoef(*ranks)[0, 1])


def grouped_spearman(asked: Sequence[float], seen: Sequence[float], groups: Sequence[str]) -> float:
    """Return the mean correlation within each group, weighted by its values; NaN without any.

    So a group whose values lie higher, such as an emotion that is easier to see, gives none.
    """
    values, weights = [], []
    for group in sorted(set(groups)):
        places = [place for place, name in enumerate(groups) if name == group]
        value = spearman([asked[p] for p in places], [seen[p] for p in places])
        if np.isfinite(value):
            values.append(value)
            weights.append(len(places))
    return float(np.average(values, weights=weights)) if values else float("nan")


def grouped_spearman_interval(
    asked: Sequence[float],
    seen: Sequence[float],
    groups: Sequence[str],
    actors: Sequence[str],
    *,
    seed: int = 0,
    draws: int = DRAWS // 4,
) -> tuple[float, float, float]:
    """Return the correlation of `grouped_spearman` and the ends of its 95 % interval over actors.

    With a single actor its values are resampled. NaN where no resampled set has a correlation.
    """
    names = sorted(set(actors))
    owned = [[p for p, actor in enumerate(actors) if actor == name] for name in names]
    units = owned if len(names) > 1 else [[place] for place in range(len(asked))]
    generator = numpy_generator(seed, "bootstrap of ranks")
    drawn = []
    for _ in range(draws if units else 0):
        places = [
            p for unit in generator.integers(len(units), size=len(units)) for p in units[unit]
        ]
        drawn.append(
            grouped_spearman(
                [asked[p] for p in places], [seen[p] for p in places], [groups[p] for p in places]
            )
        )
    finite = np.asarray(drawn)[np.isfinite(drawn)]
    low, high = np.percentile(finite, [2.5, 97.5]) if len(finite) else (np.nan, np.nan)
    return grouped_spearman(asked, seen, groups), float(low), float(high)
