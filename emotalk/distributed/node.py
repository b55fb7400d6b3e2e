"""Let one process of each node read files that all processes of the node need.

The others receive what it read over a process group of the node, by gloo: from memory to memory,
also where the training itself exchanges by NCCL.
"""

import io
import pickle
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, distributed
from torch.distributed import ProcessGroup

from emotalk.node_name import node_name

Value = TypeVar("Value")
Bytes = NDArray[np.uint8]


@dataclass(frozen=True)
class Node:
    """Hold the processes of a training that run on the same node as this one.

    Attributes:
        group: these processes; None where this one is alone.
        reader: the rank of the one that reads, the lowest on the node.
        is_reader: whether that is this process.
    """

    group: ProcessGroup | None = None
    reader: int = 0
    is_reader: bool = True

    @classmethod
    def join(cls, everyone: ProcessGroup | None, timeout: timedelta) -> "Node":
        """Return this process's node. Every process must call it.

        Nodes are told apart by their names. Two nodes of one name would share a reader, which is
        slower, but not wrong.

        Args:
            everyone: all processes, joined by gloo; None: the default group.
            timeout: of each exchange within the node.
        """
        if not distributed.is_initialized():
            return cls()
        names: list[str] = [""] * distributed.get_world_size()
        distributed.all_gather_object(names, node_name(), group=everyone)
        rank = distributed.get_rank()
        ranks = [number for number, name in enumerate(names) if name == names[rank]]
        if len(ranks) == 1:
            return cls(None, rank, is_reader=True)
        # The other nodes do not take part, so that 64 nodes need not wait for 64 groups.
        group: ProcessGroup = distributed.new_group(
            ranks, timeout=timeout, backend="gloo", use_local_synchronization=True
        )
        return cls(group, ranks[0], is_reader=rank == ranks[0])

    def share(self, value: Value | None) -> Value:
        """Return the reader's value on every process of the node; each of them must call it.

        Tensors, which arrive on the CPU, and arrays are sent as they lie in memory, without a copy
        of the whole.

        Args:
            value: on the reader, anything that can be pickled; None on the others.
        """
        if self.group is None:
            return _own(value)
        if self.is_reader:
            description, blocks = _packed(value)
            head = [description, [block.nbytes for block in blocks]]
            distributed.broadcast_object_list(head, src=self.reader, group=self.group)
            self._send([torch.from_numpy(block) for block in blocks])
            return _own(value)
        received: list[Any] = [None, None]
        distributed.broadcast_object_list(received, src=self.reader, group=self.group)
        description, sizes = received
        places = [torch.empty(size, dtype=torch.uint8) for size in sizes]
        self._send(places)
        # from memory of the reader, which is a process of this training: never from a file
        result: Value = pickle.loads(description, buffers=[p.numpy() for p in places])  # noqa: S301
        return result

    def _send(self, blocks: Sequence[Tensor]) -> None:
        """Fill the blocks with those of the reader."""
        for block in blocks:
            if block.numel():
                distributed.broadcast(block, src=self.reader, group=self.group)


def _own(value: Value | None) -> Value:
    assert value is not None, "the reader has something to share"
    return value


class _Pickler(pickle.Pickler):
    """Pickle tensors like arrays: the description apart from the numbers."""

    def reducer_override(self, value: object) -> Any:
        """Return how a tensor is made from its bytes; leave everything else to its own rule."""
        if type(value) is not Tensor:
            return NotImplemented
        flat = value.detach().cpu().contiguous().reshape(-1)
        numbers = pickle.PickleBuffer(flat.view(torch.uint8).numpy().data)
        return _tensor, (numbers, value.dtype, tuple(value.shape))


def _tensor(numbers: Bytes, dtype: torch.dtype, shape: tuple[int, ...]) -> Tensor:
    if not len(numbers):  # torch cannot view an empty array as another type
        return torch.empty(shape, dtype=dtype)
    return torch.from_numpy(numbers).view(dtype).reshape(shape)


def _packed(value: object) -> tuple[bytes, list[Bytes]]:
    """Return the description of a value and the numbers that it leaves out."""
    found: list[pickle.PickleBuffer] = []
    written = io.BytesIO()
    _Pickler(written, protocol=5, buffer_callback=found.append).dump(value)
    blocks = [np.asarray(buffer.raw()) for buffer in found]
    return written.getvalue(), [b if b.flags.writeable else b.copy() for b in blocks]
