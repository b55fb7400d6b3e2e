"""Load a generator from a run folder, a checkpoint or an exported model."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch

from emotalk.checkpoints.find_model import find_model
from emotalk.checkpoints.format import ModelFacts, read_description, read_generator
from emotalk.config.model import ModelConfig
from emotalk.errors import WrongUse
from emotalk.files.tensor_files import Shapes, shapes_of
from emotalk.models import Generator

DeviceName = Literal["auto", "cpu", "cuda"]


@dataclass(frozen=True)
class LoadedGenerator:
    """A generator in evaluation mode and the settings it was trained with."""

    generator: Generator  # on its device
    config: ModelConfig
    facts: ModelFacts
    folder: Path  # the model folder it was read from

    @property
    def device(self) -> torch.device:
        """Return the device of the network's weights."""
        return next(self.generator.parameters()).device


def load_generator(
    checkpoint: Path, *, ema: bool = True, device: DeviceName | torch.device = "cpu"
) -> LoadedGenerator:
    """Return the generator of a run folder, a checkpoint or an exported model.

    Args:
        checkpoint: see `emotalk.checkpoints.find_model.find_model`.
        ema: take the running average of the weights if there is one.
        device: `auto` takes the first CUDA device if there is one.

    Raises:
        WrongUse: no model there, a pickle, no such device, or weights that do not fit the network
            that `model.json` describes; the message names tensors.
    """
    folder = find_model(checkpoint)
    description = read_description(folder)
    arguments = description.model.generator_arguments(len(description.emotions))
    state = read_generator(folder, ema=ema, wanted=_shapes(arguments, folder))
    generator = Generator(**arguments)
    generator.load_state_dict(state)
    facts = ModelFacts(**description.model_dump(include=set(ModelFacts.model_fields)))
    place = _device(device)
    return LoadedGenerator(generator.eval().to(place), description.model, facts, folder)


def _shapes(arguments: Mapping[str, Any], folder: Path) -> Shapes:
    """Return names and shapes of the network's tensors without allocating them."""
    try:
        with torch.device("meta"):
            return shapes_of(Generator(**arguments).state_dict())
    except (RuntimeError, ValueError) as error:
        raise WrongUse(f"{folder}: model.json describes no network: {error}") from None


def _device(name: DeviceName | torch.device) -> torch.device:
    if isinstance(name, torch.device):
        return name
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if name == "cuda" and not torch.cuda.is_available():
        raise WrongUse("device cuda: torch sees no CUDA device here; use --device cpu or auto")
    return torch.device(name)
