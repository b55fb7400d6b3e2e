"""A run's whole state on disk: whole or not there, and nothing in it is ever unpickled.

A checkpoint is a folder

    model.json generator.safetensors generator_ema.safetensors     what inference reads
    discriminators.safetensors
    generator_optimizer.safetensors discriminators_optimizer.safetensors   Adam's moments
    state.json                                                     counters, positions, sums
    SHA256SUMS                                                     of all of these

written under another name and renamed when complete; `latest` then holds its name, `best` that of
the best one (`checkpoint_folder.py`). `resume.py` reads it back.
"""

import json
import logging
import os
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from torch import Tensor

from emotalk.checkpoints.folder import (
    STATE,
    checkpoint_name,
    checkpoints,
    latest_checkpoint,
    part_of,
    point_latest,
    remove_old,
    remove_unfinished,
    set_aside,
    sync,
)
from emotalk.checkpoints.format import ModelFacts, write_model
from emotalk.config.model import ModelConfig
from emotalk.distributed import Engine
from emotalk.distributed.adam import OptimizerState
from emotalk.distributed.full_state import copied
from emotalk.files.checksums import SUMS, read_sums
from emotalk.files.tensor_files import write_tensors
from emotalk.models.ema import Ema
from emotalk.shards.storage import file_sha256

DISCRIMINATORS = "discriminators.safetensors"
TENSORS = ".safetensors"
FORMAT = "emotalk-checkpoint/1"
LOG = logging.getLogger("emotalk.checkpoint")
__all__ = [
    "FORMAT", "STATE", "Snapshot", "TrainState", "checkpoints", "latest_checkpoint", "point_latest",
    "remove_old", "remove_unfinished", "take_snapshot", "verify", "write_checkpoint",
]  # fmt: skip


@dataclass
class TrainState:
    """Progress of a run, besides its weights.

    Attributes:
        step: steps that are done; the next one's number.
        clips_seen: valid clips the run has seen.
        faults: clips that could not be read and were masked.
        ema_updates: generator steps the running average has taken.
        sums: logged terms since the last log line: name -> (sum, how many).
        best: the best value of the watched metric and the step it belongs to.
        best_of: what `best` was measured by: metric, clips, frames; empty in older checkpoints.
        shards: digest of the shard set it learned from; empty in older checkpoints.
        mlflow_run: id of the run in MLflow.
        validation: the figures of the last validation, and its `step`.
        optimizer_steps: engine -> parameter name -> Adam steps it has made.
    """

    step: int = 0
    clips_seen: int = 0
    faults: int = 0
    ema_updates: int = 0
    sums: dict[str, tuple[float, int]] = field(default_factory=dict)
    best: tuple[float, int] | None = None
    best_of: str = ""
    shards: str = ""
    mlflow_run: str = ""
    validation: dict[str, float] = field(default_factory=dict)
    optimizer_steps: dict[str, dict[str, int]] = field(default_factory=dict)


@dataclass(frozen=True)
class Snapshot:
    """Everything of one moment, gathered over the processes; copies on the device of the networks.

    Attributes:
        generator: its `state_dict`.
        ema: that of its running average, or None where there is none.
        discriminators: theirs, or None where there are none.
        optimizers: engine -> Adam's state.
        state: counters and positions.
    """

    generator: dict[str, Tensor]
    ema: dict[str, Tensor] | None
    discriminators: dict[str, Tensor] | None
    optimizers: dict[str, OptimizerState]
    state: TrainState

    @property
    def on_cuda(self) -> bool:
        """Return whether the copies still lie on a GPU."""
        return any(value.is_cuda for value in self.generator.values())

    def to_cpu(self) -> "Snapshot":
        """Return the same with every tensor on the CPU."""
        moved = {
            name: OptimizerState(_on_cpu(optimizer.moments), optimizer.steps)
            for name, optimizer in self.optimizers.items()
        }
        return replace(
            self,
            generator=_on_cpu(self.generator),
            ema=None if self.ema is None else _on_cpu(self.ema),
            discriminators=None if self.discriminators is None else _on_cpu(self.discriminators),
            optimizers=moved,
        )


def take_snapshot(
    engines: Mapping[str, Engine], ema: Ema | None, state: TrainState, *, keep: bool
) -> Snapshot | None:
    """Copy the present weights, moments and counters. Every process must call it.

    Args:
        engines: name -> engine; ZeRO's parts are gathered.
        ema: running average of the generator.
        state: counters and positions.
        keep: False on processes that only take part in the gathering; they get None.
    """
    weights = {name: _read(engine, keep=keep) for name, engine in engines.items()}
    if not keep:
        return None
    optimizers = {name: optimizer for name, (_, optimizer) in weights.items()}
    return Snapshot(
        generator=weights["generator"][0],
        ema=None if ema is None else {n: copied(v) for n, v in ema.module.state_dict().items()},
        discriminators=weights["discriminators"][0] if "discriminators" in weights else None,
        optimizers=optimizers,
        state=replace(
            state,
            sums=dict(state.sums),
            ema_updates=0 if ema is None else ema.updates,
            optimizer_steps={name: optimizer.steps for name, optimizer in optimizers.items()},
        ),
    )


def _read(engine: Engine, *, keep: bool) -> tuple[dict[str, Tensor], OptimizerState]:
    return engine.read_weights(keep=keep), engine.read_optimizer(keep=keep)


def write_checkpoint(
    folder: Path, snapshot: Snapshot, model: ModelConfig, facts: ModelFacts
) -> Path:
    """Write `folder`/step-XXXXXX in one piece, point `latest` to it, return it.

    What stands there already stays if it is whole and holds the same tensors; anything else under
    that name is set aside, and said so.

    Args:
        folder: of the run's checkpoints.
        snapshot: on the CPU.
        model: what rebuilds the networks.
        facts: what inference has to know.

    Raises:
        OSError: e.g. the disk is full; the checkpoints before are untouched.
    """
    final = folder / checkpoint_name(snapshot.state.step)
    part = part_of(final)
    before = [path for path in checkpoints(folder) if path != final]
    shutil.rmtree(part, ignore_errors=True)
    try:
        _write_files(part, snapshot, model, facts)
        _reach_the_disk(part)
        _take_place(part, final)
        sync(folder)
    except Exception as error:
        shutil.rmtree(part, ignore_errors=True)
        number = error.errno if isinstance(error, OSError) else None
        raise OSError(
            number,
            f"the checkpoint {final} could not be written ({_reason(error)}); "
            f"the one before it stays valid: {before[-1] if before else 'there is none'}",
        ) from error
    point_latest(folder, final.name)
    return final


def _write_files(part: Path, snapshot: Snapshot, model: ModelConfig, facts: ModelFacts) -> None:
    write_model(part, snapshot.generator, model, facts, snapshot.ema)
    if snapshot.discriminators is not None:
        write_tensors(snapshot.discriminators, part / DISCRIMINATORS)
    for name, optimizer in snapshot.optimizers.items():
        write_tensors(optimizer.moments, part / f"{name}_optimizer.safetensors")
    state = {"format": FORMAT, **asdict(snapshot.state)}
    (part / STATE).write_text(json.dumps(state, indent=1) + "\n", encoding="utf-8")
    sums = "".join(f"{digest}  {name}\n" for name, digest in _hashes(part))
    (part / SUMS).write_text(sums, encoding="utf-8")


def _take_place(part: Path, final: Path) -> None:
    """Give a complete checkpoint its name, which nothing but the same checkpoint may hold."""
    if os.path.lexists(final):
        if _holds_the_same(final, part):
            shutil.rmtree(part)
            return
        LOG.warning(
            "%s was there, but not whole or of other weights: kept as %s, written anew",
            final,
            set_aside(final),
        )
    part.rename(final)


def _holds_the_same(final: Path, part: Path) -> bool:
    """Return whether `final` is whole and its tensors are those of `part`."""
    try:
        verify(final)
        return _tensor_sums(final) == _tensor_sums(part)
    except (ValueError, OSError):
        return False


def _tensor_sums(path: Path) -> dict[str, str]:
    return {name: digest for name, digest in read_sums(path).items() if name.endswith(TENSORS)}


def verify(path: Path) -> None:
    """Compare every file of a checkpoint with its hash.

    Raises:
        ValueError: a file is missing or not the one that was written.
        OSError: it cannot be read.
    """
    wanted = read_sums(path)
    found = dict(_hashes(path))
    changed = sorted(name for name in wanted if found.get(name) != wanted[name])
    if changed or STATE not in wanted:
        raise ValueError(f"damaged: {', '.join(changed) or SUMS} not as written ({SUMS})")


def _hashes(folder: Path) -> Iterator[tuple[str, str]]:
    for path in sorted(folder.iterdir()):
        if path.name != SUMS and path.is_file():
            yield path.name, file_sha256(path)


def _reach_the_disk(folder: Path) -> None:
    """Wait until the files would survive a loss of power."""
    for path in (*folder.iterdir(), folder):
        sync(path)


def _reason(error: Exception) -> str:
    """Return what the system says of a failed write; safetensors wraps it in words of its own."""
    return (error.strerror if isinstance(error, OSError) else None) or str(error)


def _on_cpu(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name: value.cpu() for name, value in tensors.items()}
