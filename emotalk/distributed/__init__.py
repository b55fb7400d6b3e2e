"""Processes and engines: the one home of accelerate, DeepSpeed and torch.distributed."""

from emotalk.distributed.adam import AdamByParts
from emotalk.distributed.engine import Engine, NonFiniteGradientError
from emotalk.distributed.runtime import Runtime

__all__ = ["AdamByParts", "Engine", "NonFiniteGradientError", "Runtime"]
