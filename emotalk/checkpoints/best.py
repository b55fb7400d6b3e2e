"""Choose the best checkpoint of a run by a figure of validation."""

import math
from collections.abc import Mapping

from emotalk.checkpoints.save import TrainState
from emotalk.config.run import TrainConfig

HIGHER_IS_BETTER = {"validation/psnr_mouth": True, "validation/nlmd": False}


def remember_best(state: TrainState, figures: Mapping[str, float], config: TrainConfig) -> bool:
    """Note the step in `state.best` if it is better than every one before; return whether it is.

    Args:
        state: of the run, at the step that was validated; changed in place.
        figures: of this validation, names as in MLflow.
        config: names the watched figure, `checkpoint.keep_best`. A best that was measured by
            another figure, on other clips or other lengths is forgotten.
    """
    name = config.checkpoint.keep_best
    value = figures.get(name, math.nan)
    if math.isnan(value):
        return False
    measured_by = _measured_by(config)
    if state.best_of not in ("", measured_by):
        state.best = None
    state.best_of = measured_by
    score = value if HIGHER_IS_BETTER[name] else -value
    if state.best is not None and score <= state.best[0]:
        return False
    state.best = (score, state.step)
    return True


def _measured_by(config: TrainConfig) -> str:
    """Return what two values of the watched figure must have in common to be compared."""
    wanted = config.validation
    return (
        f"{config.checkpoint.keep_best}, {wanted.clips} clips, {wanted.max_frames} frames, "
        f"landmarks {wanted.landmarks}"
    )
