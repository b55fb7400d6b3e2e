"""Measure how long a process computes by itself in a step, to find the slowest of all.

In a step every process waits for the slowest one, so the steps of all take equally long. What
differs is the time before a process first waits: for its batch, and for its updates up to the last
backward pass, in which gradients are exchanged.
"""

import time

import torch

from emotalk.distributed import Runtime


class OwnTime:
    """Sum up the time between the beginning of each update and its exchange of gradients.

    On a GPU it is the device's time, by CUDA events, which the host does not wait for before
    `read`.
    """

    def __init__(self, device: torch.device) -> None:
        """Measure nothing yet."""
        self._device = device
        self._seconds = 0.0
        self._began: float | torch.cuda.Event | None = None
        self._spans: list[tuple[torch.cuda.Event, torch.cuda.Event]] = []

    def begin(self) -> None:
        """Begin an update."""
        self._began = self._now()

    def end(self) -> None:
        """End the part of the update that waits for nobody; without a beginning nothing happens."""
        began, self._began = self._began, None
        now = self._now() if began is not None else None
        if isinstance(began, float) and isinstance(now, float):
            self._seconds += now - began
        elif isinstance(began, torch.cuda.Event) and isinstance(now, torch.cuda.Event):
            self._spans.append((began, now))

    def read(self) -> float:
        """Return the seconds since the last reading and start again at zero."""
        for began, ended in self._spans:
            ended.synchronize()
            self._seconds += began.elapsed_time(ended) / 1000
        seconds, self._seconds, self._spans = self._seconds, 0.0, []
        return seconds

    def _now(self) -> "float | torch.cuda.Event":
        if self._device.type != "cuda":
            return time.monotonic()
        event = torch.cuda.Event(enable_timing=True)  # type: ignore[no-untyped-call]
        event.record()
        return event


def slowest_rank(
    runtime: Runtime, *, own_s: float, waited_s: float, seconds: float, steps: int
) -> dict[str, float]:
    """Return the figures of the process that computes and waits for data the longest.

    Every process must call it. One process alone has none.

    Args:
        runtime: of this process.
        own_s: seconds that this process computed by itself.
        waited_s: seconds that it waited for data.
        seconds: of the whole time.
        steps: made in that time.
    """
    if runtime.world_size == 1 or steps == 0:
        return {}
    times_R2 = torch.zeros(runtime.world_size, 2, dtype=torch.float32, device=runtime.device)
    times_R2[runtime.rank] = torch.tensor([own_s, waited_s], dtype=torch.float32)
    own_and_waited = runtime.sum(times_R2).tolist()
    rank = max(range(len(own_and_waited)), key=lambda index: sum(own_and_waited[index]))
    own, waited = own_and_waited[rank]
    return {
        "speed/slowest_rank": float(rank),
        "speed/slowest_rank_step_s": (own + waited) / steps,
        "speed/slowest_rank_data_wait_share": min(waited / max(seconds, 1e-9), 1.0),
    }
