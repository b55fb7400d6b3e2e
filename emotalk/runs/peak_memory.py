"""Count the bytes of the tensors that a block of code has in use at one time."""

import weakref
from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

BY_INDEX = torch.ops.aten.index.Tensor


class PeakMemory(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Counts the bytes of all tensors made within the block, each storage once.

    Attributes:
        peak: largest number of bytes in use at one time.
    """

    def __init__(self, besides: Iterable[Tensor]) -> None:
        """Leave out the tensors `besides`, which exist before the block."""
        super().__init__()  # type: ignore[no-untyped-call]
        self.peak: int = 0
        self._now = 0
        self._known = {tensor.untyped_storage()._cdata for tensor in besides}

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """Run an operation and count its results."""
        del types
        unknown = values_of_mask(func, args)
        if unknown is not None:
            return unknown
        result = func(*args, **(kwargs or {}))
        for leaf in tree_leaves(result):
            if isinstance(leaf, Tensor):
                self._count(leaf.untyped_storage())
        return result

    def _count(self, storage: torch.UntypedStorage) -> None:
        key, size = storage._cdata, storage.nbytes()
        if key not in self._known:
            self._known.add(key)
            self._now += size
            self.peak = max(self.peak, self._now)
            weakref.finalize(storage, self._free, key, size)

    def _free(self, key: int, size: int) -> None:
        self._known.discard(key)
        self._now -= size


def values_of_mask(func: Any, args: Any) -> Tensor | None:
    """Return an empty tensor if an operation selects values by a mask, else None.

    A mask without content does not say how many values it selects.
    """
    if func is BY_INDEX and any(i is not None and i.dtype == torch.bool for i in args[1]):
        values: Tensor = args[0].new_empty(0)
        return values
    return None
