"""Start the process group of a training and provide its collective operations."""

import logging
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TypeVar

import torch
from accelerate import Accelerator, DeepSpeedPlugin
from accelerate.utils import (
    DistributedDataParallelKwargs,
    DistributedType,
    InitProcessGroupKwargs,
    gather_object,
    reduce,
)
from torch import Tensor, distributed
from torch.distributed import ProcessGroup

from emotalk.config.runtime import RuntimeConfig
from emotalk.distributed.accelerate_settings import remove_accelerate_settings
from emotalk.distributed.node import Node
from emotalk.distributed.zero import plugins
from emotalk.errors import WrongUse
from emotalk.host_memory import keep_freed_memory
from emotalk.usable_cores import usable_cores

LOG = logging.getLogger("emotalk.train")
Value = TypeVar("Value")


@dataclass(frozen=True)
class Runtime:
    """Provide the rank, the device and the collective operations of this process.

    Attributes:
        accelerators: one for each engine: an Accelerator drives one DeepSpeed engine only.
        host_group: the processes joined by gloo beside NCCL; None where the default group is gloo.
        node: the processes that run on the same node.
    """

    accelerators: dict[str, Accelerator]
    host_group: ProcessGroup | None = None
    node: Node = field(default_factory=Node)

    @classmethod
    def start(cls, config: RuntimeConfig, engines: Sequence[str]) -> "Runtime":
        """Join the process group and return this process's runtime."""
        remove_accelerate_settings()
        threads = config.threads or max(1, usable_cores() // local_processes())
        torch.set_num_threads(threads)
        torch.use_deterministic_algorithms(config.deterministic)
        if config.deterministic:  # read when cuBLAS starts: two workspaces of fixed sizes
            os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
        cpu = config.device == "cpu" or not torch.cuda.is_available()
        if config.device == "cuda" and cpu:
            raise WrongUse(
                "runtime.device is cuda, but torch finds no CUDA device here; "
                "use runtime.device=cpu, or see what `emotalk doctor` says"
            )
        if cpu:
            keep_freed_memory()
        if cpu and config.precision == "bf16":
            _prepare_cpu_for_bf16()
        if config.engine == "deepspeed":
            accelerators = _deepspeed_accelerators(config, engines, cpu=cpu)
            return cls._joined(accelerators, config, cpu=cpu)
        ddp = DistributedDataParallelKwargs(gradient_as_bucket_view=True)
        accelerator = Accelerator(cpu=cpu, kwargs_handlers=[ddp, _group(config)])
        return cls._joined(dict.fromkeys(engines, accelerator), config, cpu=cpu)

    @classmethod
    def _joined(
        cls, accelerators: dict[str, Accelerator], config: RuntimeConfig, *, cpu: bool
    ) -> "Runtime":
        everyone = _host_group(config, cpu=cpu)
        return cls(accelerators, everyone, Node.join(everyone, _timeout(config)))

    @property
    def _any(self) -> Accelerator:
        return next(iter(self.accelerators.values()))

    @property
    def rank(self) -> int:
        """Return the number of this process, 0 to world_size - 1."""
        return int(self._any.process_index)

    @property
    def world_size(self) -> int:
        """Return the number of processes that train together."""
        return int(self._any.num_processes)

    @property
    def is_main(self) -> bool:
        """Return whether this process writes files and talks to trackers."""
        return self.rank == 0

    @property
    def device(self) -> torch.device:
        """Return the device of this process."""
        device: torch.device = self._any.device
        return device

    def sum(self, values: Tensor) -> Tensor:
        """Return the element-wise sum of `values` over all processes, on every process."""
        summed: Tensor = reduce(values, reduction="sum") if self.world_size > 1 else values
        return summed

    def sum_on_host(self, *counts: int) -> list[int]:
        """Return the sums of `counts` over all processes, without waiting for a GPU."""
        if self.world_size == 1:
            return list(counts)
        numbers = torch.tensor(counts)
        distributed.all_reduce(numbers, group=self.host_group)
        return [int(number) for number in numbers.tolist()]

    def gather(self, items: list[Value]) -> list[Value]:
        """Return every process's items in the order of ranks, on every process.

        Every process must call it. The items can be pickled.
        """
        gathered: list[Value] = gather_object(items) if self.world_size > 1 else items
        return gathered

    def read_once_a_node(self, read: Callable[[], Value]) -> Value:
        """Return what `read` returns, which one process of each node calls for all of them.

        Every process must call it. Tensors arrive on the CPU.

        Raises:
            WrongUse: `read` raised it on some node; the same one on every process.
        """
        value, refusals = None, list[WrongUse]()
        if self.node.is_reader:
            try:
                value = read()
            except WrongUse as error:
                refusals.append(error)
        for refusal in self.gather(refusals):
            raise refusal
        return self.node.share(value)

    def barrier(self) -> None:
        """Wait for every process."""
        self._any.wait_for_everyone()

    def stop(self) -> None:
        """Leave the process group."""
        self._any.end_training()


def _group(config: RuntimeConfig, backend: str | None = None) -> InitProcessGroupKwargs:
    """Return the settings of the process group; Accelerate chooses where `backend` is None."""
    return InitProcessGroupKwargs(backend=backend, timeout=_timeout(config))


def _timeout(config: RuntimeConfig) -> timedelta:
    return timedelta(seconds=config.timeout_s)


def _host_group(config: RuntimeConfig, *, cpu: bool) -> ProcessGroup | None:
    """Return a gloo group beside NCCL's for several processes on GPUs, else None."""
    if cpu or not distributed.is_initialized() or distributed.get_world_size() == 1:
        return None
    group: ProcessGroup = distributed.new_group(backend="gloo", timeout=_timeout(config))
    return group


def _prepare_cpu_for_bf16() -> None:
    """Turn oneDNN off on a CPU without bf16 instructions, where its LSTM does not support bf16."""
    if torch.ops.mkldnn._is_mkldnn_bf16_supported():
        return
    torch.backends.mkldnn.set_flags(_enabled=False)  # type: ignore[no-untyped-call]
    LOG.warning(
        "runtime.precision=bf16: this CPU has no bf16 instructions, it computes slower than with "
        "runtime.precision=fp32"
    )


def local_processes() -> int:
    """Return how many processes share this machine."""
    return int(os.environ.get("LOCAL_WORLD_SIZE", "1"))


def _deepspeed_accelerators(
    config: RuntimeConfig, engines: Sequence[str], *, cpu: bool
) -> dict[str, Accelerator]:
    """Return one Accelerator for each engine, each with its own ZeRO plugin selected.

    The first one holds the plugins of all; the later ones share its state.

    Raises:
        RuntimeError: Accelerate silently set up another kind of parallelism.
    """
    if cpu:
        _choose_cpu_for_deepspeed()
        _compile_nothing()
    if "LOCAL_RANK" not in os.environ:
        _join_group_of_one()
    ready: dict[str, DeepSpeedPlugin] = plugins(config.deepspeed, engines)
    group = _group(config, "gloo" if cpu else "nccl")
    first = Accelerator(deepspeed_plugins=ready, kwargs_handlers=[group])
    if first.distributed_type != DistributedType.DEEPSPEED:
        raise RuntimeError(
            f"runtime.engine is deepspeed, but Accelerate set up {first.distributed_type}"
        )
    rest = {name: Accelerator() for name in engines[1:]}
    return {engines[0]: first, **rest}


def _choose_cpu_for_deepspeed() -> None:
    """Select the CPU by DeepSpeed's variables; with its own, Accelerate silently sets up DDP."""
    os.environ.pop("ACCELERATE_USE_CPU", None)
    os.environ["ACCELERATE_TORCH_DEVICE"] = "cpu"
    os.environ["DS_ACCELERATOR"] = "cpu"


def _compile_nothing() -> None:
    """Keep DeepSpeed from compiling its reduction in shared memory, which only inference calls.

    It would take a minute at the first start on a machine, need a compiler, and leave a lock behind
    when it is killed, at which every later start waits for ever. DeepSpeed keeps in this dictionary
    which of its extensions fit the machine; to fill it, it runs the compiler too.
    """
    from deepspeed import ops  # noqa: PLC0415  2 s to import

    ops.__compatible_ops__ = {}


def _join_group_of_one() -> None:
    """Set the environment of a process group of one process, which DeepSpeed needs."""
    alone = {"RANK": "0", "LOCAL_RANK": "0", "WORLD_SIZE": "1", "LOCAL_WORLD_SIZE": "1"}
    os.environ.update({**alone, "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "0"})
