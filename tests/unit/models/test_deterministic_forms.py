"""The forms for deterministic training give PyTorch's numbers, and no gradient adds by atomics."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F
from torch.utils._python_dispatch import TorchDispatchMode

from emotalk.models import deterministic_forms
from emotalk.models.deterministic_forms import (
    Border,
    MaxPool,
    max_by_slices,
    pad,
    pad_by_slices,
)
from tests.helpers.tiny_training import EVERY_TRANSFORM, tiny_config, tiny_shards
from tests.helpers.train_here import trainer_here

# What `torch.use_deterministic_algorithms` names as refused on CUDA, and max pooling's gradient,
# which adds by atomics, too.
REFUSED = (
    "reflection_pad", "replication_pad", "max_pool2d_with_indices", "max_pool3d", "avg_pool3d",
    "adaptive_avg_pool", "adaptive_max_pool", "upsample_linear", "upsample_bilinear",
    "upsample_bicubic", "grid_sampler", "histc", "kthvalue", "median", "_ctc_loss", "nll_loss2d",
)  # fmt: skip
ONLY_FORWARD = ("histc", "kthvalue", "median")  # refused without a gradient, too
EVERY_LOSS = (
    "losses.perceptual.network=random",
    "losses.perceptual.width=0.125",
    "stages.gan.updates.0.losses.perceptual=1",
)


class RefusedOperations(TorchDispatchMode):
    """Collects the operations that deterministic training refuses on CUDA."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.found: set[str] = set()

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        del types
        name = func._schema.name.removeprefix("aten::")
        if name.startswith(REFUSED) and ("backward" in name or name.startswith(ONLY_FORWARD)):
            self.found.add(name)
        floats = args and isinstance(args[0], Tensor) and args[0].is_floating_point()
        if name.startswith("cumsum") and floats:
            self.found.add(name)
        return func(*args, **(kwargs or {}))


@pytest.fixture
def cpu_stands_for_cuda(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deterministic_forms, "ATOMIC_DEVICES", frozenset({"cpu"}))


@pytest.fixture
def deterministic() -> Iterator[None]:
    torch.use_deterministic_algorithms(mode=True)
    yield
    torch.use_deterministic_algorithms(mode=False)


def gradients(value: Tensor, x: Tensor) -> Tensor:
    weights = torch.linspace(-1, 2, value.numel(), dtype=value.dtype).view(value.shape)
    return torch.autograd.grad((value * weights).sum(), x)[0]


@pytest.mark.parametrize("border", ["reflect", "replicate"])
@pytest.mark.parametrize(
    ("shape", "widths"),
    [((2, 3, 9), (4, 4)), ((2, 3, 7), (1, 3)), ((2, 3, 5, 6), (1, 1, 1, 1)),
     ((1, 2, 6, 7), (3, 2, 0, 4)), ((1, 2, 4, 6), (2, 2, 0, 0))],
)  # fmt: skip
def test_padding_of_slices_is_pytorchs(
    border: Border, shape: tuple[int, ...], widths: tuple[int, ...]
) -> None:
    x = torch.randn(shape, dtype=torch.float64, requires_grad=True)
    ours, theirs = pad_by_slices(x, widths, border), F.pad(x, widths, mode=border)
    assert torch.equal(ours, theirs)
    torch.testing.assert_close(gradients(ours, x), gradients(theirs, x), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("shape", [(2, 3, 8, 6), (1, 2, 7, 5)])
def test_maxima_of_slices_are_pytorchs(shape: tuple[int, ...]) -> None:
    x = torch.randn(shape, dtype=torch.float64, requires_grad=True)
    ours, theirs = max_by_slices(x), F.max_pool2d(x, 2)
    assert torch.equal(ours, theirs)
    assert torch.equal(gradients(ours, x), gradients(theirs, x))


def test_zeros_are_no_slices() -> None:
    x = torch.ones(1, 1, 2, 2)
    assert torch.equal(pad(x, (1, 0, 0, 1), "constant"), F.pad(x, (1, 0, 0, 1)))
    with pytest.raises(ValueError, match="'reflect', 'replicate'"):
        pad_by_slices(x, (1, 1, 1, 1), "constant")


@pytest.mark.usefixtures("cpu_stands_for_cuda")
def test_slices_are_for_deterministic_training_alone() -> None:
    x = torch.ones(1, 1, 4, 4, requires_grad=True)
    with RefusedOperations() as operations:
        (MaxPool()(x).sum() + pad(x, (1, 1, 1, 1), "reflect").sum()).backward()
    assert operations.found == {"max_pool2d_with_indices_backward", "reflection_pad2d_backward"}


@pytest.mark.usefixtures("cpu_stands_for_cuda", "deterministic")
def test_no_step_of_a_deterministic_training_is_refused_on_cuda(tmp_path: Path) -> None:
    tiny_shards(tmp_path / "shards")
    words = (*EVERY_LOSS, *EVERY_TRANSFORM, "runtime.deterministic=true", "checkpoint.every=0")
    with trainer_here(tiny_config(tmp_path, *words)) as trainer, RefusedOperations() as operations:
        assert trainer.run() == "done"
        trainer.finish("done")
    assert operations.found == set()
