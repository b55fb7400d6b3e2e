"""The fast ConvLSTM and its gradient by hand equal the plain form under autograd."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from emotalk.models.conv_lstm_unroll import CellActivation, plain_unroll, unroll
from tests.helpers.generators import small_generator, whole_utterance
from tests.helpers.plain_generator import plain_generator

Form = Callable[..., tuple[Tensor, Tensor]]


def arguments(dtype: torch.dtype = torch.float64, *, frames: int = 3) -> tuple[Tensor, ...]:
    """Return gates, clip gates, kernel, hidden and cell of two clips with two channels."""
    draws = torch.Generator().manual_seed(0)
    shapes = [(frames, 2, 8, 3, 4), (2, 8, 3, 4), (8, 2, 3, 3), (2, 2, 3, 4), (2, 2, 3, 4)]
    return tuple(
        torch.randn(shape, generator=draws, dtype=torch.float64).to(dtype).requires_grad_()
        for shape in shapes
    )


def loss_and_gradients(
    form: Form, inputs: tuple[Tensor, ...], *, cell_activation: CellActivation
) -> list[Tensor]:
    """Return the outputs and all gradients of a loss on the outputs and on both last states."""
    outputs, cell = form(*inputs, cell_activation=cell_activation)
    weights = torch.linspace(-1, 1, outputs.numel()).view_as(outputs)
    loss = (outputs * weights).sum() + outputs[-1].square().sum() + cell.square().sum()
    return [outputs, cell, *torch.autograd.grad(loss, inputs)]


@pytest.mark.parametrize("cell_activation", ["tanh", "leaky_relu"])
def test_numbers_and_gradients_are_those_of_the_plain_form(cell_activation: CellActivation) -> None:
    got = loss_and_gradients(unroll, arguments(), cell_activation=cell_activation)
    wanted = loss_and_gradients(plain_unroll, arguments(), cell_activation=cell_activation)
    torch.testing.assert_close(got, wanted, atol=1e-12, rtol=1e-10)


@pytest.mark.parametrize("cell_activation", ["tanh", "leaky_relu"])
def test_the_gradient_by_hand_passes_gradcheck(cell_activation: CellActivation) -> None:
    assert torch.autograd.gradcheck(
        lambda *x: unroll(*x, cell_activation=cell_activation), arguments(), fast_mode=True
    )


def test_gradients_flow_through_the_state_from_block_to_block() -> None:
    gates, *others = arguments(frames=5)

    def in_two(gates: Tensor, clip: Tensor, kernel: Tensor, hidden: Tensor, cell: Tensor) -> Tensor:
        first, cell = unroll(gates[:2], clip, kernel, hidden, cell, cell_activation="tanh")
        rest, _ = unroll(gates[2:], clip, kernel, first[-1], cell, cell_activation="tanh")
        return torch.cat([first, rest])

    whole, _ = unroll(gates, *others, cell_activation="tanh")
    parts = in_two(gates, *others)
    torch.testing.assert_close(parts, whole)
    wanted = torch.autograd.grad(whole.square().sum(), [gates, *others])
    got = torch.autograd.grad(parts.square().sum(), [gates, *others])
    torch.testing.assert_close(got, wanted, atol=1e-12, rtol=1e-10)


def test_an_input_without_gradient_gets_none_and_the_rest_theirs() -> None:
    gates, clip, kernel, hidden, cell = arguments()
    fixed = [x.detach() for x in (gates, clip, hidden, cell)]
    outputs, _ = unroll(fixed[0], fixed[1], kernel, fixed[2], fixed[3], cell_activation="tanh")
    expected, _ = plain_unroll(gates, clip, kernel, hidden, cell, cell_activation="tanh")
    (got,) = torch.autograd.grad(outputs.sum(), [kernel])
    (wanted,) = torch.autograd.grad(expected.sum(), [kernel])
    torch.testing.assert_close(got, wanted)


def test_bfloat16_is_near_float64() -> None:
    exact = loss_and_gradients(unroll, arguments(), cell_activation="tanh")
    rounded = loss_and_gradients(unroll, arguments(torch.bfloat16), cell_activation="tanh")
    for got, wanted in zip(rounded, exact, strict=True):
        assert got.dtype == torch.bfloat16
        error = (got.double() - wanted).detach().norm() / wanted.detach().norm()
        assert float(error) < 0.03


def test_arguments_are_not_written_over() -> None:
    inputs = arguments()
    before = [x.detach().clone() for x in inputs]
    outputs, _ = unroll(*inputs, cell_activation="tanh")
    torch.autograd.backward(outputs.sum())
    with torch.no_grad():
        unroll(*inputs, cell_activation="tanh")
    torch.testing.assert_close(list(inputs), before, atol=0, rtol=0)


def test_unrolling_keeps_gates_cells_and_outputs_and_nothing_else() -> None:
    """Per pixel and frame 4 C activated gates, C of the cell and C of the output."""
    inputs = arguments(frames=6)
    kept = kept_bytes(lambda: unroll(*inputs, cell_activation="tanh"), ignored=inputs)
    assert kept == 6 * 2 * 3 * 4 * (4 * 2 + 2 + 2) * 8


@pytest.mark.parametrize("arguments", [{}, {"output_kernel": 7, "cell_activation": "leaky_relu"}])
def test_training_keeps_at_most_half_of_what_the_plain_form_keeps(
    arguments: dict[str, str],
) -> None:
    generator = small_generator(**arguments).train()
    inputs = whole_utterance(generator, clips=2, samples=320 * 10)
    ignored = (*inputs, *generator.parameters())
    fast = kept_bytes(lambda: generator(*inputs), ignored=ignored)
    plain = kept_bytes(lambda: plain_generator(generator, *inputs), ignored=ignored)
    assert fast < plain / 2, f"{fast} of {plain} bytes"


def kept_bytes(forward: Callable[[], object], *, ignored: tuple[Tensor, ...]) -> int:
    """Return the bytes of memory that the graph of `forward` keeps, each counted once."""
    storages = {}

    def pack(x: Tensor) -> Tensor:
        storages[x.untyped_storage().data_ptr()] = x.untyped_storage().nbytes()
        return x

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda x: x):
        graph = forward()  # alive until all is counted: a freed address may come again
    known = {x.untyped_storage().data_ptr() for x in ignored}
    del graph
    return sum(size for address, size in storages.items() if address not in known)
