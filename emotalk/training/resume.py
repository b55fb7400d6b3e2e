"""Going on: the newest checkpoint that can be read, put back on any number of processes."""

import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import safetensors
from safetensors.torch import load_file
from torch import Tensor

from emotalk.checkpoint_format import read_description
from emotalk.distributed import Engine, Runtime
from emotalk.distributed.adam import MOMENTS, OptimizerState
from emotalk.errors import WrongUse
from emotalk.training.checkpoint import FORMAT, TrainState, verify
from emotalk.training.checkpoint_folder import (
    STATE,
    checkpoint_name,
    checkpoints,
    point_best,
    point_latest,
    remove_unfinished,
    set_aside,
    step_of,
)
from emotalk.training.ema import Ema
from emotalk.training.networks import Networks

LOG = logging.getLogger("emotalk.checkpoint")
UNREADABLE = (safetensors.SafetensorError, ValueError, KeyError, TypeError, OSError)


@dataclass(frozen=True)
class Contents:
    """What a checkpoint holds, read and compared, before anything of it is used."""

    state: TrainState
    weights: dict[str, dict[str, Tensor]]
    moments: dict[str, dict[str, Tensor]]
    average: dict[str, Tensor] | None


def load_newest(
    folder: Path, networks: Networks, ema: Ema | None, runtime: Runtime
) -> TrainState | None:
    """Put the newest readable checkpoint into the networks; None where there is none.

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
        contents, problem = _try(folder / name, networks, ema)
        problems = [str(text) for text in runtime.gather([problem]) if text]
        if contents is not None and not problems:
            _put(contents, networks, ema)
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


def _try(path: Path, networks: Networks, ema: Ema | None) -> tuple[Contents | None, str]:
    """Return the contents, or None and why there are none."""
    try:
        return read_checkpoint(path, networks, ema), ""
    except UNREADABLE as error:
        return None, str(error) or type(error).__name__


def read_checkpoint(path: Path, networks: Networks, ema: Ema | None) -> Contents:
    """Return what the checkpoint at `path` holds for these networks.

    Raises:
        ValueError: a file is not as it was written, the format is another, or tensors are missing,
            unexpected or mis-shaped.
        OSError: a file cannot be read.
    """
    verify(path)
    tree = json.loads((path / STATE).read_text(encoding="utf-8"))
    if tree.pop("format", None) != FORMAT:
        raise ValueError(f"{path / STATE}: not of format {FORMAT}")
    state = _state(tree)
    if state.step != step_of(path.name):
        raise ValueError(f"{path / STATE} is of step {state.step}: a renamed folder or a copy")
    read_description(path)
    engines = _engines(networks)
    weights = {name: load_file(path / f"{name}.safetensors") for name in engines}
    moments = {name: load_file(path / f"{name}_optimizer.safetensors") for name in engines}
    for name, engine in engines.items():
        shapes = engine.weight_shapes()
        compare_tensors(shapes, weights[name], str(path / f"{name}.safetensors"))
        _compare_moments(shapes, OptimizerState(moments[name], state.optimizer_steps[name]), path)
    average = None if ema is None else load_file(path / "generator_ema.safetensors")
    if average is not None:
        where = str(path / "generator_ema.safetensors")
        compare_tensors(engines["generator"].weight_shapes(), average, where)
    return Contents(state, weights, moments, average)


def _put(contents: Contents, networks: Networks, ema: Ema | None) -> None:
    for name, engine in _engines(networks).items():
        engine.write_weights(contents.weights[name])
        steps = contents.state.optimizer_steps[name]
        engine.write_optimizer(OptimizerState(contents.moments[name], steps))
    if ema is not None and contents.average is not None:
        ema.module.load_state_dict(contents.average)
        ema.updates = contents.state.ema_updates


def _engines(networks: Networks) -> dict[str, Engine]:
    engines = (networks.generator, networks.discriminators)
    return {engine.name: engine for engine in engines if engine is not None}


def compare_tensors(
    wanted: Mapping[str, tuple[int, ...]], given: Mapping[str, Tensor], where: str
) -> None:
    """Raise `ValueError` that names missing, unexpected and mis-shaped tensors, if any."""
    shapes = {name: tuple(value.shape) for name, value in given.items()}
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


def _compare_moments(
    shapes: Mapping[str, tuple[int, ...]], optimizer: OptimizerState, path: Path
) -> None:
    """Raise `ValueError` unless there are both moments of every parameter that has stepped."""
    unknown = sorted(set(optimizer.steps) - set(shapes))
    if unknown:
        raise ValueError(f"{path / STATE}: steps of unknown parameters: {', '.join(unknown[:8])}")
    wanted = {f"{moment}.{name}": shapes[name] for moment in MOMENTS for name in optimizer.steps}
    compare_tensors(wanted, optimizer.moments, f"{path}: optimizer")


def _state(tree: dict[str, Any]) -> TrainState:
    tree["sums"] = {name: (pair[0], pair[1]) for name, pair in tree["sums"].items()}
    tree["best"] = None if tree["best"] is None else (tree["best"][0], tree["best"][1])
    return TrainState(**tree)
