"""Choose the form of an operation: the plain one, or a faster one that gives the same numbers."""

import torch
from torch import Tensor

# Types of devices that take the plain forms. The fast ones were measured on CPUs only. To measure
# the plain ones on a GPU write {"cuda", "meta"}: memory is estimated on "meta".
PLAIN_DEVICES: frozenset[str] = frozenset()


def takes_fast_form(x: Tensor) -> bool:
    """Return whether an operation on `x` takes its fast form."""
    return x.device.type not in PLAIN_DEVICES


def takes_own_gradient(x: Tensor) -> bool:
    """Return whether an operation on `x` takes the form whose gradient is written by hand.

    Compiled and exported programs take the plain form: they consist of PyTorch's own operators.
    """
    return takes_fast_form(x) and not torch.compiler.is_compiling()
