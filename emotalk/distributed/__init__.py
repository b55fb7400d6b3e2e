"""Run networks on several processes; nothing else imports accelerate and DeepSpeed."""

from emotalk.distributed.adam import AdamByParts
from emotalk.distributed.engine import Engine
from emotalk.distributed.runtime import Runtime
from emotalk.distributed.update_guard import NonFiniteGradientError, UpdateGuard

__all__ = ["AdamByParts", "Engine", "NonFiniteGradientError", "Runtime", "UpdateGuard"]
