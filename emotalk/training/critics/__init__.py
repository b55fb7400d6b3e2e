"""Collect the discriminators of the objective; every other module defines one of them."""

from importlib import import_module
from pkgutil import iter_modules

from emotalk.training.critics.critic import CRITICS, Critic, build_critics

for _module in iter_modules(__path__):
    import_module(f"{__name__}.{_module.name}")

__all__ = ["CRITICS", "Critic", "build_critics"]
