"""Define the interface of a discriminator of the objective, and the registry of all of them."""

from abc import ABC, abstractmethod
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from emotalk.config.run import TrainConfig
from emotalk.training.input_preparation import ClipInputs

Inputs = tuple[object, ...]
Terms = dict[str, Tensor]

CRITICS: dict[str, type["Critic"]] = {}


class Critic(ABC):
    """Define one discriminator of the objective: its network, its inputs and its loss terms.

    Defining a subclass registers it. Every term is one value a clip (B,), unweighted.

    Args:
        config: of the run.
        emotions: number of emotions.

    Attributes:
        name: name of its section in `model`, its generator term and its discriminator term.
        network_class: class of the network.
        needs_other_speech: whether its discriminator term needs another clip's speech.
        needs_emotion: whether its terms compare with the emotion of the clip, and so are 0 for
            clips of unknown emotion and averaged over the others.
    """

    name: ClassVar[str]
    network_class: ClassVar[type[nn.Module]]
    needs_other_speech: ClassVar[bool] = False
    needs_emotion: ClassVar[bool] = False

    def __init_subclass__(cls) -> None:
        CRITICS[cls.name] = cls

    def __init__(self, config: TrainConfig, *, emotions: int) -> None:
        self.config, self.emotions = config, emotions
        self.real_terms: tuple[str, ...] = getattr(config.model, self.name).real_terms

    @property
    def terms(self) -> set[str]:
        """Return the terms of the discriminators' updates that train this network."""
        return {self.name, *self.real_terms}

    def arguments(self) -> dict[str, Any]:
        """Return the keyword arguments of the network, by default its scaled section of `model`."""
        return self.config.model.arguments(self.name)

    def generated_inputs(self, x: ClipInputs, fake_BTCHW: Tensor) -> Inputs:
        """Return the network's arguments for generated videos, by default the videos alone."""
        return (fake_BTCHW,)

    @abstractmethod
    def generator_term(self, output: Tensor, x: ClipInputs) -> Tensor:
        """Return the generator's term, from the output for `generated_inputs`."""

    def joint_inputs(self, x: ClipInputs, fake_BTCHW: Tensor) -> Inputs:
        """Return the network's arguments for true and generated videos in one call.

        By default the true videos, then the generated ones, as one batch.
        """
        return (torch.cat([x.video_BTCHW, fake_BTCHW]),)

    @abstractmethod
    def discriminator_term(self, output: Tensor, x: ClipInputs) -> Tensor:
        """Return the discriminator's term, from the output for `joint_inputs`."""

    def discriminator_terms(
        self, output: Tensor, x: ClipInputs, fake_BTCHW: Tensor, network: nn.Module
    ) -> Terms:
        """Return the discriminator's term and further values to report.

        Args:
            output: of the network for `joint_inputs`.
            x: one micro-batch.
            fake_BTCHW: the generated videos, without a graph.
            network: the bare module. The wrapper of an engine would take gradients within a term,
                as of a penalty, for its own.
        """
        return {self.name: self.discriminator_term(output, x)}

    def real_inputs(self, x: ClipInputs) -> Inputs:
        """Return the network's arguments for true videos alone."""
        return (x.video_BTCHW,)

    def real_terms_of(self, output: Tensor, x: ClipInputs) -> Terms:
        """Return the `real_terms`, from the output for `real_inputs` or `joint_inputs`."""
        return {}


def build_critics(config: TrainConfig, *, emotions: int) -> dict[str, Critic]:
    """Return the discriminators that some stage of the run uses, by name."""
    return {name: CRITICS[name](config, emotions=emotions) for name in config.discriminators}
