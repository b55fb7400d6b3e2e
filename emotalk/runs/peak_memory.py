"""Watch the operations of a block of code on tensors without content; count the bytes in use."""

import weakref
from abc import abstractmethod
from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

BY_INDEX = torch.ops.aten.index.Tensor


class WatchedOperations(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Hands every operation within the block, with its result, to `count`."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """Run an operation and count it."""
        del types
        unknown = _values_of_mask(func, args)
        if unknown is not None:
            return unknown
        result = func(*args, **(kwargs or {}))
        self.count(func, args, kwargs or {}, result)
        return result

    @abstractmethod
    def count(self, func: Any, args: Any, kwargs: dict[str, Any], result: Any) -> None:
        """Count one operation."""


class PeakMemory(WatchedOperations):  # type: ignore[no-untyped-call]
    """Counts the bytes of all tensors made within the block, each storage once.

    Attributes:
        peak: largest number of bytes in use at one time.
    """

    def __init__(self, besides: Iterable[Tensor]) -> None:
        """Leave out the tensors `besides`, which exist before the block."""
        super().__init__()
        self.peak: int = 0
        self._now = 0
        self._known = {tensor.untyped_storage()._cdata for tensor in besides}

    def count(self, func: Any, args: Any, kwargs: dict[str, Any], result: Any) -> None:
        """Count the results of one operation."""
        del func, args, kwargs
        for leaf in tree_leaves(result):
            if isinstance(leaf, Tensor):
                self._count(leaf.untyped_storage())

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


def _values_of_mask(func: Any, args: Any) -> Tensor | None:
    """Return an empty tensor if an operation selects values by a mask, else None.

    A mask without content does not say how many values it selects.
    """
    if func is BY_INDEX and any(i is not None and i.dtype == torch.bool for i in args[1]):
        values: Tensor = args[0].new_empty(0)
        return values
    return None
