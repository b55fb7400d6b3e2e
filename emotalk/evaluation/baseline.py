"""Compare the generated videos with those of another model, clip by clip."""

import math

from emotalk.checkpoints.load import LoadedGenerator
from emotalk.evaluation.model_facts import describe_model
from emotalk.evaluation.quantities import quantities
from emotalk.evaluation.report import BaselineReport
from emotalk.evaluation.results import Results, mean_over_actors


def describe_baseline(
    baseline: LoadedGenerator | None, results: Results, seed: int
) -> BaselineReport | None:
    """Return the differences generated minus baseline with intervals; None without a baseline.

    A difference is taken within a clip, so what makes a clip hard for both models cancels.
    """
    if baseline is None:
        return None
    pairs = [
        (clip.actor, clip.rows["generated"], clip.rows["baseline"])
        for clip in results.clips
        if "baseline" in clip.rows
    ]
    actors = [actor for actor, _, _ in pairs]
    differences = {
        name: mean_over_actors(
            [_difference(mine.get(name), other.get(name)) for _, mine, other in pairs], actors, seed
        )
        for name in quantities()
        if any(name in mine and name in other for _, mine, other in pairs)
    }
    return BaselineReport(model=_in_words(baseline), clips=len(pairs), differences=differences)


def _difference(mine: float | None, other: float | None) -> float:
    return math.nan if mine is None or other is None else mine - other


def _in_words(baseline: LoadedGenerator) -> str:
    """Return what is known of a model: name, size, condition image and training data."""
    about = describe_model(baseline)
    return (
        f"{about['model']}: {about['size']}, trained with the "
        f"{baseline.facts.condition.replace('_', ' ')} as condition image; what it knows: "
        f"{about['what it knows']}"
    )
