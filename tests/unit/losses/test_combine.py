"""From named terms to one number; and the plain L1 term."""

import pytest
import torch
from skimage.metrics import mean_squared_error

from emotalk.losses.combine import (
    nan_unless_finite,
    not_finite,
    weighted_sum,
    with_zero_gradients,
)
from emotalk.losses.reconstruction import l1

NAN = float("nan")


def test_the_sum_weighs_each_term_by_its_name() -> None:
    terms = {"mouth": torch.tensor([1.0, 2.0]), "frame": torch.tensor([10.0, -20.0])}
    total = weighted_sum(terms, {"mouth": 100.0, "frame": 0.01, "unused": 0.0})
    torch.testing.assert_close(total, torch.tensor([100.1, 199.8]))


def test_a_term_of_weight_zero_trains_nothing_even_if_it_is_nan() -> None:
    x = torch.tensor([2.0], requires_grad=True)
    y = torch.tensor([NAN], requires_grad=True)
    total = weighted_sum({"on": x * 3, "off": y * 1}, {"on": 1.0, "off": 0.0})
    torch.autograd.backward(total.sum())
    assert total.item() == 6.0
    assert x.grad is not None
    assert x.grad.item() == 3.0
    assert y.grad is None


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ({}, r"terms without a weight: \['a'\]"),
        ({"a": 1.0, "b": 2.0}, r"weights without a term: \['b'\]; given are \['a'\]"),
        ({"a": -1.0}, r"weight of a: got -1.0, allowed are finite numbers >= 0"),
        ({"a": NAN}, r"weight of a: got nan"),
        ({"a": 0.0}, r"weights: all of a are 0, nothing trains"),
    ],
)
def test_weights_and_terms_must_match(weights: dict[str, float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        weighted_sum({"a": torch.ones(2)}, weights)


def test_terms_must_have_one_value_a_clip() -> None:
    with pytest.raises(ValueError, match=r"term b: shape \(3,\)"):
        weighted_sum({"a": torch.ones(2), "b": torch.ones(3)}, {"a": 1.0, "b": 1.0})


def test_terms_that_are_not_finite_are_named_with_their_clips() -> None:
    terms = {
        "a": torch.ones(2),
        "b": torch.tensor([1.0, NAN]),
        "c": torch.tensor([float("inf"), float("-inf")]),
    }
    assert not_finite(terms) == {"b": [1], "c": [0, 1]}
    assert not_finite({"a": torch.ones(2)}) == {}


@pytest.mark.parametrize("bad", [NAN, float("inf"), float("-inf")])
def test_one_value_that_is_not_finite_makes_every_gradient_nan(bad: float) -> None:
    weight = torch.ones(3, requires_grad=True)
    slopes = torch.tensor([1.0, 2.0, 3.0])
    good = weight * slopes
    torch.autograd.backward(good.sum() * nan_unless_finite({"a": good}))
    assert weight.grad is not None
    assert weight.grad.tolist() == [1.0, 2.0, 3.0]
    weight.grad.zero_()
    good, constant = weight * slopes, torch.tensor([0.0, bad])  # which by itself has no gradient
    torch.autograd.backward(good.sum() * nan_unless_finite({"a": good, "b": constant}))
    assert weight.grad.isnan().all()


def test_l1_is_the_mean_absolute_difference_of_each_clip() -> None:
    draws = torch.Generator().manual_seed(0)
    fake, real = (torch.rand(2, 2, 3, 4, 5, dtype=torch.float64, generator=draws) for _ in range(2))
    roots = [(f - r).abs().sqrt().numpy() for f, r in zip(fake, real, strict=True)]
    expected = [mean_squared_error(root, 0 * root) for root in roots]  # the mean of |f - r|
    torch.testing.assert_close(l1(fake, real), torch.tensor(expected, dtype=torch.float64))
    assert torch.autograd.gradcheck(lambda f: l1(f, real), (fake.requires_grad_(),))
    with pytest.raises(ValueError, match="real_BTCHW: got shape"):
        l1(fake, real[:1])


def test_an_output_that_no_term_reads_gets_a_gradient_of_zero_and_changes_no_loss() -> None:
    x = torch.tensor([2.0, -3.0], requires_grad=True)
    unread = torch.tensor([[1e38, torch.inf], [torch.nan, -5.0]], requires_grad=True)
    loss = x.square().sum()
    total = with_zero_gradients(loss, [unread, unread * 2])
    assert float(total.detach()) == 13.0
    torch.autograd.backward(total)
    assert x.grad is not None
    assert x.grad.tolist() == [4.0, -6.0]
    assert unread.grad is not None
    assert unread.grad.tolist() == [[0.0, 0.0], [0.0, 0.0]]
    assert with_zero_gradients(loss, []) is loss
