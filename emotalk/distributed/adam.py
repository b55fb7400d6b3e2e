"""Define Adam for a network whose parts are not all updated in every step."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn

MOMENTS = ("exp_avg", "exp_avg_sq")


@dataclass(frozen=True)
class OptimizerState:
    """Hold Adam's moments and step counts: parameter name -> value.

    Attributes:
        moments: `exp_avg.NAME` and `exp_avg_sq.NAME`, each of its parameter's shape.
        steps: number of updates of each parameter; parameters without any are left out.
    """

    moments: dict[str, Tensor]
    steps: dict[str, int]


class AdamByParts(torch.optim.Adam):
    """Update some parts of a network; the others keep weights, moments and step counts.

    Each part is one parameter group. A zero gradient alone would still decay the moments and
    increase the step count of a part, and its first real updates would be several times too large.
    A missing gradient would do under DDP, but ZeRO updates whole groups.

    Args:
        module: the network; its parameters' names are kept in the groups.
        parts: name -> the modules of that part of the network; together they hold every
            parameter once.
        lr: learning rate.
        betas: decay of the two moments.
        eps: added to the root of the second moment.
    """

    def __init__(
        self,
        module: nn.Module,
        parts: Mapping[str, Sequence[nn.Module]],
        *,
        lr: float = 1e-4,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
    ) -> None:
        names = {parameter: name for name, parameter in module.named_parameters()}
        held_by = {
            name: [parameter for module in modules for parameter in module.parameters()]
            for name, modules in parts.items()
        }
        groups = [
            {
                "params": parameters,
                "names": [names[parameter] for parameter in parameters],
                "part": name,
                "frozen": False,
            }
            for name, parameters in held_by.items()
        ]
        held = [parameter for parameters in held_by.values() for parameter in parameters]
        assert len(held) == len(names) == len(set(held)), "every parameter once"
        super().__init__(groups, lr=lr, betas=betas, eps=eps)

    @contextmanager
    def learning(self, parts: Collection[str]) -> Iterator[None]:
        """Let `step` update only these parts within the block; restore the setting afterwards."""
        before = [(group, group["frozen"]) for group in self.param_groups]
        for group in self.param_groups:
            group["frozen"] = group["part"] not in parts
        try:
            yield
        finally:
            for group, frozen in before:
                group["frozen"] = frozen

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:  # type: ignore[override]
        """Update the parts that `learning` selected, or all of them."""
        every_group = self.param_groups
        self.param_groups = [group for group in every_group if not group["frozen"]]
        try:
            loss: float | None = super().step(closure)
        finally:
            self.param_groups = every_group
        return loss

    @torch.no_grad()
    def step_where(self, wanted: Tensor) -> Callable[[], None]:
        """Step where `wanted`, a truth value on the device, is true, without waiting for it.

        Weights and moments keep their values where it is false. The step counts, which are on the
        host, increase; the function that is returned sets them back.
        """
        stepped = [
            parameter
            for group in self.param_groups
            if not group["frozen"]
            for parameter in group["params"]
            if parameter.grad is not None
        ]
        before = [
            (parameter.clone(), *(self._moment(parameter, name).clone() for name in MOMENTS))
            for parameter in stepped
        ]
        self.step()
        for parameter, (weight, *moments) in zip(stepped, before, strict=True):
            torch.where(wanted, parameter, weight, out=parameter)
            for name, moment in zip(MOMENTS, moments, strict=True):
                now = self._moment(parameter, name)
                torch.where(wanted, now, moment, out=now)

        def undo() -> None:
            for parameter in stepped:
                self.state[parameter]["step"] -= 1
                if self.state[parameter]["step"] == 0:
                    del self.state[parameter]

        return undo

    def _moment(self, parameter: Tensor, name: str) -> Tensor:
        """Return a moment of a parameter: zeros before its first update."""
        state = self.state.get(parameter)
        moment: Tensor = state[name] if state else torch.zeros_like(parameter)
        return moment
