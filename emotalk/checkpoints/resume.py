"""Going on: the newest checkpoint that can be read, put back on any number of processes."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from torch import Tensor

from emotalk.checkpoints.folder import (
    STATE,
    checkpoint_name,
    checkpoints,
    point_best,
    point_latest,
    remove_unfinished,
    set_aside,
    step_of,
)
from emotalk.checkpoints.format import GENERATOR_EMA, read_description
from emotalk.checkpoints.save import TrainState, verify
from emotalk.checkpoints.state_file import read_state
from emotalk.distributed import Engine, Runtime
from emotalk.distributed.adam import MOMENTS, OptimizerState
from emotalk.errors import WrongUse
from emotalk.files.tensor_files import Shapes, read_tensors, tensor_shapes
from emotalk.models.ema import Ema

LOG = logging.getLogger("emotalk.checkpoint")
UNREADABLE = (ValueError, KeyError, TypeError, OSError)


@dataclass(frozen=True)
class Contents:
    """Content of a checkpoint, read and compared before anything of it is used."""

    state: TrainState
    weights: dict[str, dict[str, Tensor]]
    moments: dict[str, dict[str, Tensor]]
    average: dict[str, Tensor] | None


def load_newest(
    folder: Path, engines: Mapping[str, Engine], ema: Ema | None, runtime: Runtime
) -> TrainState | None:
    """Put the newest readable checkpoint into the engines; None where there is none.

    One that is damaged for any process is passed over by all for the one before it, set aside under
    another name, and said so.

    Raises:
        WrongUse: there are checkpoints, but none can be read.
    """
    if runtime.is_main:
        remove_unfinished(folder)
    names = runtime.gather([[path.name for path in checkpoints(folder)]])[0]
    assert isinstance(names, list)
    for name in reversed(names):
        contents, problem = _try(folder / name, engines, ema)
        problems = [str(text) for text in runtime.gather([problem]) if text]
        if contents is not None and not problems:
            _put(contents, engines, ema)
            state = _without_lost_best(contents.state, names)
            if runtime.is_main:
                _set_aside_after(folder, name, names)
                point_latest(folder, name)
                point_best(folder, None if state.best is None else state.best[1])
            return state
        if runtime.is_main:
            text = f"{folder / name} cannot be used, trying the one before it: {problems[0]}"
            LOG.warning("%s", text)
    if names:
        raise WrongUse(f"{folder}: none of its {len(names)} checkpoints can be read, see above")
    return None


def _set_aside_after(folder: Path, name: str, names: Sequence[str]) -> None:
    """Set aside the checkpoints behind `name`, none of which could be used."""
    for later in names[names.index(name) + 1 :]:
        LOG.warning("%s is kept as %s", folder / later, set_aside(folder / later).name)


def _without_lost_best(state: TrainState, names: Sequence[str]) -> TrainState:
    """Return the state; a best whose checkpoint is not there is forgotten: the next one is kept."""
    if state.best is None or checkpoint_name(state.best[1]) in names:
        return state
    return replace(state, best=None)


def _try(path: Path, engines: Mapping[str, Engine], ema: Ema | None) -> tuple[Contents | None, str]:
    """Return the contents, or None and why there are none."""
    try:
        return read_checkpoint(path, engines, ema), ""
    except UNREADABLE as error:
        return None, str(error) or type(error).__name__


def read_checkpoint(path: Path, engines: Mapping[str, Engine], ema: Ema | None) -> Contents:
    """Return what the checkpoint at `path` holds for these engines.

    Raises:
        ValueError: a file is not as it was written, the format is another, or tensors are missing,
            unexpected or mis-shaped.
        OSError: a file cannot be read.
    """
    verify(path)
    state = read_state(path)
    if state.step != step_of(path.name):
        raise ValueError(f"{path / STATE} is of step {state.step}: a renamed folder or a copy")
    read_description(path)
    weights: dict[str, dict[str, Tensor]] = {}
    moments: dict[str, dict[str, Tensor]] = {}
    for name, engine in engines.items():
        shapes = engine.weight_shapes()
        weights[name] = _tensors(path / f"{name}.safetensors", shapes)
        wanted = _moment_shapes(shapes, state.optimizer_steps[name], path)
        moments[name] = _tensors(path / f"{name}_optimizer.safetensors", wanted)
    average = None
    if ema is not None:
        average = _tensors(path / GENERATOR_EMA, engines["generator"].weight_shapes())
    return Contents(state, weights, moments, average)


def _put(contents: Contents, engines: Mapping[str, Engine], ema: Ema | None) -> None:
    for name, engine in engines.items():
        engine.write_weights(contents.weights[name])
        steps = contents.state.optimizer_steps[name]
        engine.write_optimizer(OptimizerState(contents.moments[name], steps))
    if ema is not None and contents.average is not None:
        ema.module.load_state_dict(contents.average)
        ema.updates = contents.state.ema_updates


def _tensors(path: Path, wanted: Shapes) -> dict[str, Tensor]:
    """Return the tensors of a file whose header has been compared with `wanted` before."""
    compare_tensors(wanted, tensor_shapes(path), str(path))
    try:
        return read_tensors(path)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None


def compare_tensors(wanted: Shapes, shapes: Shapes, where: str) -> None:
    """Raise `ValueError` that names missing, unexpected and mis-shaped tensors, if any."""
    faults = [f"missing {name}" for name in sorted(set(wanted) - set(shapes))]
    faults += [f"unexpected {name}" for name in sorted(set(shapes) - set(wanted))]
    faults += [
        f"{name} is {shapes[name]}, expected {wanted[name]}"
        for name in sorted(set(wanted) & set(shapes))
        if shapes[name] != wanted[name]
    ]
    if faults:
        more = f" and {len(faults) - 8} more" if len(faults) > 8 else ""
        raise ValueError(f"{where}: {'; '.join(faults[:8])}{more}")


def _moment_shapes(shapes: Shapes, steps: Mapping[str, int], path: Path) -> Shapes:
    """Return the shapes of both moments of every parameter that has stepped."""
    unknown = sorted(set(steps) - set(shapes))
    if unknown:
        raise ValueError(f"{path / STATE}: steps of unknown parameters: {', '.join(unknown[:8])}")
    return {f"{moment}.{name}": shapes[name] for moment in MOMENTS for name in steps}
