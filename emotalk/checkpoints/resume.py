"""Resume a run from its newest undamaged checkpoint, on any number of processes.

One process of each node reads and hashes the checkpoint; the others of the node receive the content
from it. All of a checkpoint is for every process: a network's weights and moments are whole there,
ZeRO takes each process's part of them in memory, and what a process draws or reads next follows
from the number of the step.
"""

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
from emotalk.checkpoints.train_state import TrainState, read_state
from emotalk.distributed import Engine, Runtime
from emotalk.distributed.adam import MOMENTS, OptimizerState
from emotalk.errors import WrongUse
from emotalk.files.checksums import check_all_sums
from emotalk.files.tensor_files import Shapes, read_tensors
from emotalk.models.ema import Ema

LOG = logging.getLogger("emotalk.checkpoint")
UNREADABLE = (ValueError, KeyError, TypeError, OSError)


@dataclass(frozen=True)
class Contents:
    """Content of a checkpoint, checked against the engines before anything of it is used."""

    state: TrainState
    weights: dict[str, dict[str, Tensor]]
    moments: dict[str, dict[str, Tensor]]
    average: dict[str, Tensor] | None


def load_newest(
    folder: Path, engines: Mapping[str, Engine], ema: Ema | None, runtime: Runtime
) -> TrainState | None:
    """Load the newest undamaged checkpoint into the engines; return its state, or None without one.

    A checkpoint that one node cannot read is skipped by all processes, renamed and reported.

    Raises:
        WrongUse: there are checkpoints, but none can be read.
    """
    if runtime.is_main:
        remove_unfinished(folder)
    names = runtime.gather([[path.name for path in checkpoints(folder)]])[0]
    for name in reversed(names):
        contents, problem = None, ""
        if runtime.node.is_reader:
            contents, problem = _try(folder / name, engines, ema)
        problems = [str(text) for text in runtime.gather([problem]) if text]
        if not problems:
            contents = runtime.node.share(contents)
            _put(contents, engines, ema)
            state = _without_lost_best(contents.state, names)
            if runtime.is_main:
                for later in names[names.index(name) + 1 :]:  # none of which could be read
                    LOG.warning("%s is kept as %s", folder / later, set_aside(folder / later).name)
                point_latest(folder, name)
                point_best(folder, None if state.best is None else state.best[1])
            return state
        if runtime.is_main:
            text = f"{folder / name} cannot be used, trying the one before it: {problems[0]}"
            LOG.warning("%s", text)
    if names:
        raise WrongUse(f"{folder}: none of its {len(names)} checkpoints can be read, see above")
    return None


def _without_lost_best(state: TrainState, names: Sequence[str]) -> TrainState:
    """Return the state without its best value if the checkpoint of that value is missing."""
    if state.best is None or checkpoint_name(state.best[1]) in names:
        return state
    return replace(state, best=None)


def _try(path: Path, engines: Mapping[str, Engine], ema: Ema | None) -> tuple[Contents | None, str]:
    """Return the contents and "", or None and the reason."""
    try:
        return read_checkpoint(path, engines, ema), ""
    except UNREADABLE as error:
        return None, str(error) or type(error).__name__


def read_checkpoint(path: Path, engines: Mapping[str, Engine], ema: Ema | None) -> Contents:
    """Return the content of the checkpoint at `path` for these engines.

    Raises:
        ValueError: a file is not as it was written, the format is another, or tensors are missing,
            unexpected or mis-shaped.
        OSError: a file cannot be read.
    """
    check_all_sums(path, required=STATE)
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
    """Return the tensors of a file; errors name the file."""
    try:
        return read_tensors(path, wanted)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None


def _moment_shapes(shapes: Shapes, steps: Mapping[str, int], path: Path) -> Shapes:
    """Return the shapes of both moments of every parameter that Adam has updated."""
    unknown = sorted(set(steps) - set(shapes))
    if unknown:
        raise ValueError(f"{path / STATE}: steps of unknown parameters: {', '.join(unknown[:8])}")
    return {f"{moment}.{name}": shapes[name] for moment in MOMENTS for name in steps}
