"""Run networks on several processes; nothing else imports accelerate and DeepSpeed."""

from emotalk.distributed.adam import AdamByParts
from emotalk.distributed.engine import Engine, NonFiniteGradientError
from emotalk.distributed.runtime import Runtime

__all__ = ["AdamByParts", "Engine", "NonFiniteGradientError", "Runtime"]
