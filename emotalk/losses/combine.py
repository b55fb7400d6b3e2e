"""Combine named loss terms into the loss that is trained."""

import math
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from emotalk.losses.checks import check_floats


def weighted_sum(terms_B: Mapping[str, Tensor], weights: Mapping[str, float]) -> Tensor:
    """Return the sum over terms of weight * value (B,).

    A term of weight 0 may be present to be reported. It is left out of the sum and of its graph, so
    it trains nothing, even if it is NaN.

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


def with_zero_gradients(loss: Tensor, outputs: Sequence[Tensor]) -> Tensor:
    """Return the value of `loss` with a gradient of zero to each of `outputs` added.

    Averaging gradients over processes needs one for every parameter in every backward pass. The
    parameters behind an output that no trained term uses get zeros, even if it is not finite.

    Args:
        loss: a number.
        outputs: of any shape; with none the loss is returned as it is.
    """
    for output in outputs:
        loss = loss + (output.nan_to_num(0.0, 0.0, 0.0) * 0.0).sum()
    return loss


def nan_unless_finite(terms_B: Mapping[str, Tensor]) -> Tensor:
    """Return 1 where every value of every term is finite, else NaN; without waiting for the device.

    A loss times this has gradients that are NaN as soon as any term is not finite, even one that
    is infinite with a finite gradient, or of weight 0. Averaged over processes the gradients tell
    all of them at once, before anything is updated.

    Args:
        terms_B: name -> one value a clip (B,); at least one term.
    """
    finite = torch.stack([value.detach().isfinite().all() for value in terms_B.values()]).all()
    return torch.where(finite, 1.0, math.nan)


def not_finite(terms_B: Mapping[str, Tensor]) -> dict[str, list[int]]:
    """Return the terms that are not finite for some clips, and those clips' places in the batch."""
    places = {
        name: (~values.detach().isfinite()).nonzero().flatten().tolist()
        for name, values in terms_B.items()
    }
    return {name: bad for name, bad in places.items() if bad}


def _check_names(terms_B: Mapping[str, Tensor], weights: Mapping[str, float]) -> None:
    for name, weight in weights.items():
        if not (weight >= 0 and math.isfinite(weight)):
            raise ValueError(f"weight of {name}: got {weight}, allowed are finite numbers >= 0")
    if unweighted := sorted(set(terms_B) - set(weights)):
        raise ValueError(f"terms without a weight: {unweighted}; known are {sorted(weights)}")
    wanted = {name for name, weight in weights.items() if weight > 0}
    if missing := sorted(wanted - set(terms_B)):
        raise ValueError(f"weights without a term: {missing}; given are {sorted(terms_B)}")
