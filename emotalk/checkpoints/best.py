"""Track the best checkpoint of a run by a validation figure."""

import math
from collections.abc import Mapping

from emotalk.checkpoints.train_state import TrainState
from emotalk.config.run import TrainConfig

HIGHER_IS_BETTER = {"validation/psnr_mouth": True, "validation/nlmd": False}


def remember_best(state: TrainState, figures: Mapping[str, float], config: TrainConfig) -> bool:
    """Update `state.best` if this validation is better than all before; return whether it is.

    `checkpoint.keep_best` names the watched one of the `figures`. A best value that was measured by
    another figure, on other clips or other lengths is discarded.
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
    """Return the settings under which values of the watched figure can be compared."""
    wanted = config.validation
    return (
        f"{config.checkpoint.keep_best}, {wanted.clips} clips, {wanted.max_frames} frames, "
        f"landmarks {wanted.landmarks}"
    )
