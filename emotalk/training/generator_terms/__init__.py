"""Collect the generator's loss terms; each module defines the term of its name."""

from importlib import import_module

from emotalk.training.generator_term import GeneratorTerm


def load_term(name: str) -> GeneratorTerm:
    """Return the term of the module `name` of this package."""
    term: GeneratorTerm = import_module(f"{__name__}.{name}").TERM
    return term
