"""Starting a run from weights that another run, or the original, has learnt."""

import logging
from pathlib import Path

import safetensors
from safetensors.torch import load_file
from torch import Tensor

from emotalk.checkpoint_format import find_model, read_generator
from emotalk.errors import WrongUse
from emotalk.training.checkpoint import DISCRIMINATORS
from emotalk.training.networks import Networks
from emotalk.training.resume import compare_tensors

LOG = logging.getLogger("emotalk.train")


def start_from(source: Path, networks: Networks) -> None:
    """Put the weights at `source` into the networks; optimisers start anew.

    Discriminators that the source lacks keep their random start, those it has beyond the run's are
    passed over; which, is logged. Every process must call it.

    Args:
        source: an imported or exported model, a checkpoint or a run folder.
        networks: changed in place.

    Raises:
        WrongUse: no model there, or its tensors are not of this configuration's sizes.
    """
    folder = find_model(source)
    weights = read_generator(folder)
    _refuse_other_sizes(networks.generator.weight_shapes(), weights, folder)
    networks.generator.write_weights(weights)
    critics = networks.discriminators
    if critics is None or not (folder / DISCRIMINATORS).exists():
        LOG.info("generator started from %s", folder)
        return
    try:
        given = load_file(folder / DISCRIMINATORS)
    except (safetensors.SafetensorError, OSError) as error:
        raise WrongUse(f"{folder / DISCRIMINATORS}: not readable: {error}") from None
    shapes = critics.weight_shapes()
    shared = {name.partition(".")[0] for name in given} & {n.partition(".")[0] for n in shapes}
    mine = {name: shape for name, shape in shapes.items() if name.partition(".")[0] in shared}
    taken = {name: value for name, value in given.items() if name.partition(".")[0] in shared}
    _refuse_other_sizes(mine, taken, folder)
    critics.write_weights({**critics.read_weights(), **taken})
    LOG.info("generator and discriminators %s started from %s", sorted(shared), folder)


def _refuse_other_sizes(
    wanted: dict[str, tuple[int, ...]], given: dict[str, Tensor], folder: Path
) -> None:
    try:
        compare_tensors(wanted, given, f"start_from={folder}")
    except ValueError as error:
        raise WrongUse(
            f"{error}; the model sections must be the same: compare with {folder}/model.json"
        ) from None
