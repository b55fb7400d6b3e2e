"""Start a run from the weights of another run or of the original."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from torch import Tensor

from emotalk.checkpoints.find_model import find_model
from emotalk.checkpoints.format import DISCRIMINATORS, read_generator
from emotalk.distributed import Engine, Runtime
from emotalk.errors import WrongUse
from emotalk.files.checksums import check_sums
from emotalk.files.tensor_files import Shapes, compare_shapes, read_tensors, shapes_of
from emotalk.models.generator import HEADS

LOG = logging.getLogger("emotalk.train")
Value = TypeVar("Value")


def start_from(source: Path, engines: Mapping[str, Engine], runtime: Runtime) -> None:
    """Load the weights at `source` into the engines; optimisers start anew.

    Only discriminators, and heads of the generator that training alone reads, that both sides have
    are loaded; the log names them. Every process must call it; one of each node reads.

    Args:
        source: an imported or exported model, a checkpoint or a run folder.
        engines: name -> engine, changed in place.
        runtime: the processes.

    Raises:
        WrongUse: no model there, or its tensors are not of this configuration's sizes.
    """
    critics = engines.get("discriminators")
    shapes = None if critics is None else critics.weight_shapes()
    generator = engines["generator"]
    sizes = generator.weight_shapes()
    start = runtime.read_once_a_node(lambda: check_start(source, sizes, shapes))
    generator.write_weights({**generator.read_weights(), **start.generator})
    if start.new_heads:
        LOG.info("heads that are not there begin untrained: %s", ", ".join(start.new_heads))
    if critics is None or not start.discriminators:
        LOG.info("generator started from %s", start.folder)
        return
    critics.write_weights({**critics.read_weights(), **start.discriminators})
    taken = sorted({name.partition(".")[0] for name in start.discriminators})
    LOG.info("generator and discriminators %s started from %s", taken, start.folder)


@dataclass(frozen=True)
class Start:
    """Weights that a run starts from."""

    folder: Path  # the model folder they were read from
    generator: dict[str, Tensor]  # without heads that the run does not have
    new_heads: tuple[str, ...]  # of the generator, that the source does not have
    discriminators: dict[str, Tensor]  # of those that source and run share


def check_start(source: Path, generator: Shapes, discriminators: Shapes | None) -> Start:
    """Return the weights at `source`, checked against the shapes of a run's networks.

    Raises:
        WrongUse: no model there, or its tensors are not of these sizes.
    """
    folder = find_model(source)
    given = read_generator(folder)
    unshared = (_parts(given) ^ _parts(generator)) & {*HEADS}
    weights = _without(unshared, given)
    _refuse_other_sizes(_without(unshared, generator), weights, folder)
    new = tuple(sorted(unshared & _parts(generator)))
    if discriminators is None or not (folder / DISCRIMINATORS).exists():
        return Start(folder, weights, new, {})
    try:
        check_sums(folder, (DISCRIMINATORS,))
        critics = read_tensors(folder / DISCRIMINATORS)
    except (ValueError, OSError) as error:
        raise WrongUse(f"{folder / DISCRIMINATORS}: not readable: {error}") from None
    lone = _parts(critics) ^ _parts(discriminators)
    mine, taken = _without(lone, discriminators), _without(lone, critics)
    _refuse_other_sizes(mine, taken, folder)
    return Start(folder, weights, new, taken)


def _parts(tensors: Mapping[str, object]) -> set[str]:
    """Return the names of the network's parts."""
    return {name.partition(".")[0] for name in tensors}


def _without(parts: set[str], tensors: Mapping[str, Value]) -> dict[str, Value]:
    return {name: value for name, value in tensors.items() if name.partition(".")[0] not in parts}


def _refuse_other_sizes(wanted: Shapes, given: dict[str, Tensor], folder: Path) -> None:
    try:
        compare_shapes(wanted, shapes_of(given))
    except ValueError as error:
        raise WrongUse(
            f"start_from={folder}: {error}; the model sections must be the same: compare with "
            f"{folder}/model.json, or take them from there with sizes_from_start=true"
        ) from None
