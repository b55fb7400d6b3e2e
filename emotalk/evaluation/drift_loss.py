"""Compute by what share a long video is worse than a shorter one, with an interval."""

from collections.abc import Sequence

import numpy as np

from emotalk.evaluation.comparison import Direction, Quantity
from emotalk.evaluation.report import DriftLoss, finite
from emotalk.evaluation.results import Figures
from emotalk.metrics.bootstrap import bootstrap_ratio
from emotalk.schema import Doubles

JOINED, SHORT, ALONE, TRUTH = "joined", "short", "alone", "truth"


def drift_loss(
    keys: Sequence[str],
    rows: Sequence[dict[str, Figures]],
    name: str,
    quantity: Quantity,
    *,
    control: str,
    seed: int,
) -> DriftLoss | None:
    """Return by what share of its value in the control a figure is worse in the joined video.

    A figure near 1, or near the true clips', loses by the distance from there, as a share of 1 or
    of the true clips' mean. Negative: it is better. None where the figure is undefined in every
    part, and where the control's value is 0.

    Args:
        keys: the clip of each part; the interval is over clips.
        rows: of each part: joined, the control and, where the figure has one, truth -> figures.
        name: of the figure.
        quantity: its description.
        control: the row to compare with, `SHORT` or `ALONE`.
        seed: of the bootstrap.
    """
    values_P3 = np.array([[row.get(of, {}).get(name, np.nan) for of in (JOINED, control, TRUTH)]
                          for row in rows]).reshape(-1, 3)  # fmt: skip
    joined_P, control_P, true_P = values_P3.T
    worse_P, base_P = _losses(joined_P, control_P, true_P, quantity.better)
    known_P = np.isfinite(worse_P) & np.isfinite(base_P)
    base_P = np.abs(base_P)
    if not known_P.any() or not base_P[known_P].any():
        return None
    clips = [key for key, use in zip(keys, known_P.tolist(), strict=True) if use]
    share, low, high = bootstrap_ratio(worse_P[known_P], base_P[known_P], clips, seed=seed)
    return DriftLoss(share=share, low=finite(low), high=finite(high), clips=len({*clips}))


def _losses(
    joined_P: Doubles, control_P: Doubles, true_P: Doubles, better: Direction
) -> tuple[Doubles, Doubles]:
    """Return how much worse each part is, and what it is a share of."""
    if better == "higher":
        return control_P - joined_P, control_P
    if better == "lower":
        return joined_P - control_P, control_P
    target_P = np.ones_like(true_P) if better == "near_1" else true_P
    return np.abs(joined_P - target_P) - np.abs(control_P - target_P), target_P
