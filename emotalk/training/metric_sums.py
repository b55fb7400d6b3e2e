"""Sum up the metrics of the updates between two log lines, without waiting for the device."""

from collections.abc import Mapping
from functools import reduce

import torch
from torch import Tensor

from emotalk.distributed import Runtime
from emotalk.training.steps import StepReport


class MetricSums:
    """Sum each metric since the last log line.

    Loss terms stay on the device, each process holding its share, until `read` adds them up. Plain
    numbers are the same on every process and are not added up.

    Args:
        runtime: of this process.
        start: name -> (sum, count), as a checkpoint holds them.
    """

    def __init__(self, runtime: Runtime, start: Mapping[str, tuple[float, int]]) -> None:
        self._runtime = runtime
        self._counts = {name: count for name, (_, count) in start.items()}
        # One process alone goes on from the sums of all, or they would be counted once for each.
        self._totals: dict[str, float | Tensor] = {
            name: total if runtime.is_main else 0.0 for name, (total, _) in start.items()
        }

    def add(self, network: str, report: StepReport, *, valid: int) -> None:
        """Add one update's metrics; the latest learning rate replaces the one before.

        An alternating stage updates one network in a step, and log lines may all fall on the steps
        of the other. So every update since the last line counts.

        Args:
            network: `generator` or `discriminators`.
            report: of its update.
            valid: clips of the step, over all processes.
        """
        self._add(f"train/{network}/grad_norm", report.grad_norm)
        self._totals[f"train/{network}/lr"] = report.lr
        self._counts[f"train/{network}/lr"] = 1
        if not report.sums:
            return
        weights = [report.weights.get(name, 0.0) for name in report.sums]
        sums = torch.stack(list(report.sums.values())).to(torch.float64)
        means = list((sums / max(valid, 1)).unbind())
        weighted = torch._foreach_mul(means, weights)
        for name, mean, part in zip(report.sums, means, weighted, strict=True):
            self._add(f"train/{network}/{name}", mean)
            self._add(f"train/{network}/{name}_weighted", part)
        # One after the other: torch.sum would add in an order that depends on the device.
        self._add(f"train/{network}/total", reduce(torch.add, weighted))

    def read(self) -> dict[str, tuple[float, int]]:
        """Return name -> (sum, count), on the main process over all processes.

        Waits for the device. Every process must call it.
        """
        totals = dict(self._totals)
        on_device = {n: total for n, total in totals.items() if isinstance(total, Tensor)}
        if on_device:
            summed = self._runtime.sum(torch.stack(list(on_device.values()))).tolist()
            totals |= dict(zip(on_device, summed, strict=True))
        return {name: (float(total), self._counts[name]) for name, total in totals.items()}

    def clear(self) -> None:
        """Reset all sums, after a log line."""
        self._totals.clear()
        self._counts.clear()

    def _add(self, name: str, value: float | Tensor) -> None:
        self._totals[name] = self._totals.get(name, 0.0) + value
        self._counts[name] = self._counts.get(name, 0) + 1
