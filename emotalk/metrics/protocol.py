"""Summarise figures with intervals, and choose the clips of baselines."""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from emotalk.schema import check_shape
from emotalk.seeding import draw_seed, numpy_generator


@dataclass(frozen=True)
class Estimate:
    """A mean over clips with its 95 % interval.

    Attributes:
        mean: over the clips that have a value; NaN if none has.
        low: lower end of the interval over resampled actors; equals `mean` with a single actor,
            of whose spread nothing is known.
        high: upper end.
        clips: clips that have a value.
        undefined: clips without one (NaN).
        actors: actors of the clips that have one.
    """

    mean: float
    low: float
    high: float
    clips: int
    undefined: int
    actors: int


def bootstrap_over_actors(
    values: Sequence[float] | NDArray[np.float64],
    actors: Sequence[str],
    *,
    seed: int = 0,
    draws: int = 2000,
) -> Estimate:
    """Return the mean over clips and its 95 % interval by resampling ACTORS with replacement.

    Clips of one face are alike, so resampling clips would promise too much. The interval runs from
    the 2.5th to the 97.5th percentile of the means of the resampled sets.

    Args:
        values: one figure a clip; NaN is left out and counted; infinite counts as undefined too.
        actors: whose clip it is.
        seed: of the resampling.
        draws: how many resampled sets.

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
    place = {name: index for index, name in enumerate(names)}
    owner = np.array([place[a] for a, use in zip(actors, known, strict=True) if use])
    sums = np.bincount(owner, value_B[known])
    counts = np.bincount(owner)
    picks = numpy_generator(seed, "bootstrap").integers(len(names), size=(draws, len(names)))
    means = sums[picks].sum(1) / counts[picks].sum(1)
    low, high = np.percentile(means, [2.5, 97.5])
    return Estimate(
        float(value_B[known].mean()), float(low), float(high), int(known.sum()), missing, len(names)
    )


def repeat_frame(image_BCHW: Tensor, frames: int) -> Tensor:
    """Return the baseline "repeat the condition frame", (B, T, C, H, W): it never moves."""
    check_shape(image_BCHW, "B C H W", "condition image")
    return image_BCHW[:, None].expand(-1, frames, -1, -1, -1)


def partners_with_other_speech(
    keys: Sequence[str], sentences: Sequence[Hashable], actors: Sequence[str], *, seed: int = 0
) -> list[int | None]:
    """Return for each clip the index of a clip that says ANOTHER sentence, or None without one.

    The same actor's clips come first (only the words differ then), else anyone's; among equals a
    keyed draw decides, so adding clips does not reorder the rest.

    Args:
        keys: unique names of the clips.
        sentences: what is said in each; equal values are the same words.
        actors: who says it.
        seed: of the draw.
    """

    def order(clip: int, other: int) -> tuple[bool, int]:
        return actors[clip] != actors[other], draw_seed(seed, "partner", keys[clip], keys[other])

    found: list[int | None] = []
    for clip in range(len(keys)):
        others = [i for i in range(len(keys)) if i != clip and sentences[i] != sentences[clip]]
        found.append(min(others, key=lambda other: order(clip, other), default=None))
    return found
