"""Adversarial losses against values worked out by hand."""

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from emotalk.losses.adversarial import (
    binary_cross_entropy,
    least_squares,
    least_squares_critic,
    least_squares_generator,
    pair_critic,
    pair_generator,
    wasserstein_critic,
    wasserstein_generator,
)

REAL_BT = torch.tensor([[1.0, 3.0], [0.0, -2.0]])
FAKE_BT = torch.tensor([[-1.0, 0.0], [4.0, 2.0]])


def test_wasserstein_is_a_difference_of_means_over_frames_of_each_clip() -> None:
    assert wasserstein_critic(REAL_BT, FAKE_BT).tolist() == [-0.5 - 2.0, 3.0 + 1.0]
    assert wasserstein_generator(FAKE_BT).tolist() == [0.5, -3.0]


def test_least_squares_is_half_the_squared_distance_to_the_target() -> None:
    scores = torch.tensor([0.5, 3.0])
    assert least_squares(scores, 1.0).tolist() == [0.125, 2.0]
    assert least_squares_generator(scores).tolist() == [0.125, 2.0]
    assert least_squares_critic(torch.tensor([0.0]), torch.tensor([2.0])).tolist() == [0.5 + 2.0]


def test_binary_cross_entropy_is_minus_the_log_of_the_probability() -> None:
    logits = torch.tensor([0.0, math.log(3.0)])  # probabilities 1/2 and 3/4
    expected = torch.tensor([math.log(2), math.log(4 / 3)])
    torch.testing.assert_close(binary_cross_entropy(logits, 1.0), expected)
    torch.testing.assert_close(pair_generator(logits), expected)
    expected = torch.tensor([math.log(2), math.log(4)])
    torch.testing.assert_close(binary_cross_entropy(logits, 0.0), expected)


def test_pair_critic_weighs_true_and_untrue_pairs_equally() -> None:
    true, generated, mismatched = (torch.tensor([math.log(odds)]) for odds in (3.0, 1.0, 1 / 3))
    # -log of 3/4 for the true pair; of 1/2 and 3/4 for the untrue ones.
    untrue = (math.log(2) + math.log(4 / 3)) / 2
    expected = torch.tensor([(math.log(4 / 3) + untrue) / 2])
    torch.testing.assert_close(pair_critic(true, generated, mismatched), expected)


def test_an_enormous_logit_costs_its_size_and_no_overflow() -> None:
    assert binary_cross_entropy(torch.tensor([-1e4]), 1.0).item() == 1e4


@pytest.mark.parametrize(
    ("loss", "shapes"),
    [
        (wasserstein_critic, [(2, 3), (2, 3)]),
        (wasserstein_generator, [(2, 3)]),
        (least_squares_critic, [(3,), (3,)]),
        (pair_critic, [(3,), (3,), (3,)]),
        (pair_generator, [(3,)]),
    ],
)
def test_gradients_pass_gradcheck(
    loss: Callable[..., Tensor], shapes: list[tuple[int, ...]]
) -> None:
    draws = torch.Generator().manual_seed(0)
    inputs = tuple(
        torch.randn(shape, dtype=torch.float64, generator=draws, requires_grad=True)
        for shape in shapes
    )
    assert torch.autograd.gradcheck(loss, inputs)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: wasserstein_generator(torch.zeros(3)), r"fake_scores_BT: shape \(3,\)"),
        (lambda: wasserstein_critic(REAL_BT, FAKE_BT.long()), r"fake_scores_BT: got torch.int64"),
        (lambda: binary_cross_entropy(REAL_BT[0], 1.5), r"target: got 1.5, allowed is 0"),
    ],
)
def test_wrong_inputs_are_named(call: Callable[[], object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()
