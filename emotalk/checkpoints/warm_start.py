"""Start a run from the weights of another run or of the original."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from emotalk.checkpoints.find_model import find_model
from emotalk.checkpoints.format import DISCRIMINATORS, read_generator
from emotalk.distributed import Engine
from emotalk.errors import WrongUse
from emotalk.files.checksums import check_sums
from emotalk.files.tensor_files import Shapes, compare_shapes, read_tensors, shapes_of

LOG = logging.getLogger("emotalk.train")


def start_from(source: Path, engines: Mapping[str, Engine]) -> None:
    """Load the weights at `source` into the engines; optimisers start anew.

    Only discriminators that both sides have are loaded; the log names them. Every process must
    call it.

    Args:
        source: an imported or exported model, a checkpoint or a run folder.
        engines: name -> engine, changed in place.

    Raises:
        WrongUse: no model there, or its tensors are not of this configuration's sizes.
    """
    critics = engines.get("discriminators")
    shapes = None if critics is None else critics.weight_shapes()
    start = check_start(source, engines["generator"].weight_shapes(), shapes)
    engines["generator"].write_weights(start.generator)
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
    generator: dict[str, Tensor]
    discriminators: dict[str, Tensor]  # of those that source and run share


def check_start(source: Path, generator: Shapes, discriminators: Shapes | None) -> Start:
    """Return the weights at `source`, checked against the shapes of a run's networks.

    Raises:
        WrongUse: no model there, or its tensors are not of these sizes.
    """
    folder = find_model(source)
    weights = read_generator(folder)
    _refuse_other_sizes(generator, weights, folder)
    if discriminators is None or not (folder / DISCRIMINATORS).exists():
        return Start(folder, weights, {})
    try:
        check_sums(folder, (DISCRIMINATORS,))
        given = read_tensors(folder / DISCRIMINATORS)
    except (ValueError, OSError) as error:
        raise WrongUse(f"{folder / DISCRIMINATORS}: not readable: {error}") from None
    shared = {name.partition(".")[0] for name in given}
    shared &= {name.partition(".")[0] for name in discriminators}
    mine = {n: shape for n, shape in discriminators.items() if n.partition(".")[0] in shared}
    taken = {name: value for name, value in given.items() if name.partition(".")[0] in shared}
    _refuse_other_sizes(mine, taken, folder)
    return Start(folder, weights, taken)


def _refuse_other_sizes(wanted: Shapes, given: dict[str, Tensor], folder: Path) -> None:
    try:
        compare_shapes(wanted, shapes_of(given))
    except ValueError as error:
        raise WrongUse(
            f"start_from={folder}: {error}; the model sections must be the same: compare with "
            f"{folder}/model.json, or take them from there with sizes_from_start=true"
        ) from None
