"""Write a checkpoint folder atomically, with a hash of every file.

A checkpoint is a folder

    model.json generator.safetensors generator_ema.safetensors     read by inference
    discriminators.safetensors
    generator_optimizer.safetensors discriminators_optimizer.safetensors   Adam's moments
    state.json                                                     counters and positions
    SHA256SUMS                                                     hashes of all of these

It is written under a temporary name and renamed when complete. Nothing in it is a pickle.
"""

import logging
import os
import shutil
from pathlib import Path

from emotalk.checkpoints.folder import (
    STATE,
    checkpoint_name,
    checkpoints,
    part_of,
    point_latest,
    set_aside,
)
from emotalk.checkpoints.format import DISCRIMINATORS, ModelFacts, write_model
from emotalk.checkpoints.snapshot import Snapshot
from emotalk.checkpoints.train_state import write_state
from emotalk.config.model import ModelConfig
from emotalk.files.atomic_write import sync
from emotalk.files.checksums import check_all_sums, read_sums, write_sums
from emotalk.files.tensor_files import write_tensors

TENSORS = ".safetensors"
LOG = logging.getLogger("emotalk.checkpoint")


def write_checkpoint(
    folder: Path, snapshot: Snapshot, model: ModelConfig, facts: ModelFacts
) -> Path:
    """Write `folder`/step-XXXXXX atomically, point `latest` to it and return its path.

    A checkpoint of that name with the same tensors is kept. Anything else of that name is renamed,
    with a warning. The tensors of `snapshot` are on the CPU.

    Raises:
        OSError: e.g. the disk is full; the checkpoints before are untouched.
    """
    final = folder / checkpoint_name(snapshot.state.step)
    part = part_of(final)
    before = [path for path in checkpoints(folder) if path != final]
    shutil.rmtree(part, ignore_errors=True)
    try:
        _write_files(part, snapshot, model, facts)
        for path in (*part.iterdir(), part):
            sync(path)
        _take_place(part, final)
        sync(folder)
    except Exception as error:
        shutil.rmtree(part, ignore_errors=True)
        # not only the system's errors, which have a number and a message
        reason = getattr(error, "strerror", None) or str(error)
        raise OSError(
            getattr(error, "errno", None),
            f"the checkpoint {final} could not be written ({reason}); "
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
    write_state(snapshot.state, part)
    write_sums(part)


def _take_place(part: Path, final: Path) -> None:
    """Rename a complete checkpoint to its final name."""
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
    """Return whether `final` is undamaged and holds the tensors of `part`."""
    try:
        check_all_sums(final, required=STATE)
        return _tensor_sums(final) == _tensor_sums(part)
    except (ValueError, OSError):
        return False


def _tensor_sums(path: Path) -> dict[str, str]:
    return {name: digest for name, digest in read_sums(path).items() if name.endswith(TENSORS)}
