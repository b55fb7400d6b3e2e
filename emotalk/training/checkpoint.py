"""A run's whole state on disk: whole or not there, and nothing in it is ever unpickled.

A checkpoint is a folder

    model.json generator.safetensors generator_ema.safetensors     what inference reads
    discriminators.safetensors
    generator_optimizer.safetensors discriminators_optimizer.safetensors   Adam's moments
    state.json                                                     counters, positions, sums

written under another name and renamed when complete; `latest` then holds its name.
"""

import json
import logging
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import safetensors
from safetensors.torch import load_file, save_file
from torch import Tensor

from emotalk.checkpoint_format import LATEST, ModelFacts, read_description, write_model
from emotalk.config.model import ModelConfig
from emotalk.distributed.adam import OptimizerState
from emotalk.errors import WrongUse
from emotalk.training.ema import Ema
from emotalk.training.networks import Networks

LOG = logging.getLogger("emotalk.checkpoint")
STATE = "state.json"
DISCRIMINATORS = "discriminators.safetensors"
FORMAT = "emotalk-checkpoint/1"


@dataclass
class TrainState:
    """Where a run stands, besides its weights.

    Attributes:
        step: steps that are done; the next one's number.
        clips_seen: valid clips the run has seen.
        ema_updates: generator steps the running average has taken.
        sums: logged terms since the last log line: name -> (sum, how many).
        best: the best value of the watched metric and the step it belongs to.
        mlflow_run: id of the run in MLflow.
        optimizer_steps: engine -> parameter name -> Adam steps it has made.
    """

    step: int = 0
    clips_seen: int = 0
    ema_updates: int = 0
    sums: dict[str, tuple[float, int]] = field(default_factory=dict)
    best: tuple[float, int] | None = None
    mlflow_run: str = ""
    optimizer_steps: dict[str, dict[str, int]] = field(default_factory=dict)


@dataclass(frozen=True)
class Snapshot:
    """Everything of one moment, on the CPU, gathered over the processes."""

    generator: dict[str, Tensor]
    ema: dict[str, Tensor] | None
    discriminators: dict[str, Tensor] | None
    optimizers: dict[str, OptimizerState]
    state: TrainState


def take_snapshot(networks: Networks, ema: Ema | None, state: TrainState) -> Snapshot:
    """Return the present moment. Every process must call it: ZeRO's parts are gathered."""
    engines = [e for e in (networks.generator, networks.discriminators) if e is not None]
    optimizers = {engine.name: engine.read_optimizer() for engine in engines}
    steps = {name: optimizer.steps for name, optimizer in optimizers.items()}
    critics = networks.discriminators
    return Snapshot(
        generator=networks.generator.read_weights(),
        ema=None if ema is None else _copied(ema.module.state_dict()),
        discriminators=None if critics is None else critics.read_weights(),
        optimizers=optimizers,
        state=TrainState(
            **{
                **asdict(state),
                "ema_updates": 0 if ema is None else ema.updates,
                "optimizer_steps": steps,
            }
        ),
    )


def write_checkpoint(
    folder: Path, snapshot: Snapshot, model: ModelConfig, facts: ModelFacts
) -> Path:
    """Write `folder`/step-XXXXXX in one piece, point `latest` to it, return it.

    Raises:
        OSError: e.g. the disk is full; the checkpoints before are untouched.
    """
    final = folder / f"step-{snapshot.state.step:06d}"
    if final.exists():
        return final
    part = folder / f".{final.name}.part"
    shutil.rmtree(part, ignore_errors=True)
    try:
        write_model(part, snapshot.generator, model, facts, snapshot.ema)
        if snapshot.discriminators is not None:
            save_file(snapshot.discriminators, part / DISCRIMINATORS)
        for name, optimizer in snapshot.optimizers.items():
            save_file(optimizer.moments, part / f"{name}_optimizer.safetensors")
        state = {"format": FORMAT, **asdict(snapshot.state)}
        (part / STATE).write_text(json.dumps(state, indent=1) + "\n", encoding="utf-8")
        part.rename(final)
        point_latest(folder, final.name)
    except OSError as error:
        shutil.rmtree(part, ignore_errors=True)
        raise OSError(
            error.errno,
            f"the checkpoint {final} could not be written ({error.strerror}); "
            f"the one before it stays valid: {latest_checkpoint(folder) or 'there is none'}",
        ) from error
    return final


def point_latest(folder: Path, name: str) -> None:
    """Make `latest` hold `name`, in one piece."""
    fresh = folder / f".{LATEST}.part"
    fresh.write_text(name + "\n", encoding="utf-8")
    fresh.replace(folder / LATEST)


def checkpoints(folder: Path) -> list[Path]:
    """Return the complete checkpoints in `folder`, oldest first."""
    return sorted(path for path in folder.glob("step-*") if (path / STATE).is_file())


def latest_checkpoint(folder: Path) -> Path | None:
    """Return the newest complete checkpoint, or None."""
    found = checkpoints(folder)
    return found[-1] if found else None


def remove_old(folder: Path, *, keep_last: int, best_step: int | None) -> None:
    """Remove this run's checkpoints but the newest ones and the best."""
    for path in checkpoints(folder)[:-keep_last]:
        if best_step is None or path.name != f"step-{best_step:06d}":
            shutil.rmtree(path)


def load_newest(folder: Path, networks: Networks, ema: Ema | None) -> TrainState | None:
    """Put the newest readable checkpoint into the networks; None where there is none.

    One that is damaged is passed over for the one before it, and said so.

    Raises:
        WrongUse: there are checkpoints, but none can be read.
    """
    found = checkpoints(folder)
    for path in reversed(found):
        try:
            return load_checkpoint(path, networks, ema)
        except (safetensors.SafetensorError, ValueError, KeyError, OSError) as error:
            LOG.warning("%s cannot be used, trying the one before it: %s", path, error)
    if found:
        raise WrongUse(f"{folder}: none of its {len(found)} checkpoints can be read, see above")
    return None


def load_checkpoint(path: Path, networks: Networks, ema: Ema | None) -> TrainState:
    """Put the checkpoint at `path` into networks, optimisers and average; return its state.

    Everything is read and compared before anything is changed.

    Raises:
        ValueError: it is of another format, or tensors are missing, unexpected or mis-shaped.
    """
    tree = json.loads((path / STATE).read_text(encoding="utf-8"))
    if tree.pop("format", None) != FORMAT:
        raise ValueError(f"{path / STATE}: not of format {FORMAT}")
    state = _state(tree)
    read_description(path)
    engines = {e.name: e for e in (networks.generator, networks.discriminators) if e is not None}
    weights = {name: load_file(path / f"{name}.safetensors") for name in engines}
    moments = {name: load_file(path / f"{name}_optimizer.safetensors") for name in engines}
    average = None if ema is None else load_file(path / "generator_ema.safetensors")
    for name, engine in engines.items():
        compare_tensors(engine.weight_shapes(), weights[name], str(path / f"{name}.safetensors"))
    for name, engine in engines.items():
        engine.write_weights(weights[name])
        engine.write_optimizer(OptimizerState(moments[name], state.optimizer_steps[name]))
    if ema is not None and average is not None:
        ema.module.load_state_dict(average)
        ema.updates = state.ema_updates
    return state


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


def _state(tree: dict[str, Any]) -> TrainState:
    tree["sums"] = {name: (pair[0], pair[1]) for name, pair in tree["sums"].items()}
    tree["best"] = None if tree["best"] is None else (tree["best"][0], tree["best"][1])
    return TrainState(**tree)


def _copied(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name: value.detach().to("cpu", copy=True).contiguous() for name, value in state.items()}
