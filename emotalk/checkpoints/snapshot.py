"""Copy everything a checkpoint holds at one moment of the training."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from torch import Tensor

from emotalk.checkpoints.train_state import TrainState
from emotalk.distributed import Engine
from emotalk.distributed.adam import OptimizerState
from emotalk.distributed.full_state import copied
from emotalk.models.ema import Ema


@dataclass(frozen=True)
class Snapshot:
    """Weights, optimiser states and counters of one moment, gathered over the processes.

    The weights are `state_dict`s, copied on their device.
    """

    generator: dict[str, Tensor]
    ema: dict[str, Tensor] | None
    discriminators: dict[str, Tensor] | None
    optimizers: dict[str, OptimizerState]  # engine -> Adam's state
    state: TrainState

    @property
    def on_cuda(self) -> bool:
        """Return whether the copies are on a GPU."""
        return any(value.is_cuda for value in self.generator.values())

    def to_cpu(self) -> "Snapshot":
        """Return the snapshot with every tensor on the CPU."""
        moved = {
            name: OptimizerState(_on_cpu(optimizer.moments), optimizer.steps)
            for name, optimizer in self.optimizers.items()
        }
        return replace(
            self,
            generator=_on_cpu(self.generator),
            ema=None if self.ema is None else _on_cpu(self.ema),
            discriminators=None if self.discriminators is None else _on_cpu(self.discriminators),
            optimizers=moved,
        )


def take_snapshot(
    engines: Mapping[str, Engine], ema: Ema | None, state: TrainState, *, keep: bool
) -> Snapshot | None:
    """Copy the present weights, moments and counters. Every process must call it.

    ZeRO's parts are gathered. Processes with `keep=False` only take part in that and get None.
    """
    weights = {name: engine.read_weights(keep=keep) for name, engine in engines.items()}
    optimizers = {name: engine.read_optimizer(keep=keep) for name, engine in engines.items()}
    if not keep:
        return None
    return Snapshot(
        generator=weights["generator"],
        ema=None if ema is None else {n: copied(v) for n, v in ema.module.state_dict().items()},
        discriminators=weights.get("discriminators"),
        optimizers=optimizers,
        state=replace(
            state,
            sums=dict(state.sums),
            ema_updates=0 if ema is None else ema.updates,
            optimizer_steps={name: optimizer.steps for name, optimizer in optimizers.items()},
        ),
    )


def _on_cpu(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name: value.cpu() for name, value in tensors.items()}
