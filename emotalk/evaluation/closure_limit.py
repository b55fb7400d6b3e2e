"""Add the share of P, B and M with a shut mouth, by a limit that the true clips of the set give."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from emotalk.evaluation.quantities.closure import shut_and_open
from emotalk.evaluation.results import ClipResults, Results
from emotalk.metrics.closure import closure_rate, shut_limit

OF_THE_SET = frozenset({"closure_rate"})
"""Figures of a clip that depend on the other clips of its evaluation, by the limit of all."""


def add_closure_rates(results: Results) -> Results:
    """Return the results with `closure_rate` in every row of the clips whose sounds are known.

    A mouth is shut below the opening that best parts bilabials from open vowels in the true clips,
    of all actors together.
    """
    limit = true_limit(results.clips)
    if not np.isfinite(limit):
        return results
    return replace(results, clips=[_with_rates(clip, limit) for clip in results.clips])


def true_limit(clips: Sequence[ClipResults]) -> float:
    """Return the limit of the true clips, in outer-eye distances; NaN if no sounds are known."""
    known = [
        shut_and_open(clip.openings["truth"], clip.phones)
        for clip in clips
        if clip.phones is not None
    ]
    if not known:
        return float("nan")
    shut, opened = (np.concatenate(values) for values in zip(*known, strict=True))
    return shut_limit(shut, opened)


def _with_rates(clip: ClipResults, limit: float) -> ClipResults:
    if clip.phones is None:
        return clip
    rows = {
        row: figures
        | {"closure_rate": closure_rate(shut_and_open(clip.openings[row], clip.phones)[0], limit)}
        if row in clip.openings
        else figures
        for row, figures in clip.rows.items()
    }
    return replace(clip, rows=rows)
