"""Configure the stages of a run: their updates, losses, learning rates and lengths."""

import math
from importlib.util import find_spec
from pkgutil import iter_modules
from typing import Annotated, Literal

from pydantic import Field, model_validator

from emotalk.config.model import discriminator_sections
from emotalk.config.section import Count, NonNegative, Positive, Section

DISCRIMINATOR_TERMS = tuple(
    term for name, section in discriminator_sections() for term in (name, *section.real_terms)
)


def generator_term_modules() -> list[str]:
    """Return the names of the generator's terms that need no discriminator.

    They are the modules of one package, which are listed and not imported: they need torch.
    """
    package = find_spec("emotalk.training.generator_terms")
    assert package is not None
    return [module.name for module in iter_modules(package.submodule_search_locations)]


def generator_terms() -> list[str]:
    """Return the names of all terms of the generator's updates."""
    return [*generator_term_modules(), *(name for name, _ in discriminator_sections())]


class UpdateConfig(Section):
    """Configure one optimiser step of one engine, made every `every` iterations of its stage."""

    network: Literal["generator", "discriminators"]
    lr: Positive
    losses: dict[str, NonNegative]  # term: weight; 0 = reported, not trained
    every: Count = 1  # made every so many iterations of the stage
    offset: Annotated[int, Field(ge=0)] = 0  # iteration of the first one

    @model_validator(mode="after")
    def _terms_are_known(self) -> "UpdateConfig":
        known = generator_terms() if self.network == "generator" else DISCRIMINATOR_TERMS
        unknown = sorted(set(self.losses) - set(known))
        if unknown:
            raise ValueError(
                f"unknown loss terms of the {self.network}: {', '.join(unknown)}; "
                f"known: {', '.join(known)}"
            )
        if not any(self.losses.values()):
            raise ValueError("every loss has weight 0: the update would train nothing")
        if self.offset >= self.every:
            raise ValueError(
                f"offset {self.offset} is never reached with every={self.every}; use 0 to "
                f"{self.every - 1}"
            )
        return self

    @property
    def trained(self) -> frozenset[str]:
        """Return the terms with a weight above 0; the others are only reported."""
        return frozenset(term for term, weight in self.losses.items() if weight > 0)

    def is_due(self, iteration: int) -> bool:
        """Return whether the update is made in this iteration of its stage (counted from 0)."""
        return iteration % self.every == self.offset


class StageConfig(Section):
    """Configure a part of the run with its own updates."""

    name: str
    iterations: Annotated[int, Field(ge=0)] | None = None  # steps of one global batch
    epochs: Annotated[float, Field(ge=0)] | None = None  # passes over the training split
    updates: tuple[UpdateConfig, ...] = Field(min_length=1)
    lr_warmup: Annotated[int, Field(ge=0)] = 0  # iterations in which `lr` rises from 0, linearly
    lr_decay: Literal["none", "linear", "cosine"] = "none"  # after warm-up, to `lr` / 10

    @model_validator(mode="after")
    def _has_one_length(self) -> "StageConfig":
        if (self.iterations is None) == (self.epochs is None):
            raise ValueError(
                f"stage {self.name!r}: give either iterations or epochs, got "
                f"{'neither' if self.iterations is None else 'both'}"
            )
        return self

    def steps(self, clips_per_epoch: int, batch_size: int) -> int:
        """Return the stage's iterations; the last of an epoch may reach into the next."""
        if self.iterations is not None:
            return self.iterations
        assert self.epochs is not None, "checked above"
        return math.ceil(self.epochs * clips_per_epoch / batch_size)

    @property
    def terms(self) -> set[str]:
        """Return the names `network.term` of every loss that the stage computes."""
        return {f"{update.network}.{term}" for update in self.updates for term in update.losses}
