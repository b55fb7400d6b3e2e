"""Estimate means with 95 % intervals by resampling actors, or the clips of a single actor."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from emotalk.seeding import numpy_generator

DRAWS = 2000  # resampled sets

Resampled = Literal["actors", "clips"]


@dataclass(frozen=True)
class Estimate:
    """A mean over clips with its 95 % interval; NaN if no clip has a value."""

    mean: float
    low: float
    high: float
    clips: int  # with a value
    undefined: int  # clips without a value (NaN or infinite)
    actors: int  # of the clips with a value
    over: Resampled = "actors"  # what was resampled; clips where there is one actor only


def bootstrap_over_actors(
    values: Sequence[float] | NDArray[np.float64], actors: Sequence[str], *, seed: int = 0
) -> Estimate:
    """Return the mean over clips and its 95 % interval by resampling ACTORS with replacement.

    Clips of one actor are correlated, so resampling clips would give too narrow an interval. It
    runs from the 2.5th to the 97.5th percentile of the means of the resampled sets. NaN and
    infinite values are left out and counted. With a single actor CLIPS are resampled: the interval
    then holds for further clips of this actor, and for nobody else.

    Raises:
        ValueError: the lengths differ.
    """
    value_B = np.asarray(values, np.float64)
    if len(value_B) != len(actors):
        raise ValueError(f"bootstrap: {len(value_B)} values for {len(actors)} actors")
    known = np.isfinite(value_B)
    names = sorted({actor for actor, use in zip(actors, known, strict=True) if use})
    missing = int((~known).sum())
    if not names:
        return Estimate(float("nan"), float("nan"), float("nan"), 0, missing, 0)
    over: Resampled = "actors" if len(names) > 1 else "clips"
    place = {name: index for index, name in enumerate(names)}
    owner = np.array([place[a] for a, use in zip(actors, known, strict=True) if use])
    if over == "clips":
        owner = np.arange(len(owner))
    sums = np.bincount(owner, value_B[known])
    counts = np.bincount(owner)
    picks = numpy_generator(seed, "bootstrap").integers(len(sums), size=(DRAWS, len(sums)))
    means = sums[picks].sum(1) / counts[picks].sum(1)
    low, high = np.percentile(means, [2.5, 97.5])
    return Estimate(
        mean=float(value_B[known].mean()),
        low=float(low),
        high=float(high),
        clips=int(known.sum()),
        undefined=missing,
        actors=len(names),
        over=over,
    )


def bootstrap_ratio(
    above: Sequence[float] | NDArray[np.float64],
    below: Sequence[float] | NDArray[np.float64],
    groups: Sequence[str],
    *,
    seed: int,
) -> tuple[float, float, float]:
    """Return sum(above) / sum(below) with its 95 % interval by resampling GROUPS with replacement.

    Values of one group, such as a clip that comes twice, stay together. A resampled set whose
    `below` sums to 0 counts as infinite, or as 0 where `above` does, too.

    Raises:
        ValueError: the lengths differ, nothing is given, or `below` sums to 0 or is negative
            somewhere.
    """
    above_P, below_P = np.asarray(above, np.float64), np.asarray(below, np.float64)
    if not len(above_P) == len(below_P) == len(groups) or not len(groups):
        raise ValueError(
            f"bootstrap: {len(above_P)} and {len(below_P)} values for {len(groups)} groups"
        )
    if not below_P.sum() > 0 or (below_P < 0).any():
        raise ValueError("bootstrap: a ratio needs a positive sum of values from 0 on below")
    place = {name: index for index, name in enumerate(sorted(set(groups)))}
    owner = np.array([place[name] for name in groups])
    sums_2G = np.stack([np.bincount(owner, above_P), np.bincount(owner, below_P)])
    picks = numpy_generator(seed, "bootstrap").integers(len(place), size=(DRAWS, len(place)))
    above_D, below_D = sums_2G[:, picks].sum(-1)
    endless_D = np.where(above_D == 0, 0.0, np.copysign(np.inf, above_D))
    ratio_D = np.divide(above_D, below_D, out=endless_D, where=below_D > 0)
    # Between two draws of which one is infinite, there is no value: one of both is taken.
    low = np.percentile(ratio_D, 2.5, method="lower")
    high = np.percentile(ratio_D, 97.5, method="higher")
    return float(above_P.sum() / below_P.sum()), float(low), float(high)
