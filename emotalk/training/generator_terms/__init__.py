"""Collect the generator's loss terms; each module defines the term of its name."""

from importlib import import_module

from emotalk.config.stages import generator_term_modules
from emotalk.training.generator_term import GeneratorTerm


def load_term(name: str) -> GeneratorTerm:
    """Return the term of the module `name` of this package."""
    term: GeneratorTerm = import_module(f"{__name__}.{name}").TERM
    return term


def is_generator_term(name: str) -> bool:
    """Return whether `name` is a term of this package; the others are the discriminators'."""
    return name in generator_term_modules()
