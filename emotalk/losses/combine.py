"""From named terms to the one number that is trained."""

import math
from collections.abc import Mapping

import torch
from torch import Tensor

from emotalk.losses.checks import check_floats


class NonFiniteLossError(ArithmeticError):
    """A loss term is infinite or not a number; training cannot go on from here."""


def weighted_sum(terms_B: Mapping[str, Tensor], weights: Mapping[str, float]) -> Tensor:
    """Return the sum over terms of weight * value (B,).

    A term of weight 0 may be there to be reported: it is left out of the sum and of its graph, so
    it trains nothing, not even by being NaN.

    Args:
        terms_B: name -> one value a clip.
        weights: name -> finite weight >= 0, for every term; a weight above 0 demands its term.

    Raises:
        ValueError: a weight or a term is missing, a weight is out of range, shapes differ, or no
            term has a weight above 0.
    """
    _check_names(terms_B, weights)
    trained = [name for name in terms_B if weights[name] > 0]
    if not trained:
        raise ValueError(f"weights: all of {', '.join(terms_B) or 'nothing'} are 0, nothing trains")
    for name in trained:
        check_floats(terms_B[name], f"{terms_B[trained[0]].numel()}", f"term {name}")
    return torch.stack([weights[name] * terms_B[name] for name in trained]).sum(dim=0)


def check_finite(terms_B: Mapping[str, Tensor]) -> None:
    """Raise NonFiniteLossError naming the terms that are not finite; waits for the device once.

    Args:
        terms_B: name -> values of any shape.
    """
    if not terms_B:
        return
    finite = torch.stack([value.detach().isfinite().all() for value in terms_B.values()]).tolist()
    bad = [name for name, good in zip(terms_B, finite, strict=True) if not good]
    if bad:
        shown = "; ".join(f"{name} = {terms_B[name].detach().flatten().tolist()}" for name in bad)
        raise NonFiniteLossError(f"not finite, one value a clip: {shown}")


def _check_names(terms_B: Mapping[str, Tensor], weights: Mapping[str, float]) -> None:
    for name, weight in weights.items():
        if not (weight >= 0 and math.isfinite(weight)):
            raise ValueError(f"weight of {name}: got {weight}, allowed are finite numbers >= 0")
    if unweighted := sorted(set(terms_B) - set(weights)):
        raise ValueError(f"terms without a weight: {unweighted}; known are {sorted(weights)}")
    wanted = {name for name, weight in weights.items() if weight > 0}
    if missing := sorted(wanted - set(terms_B)):
        raise ValueError(f"weights without a term: {missing}; given are {sorted(terms_B)}")
