"""VGG-19's convolutions, frozen: what the perceptual loss sees with."""

from collections.abc import Sequence
from pathlib import Path
from pickle import UnpicklingError
from typing import Literal

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from emotalk.errors import WrongUse
from emotalk.schema import check_shape

Statistics = Literal["imagenet", "none"]
Order = Literal["rgb", "bgr"]

CHANNELS = (64, 128, 256, 512, 512)
CONVS_PER_BLOCK = (2, 2, 4, 4, 4)
POOLINGS = (4, 9, 18, 27, 36)
MOST_BYTES = 10**9  # of a file, before it is opened; torchvision's has 0.57 of it
UNREADABLE = (  # what torch's reader makes of bytes that are not a file of tensors
    SafetensorError, UnpicklingError, RuntimeError, EOFError, ValueError, KeyError, TypeError,
    IndexError, AttributeError, MemoryError, OverflowError,
)  # fmt: skip
IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)

_HELP = (
    "expected torchvision's vgg19 weights IMAGENET1K_V1 (the file vgg19-dcbb9e9d.pth, which "
    "`emotalk fetch vgg19` downloads, or the same tensors as .safetensors) at the path of "
    "losses.perceptual.weights. Without it choose losses.perceptual.network: random (an untrained "
    "network) or none (no perceptual loss)"
)


class VGG19Features(nn.Module):
    """The outputs of VGG-19's five poolings, under torchvision's parameter names `features.N.*`.

    Its parameters need no gradient and it stays in evaluation mode; gradients flow to the frames.

    Args:
        statistics: "imagenet" standardises by ImageNet's mean and deviation, as VGG was trained;
            "none" feeds [-1, 1] as it is (the original).
        order: of the colours as the network gets them: "rgb", or "bgr" (the original). The frames
            themselves are always RGB.
        channels: filters of the five blocks; other than the default for untrained networks only.

    Source: Simonyan and Zisserman 2015, configuration E; Eskimez et al. 2021, `perceptionLoss`.
    """

    mean_C11: Tensor
    std_C11: Tensor

    def __init__(
        self,
        *,
        statistics: Statistics = "imagenet",
        order: Order = "rgb",
        channels: Sequence[int] = CHANNELS,
    ) -> None:
        super().__init__()
        _check_choice("statistics", statistics, ("imagenet", "none"))
        _check_choice("order", order, ("rgb", "bgr"))
        if len(channels) != len(CONVS_PER_BLOCK) or min(channels) < 1:
            raise ValueError(f"channels: got {tuple(channels)}, allowed are five sizes >= 1")
        self.order = order
        self.features = nn.Sequential(*_layers(channels))
        # [-1, 1] -> [0, 1] -> standardised, in one step.
        mean = torch.tensor(IMAGENET_MEAN) * 2 - 1 if statistics == "imagenet" else torch.zeros(3)
        std = torch.tensor(IMAGENET_STD) * 2 if statistics == "imagenet" else torch.ones(3)
        self.register_buffer("mean_C11", mean.view(3, 1, 1), persistent=False)
        self.register_buffer("std_C11", std.view(3, 1, 1), persistent=False)
        self.requires_grad_(False).eval()

    def forward(self, frames_NCHW: Tensor) -> list[Tensor]:
        """Return the five pooling outputs: (N, 64, H/2, W/2) ... (N, 512, H/32, W/32).

        Args:
            frames_NCHW: RGB in [-1, 1], at least 32 x 32 pixels.

        Raises:
            ValueError: not such frames.
        """
        sizes = check_shape(frames_NCHW, "N 3 H W", "frames_NCHW")
        if min(sizes["H"], sizes["W"]) < 2 ** len(POOLINGS):
            raise ValueError(f"frames_NCHW: {sizes['H']} x {sizes['W']} pixels, at least 32 x 32")
        h = (frames_NCHW - self.mean_C11) / self.std_C11
        h = h.flip(1) if self.order == "bgr" else h
        maps = []
        for layer in self.features:
            h = layer(h)
            if isinstance(layer, nn.MaxPool2d):
                maps.append(h)
        return maps

    def train(self, mode: bool = True) -> "VGG19Features":
        """Stay in evaluation mode whatever `mode` is."""
        del mode
        return super().train(False)


def load_vgg19(
    path: str | Path, *, statistics: Statistics = "imagenet", order: Order = "rgb"
) -> VGG19Features:
    """Return VGG-19 with the weights of a file; nothing in it is executed.

    Args:
        path: torchvision's vgg19 file (.pth) or the same tensors as .safetensors. The tensors of
            its classifier are passed over.
        statistics: see `VGG19Features`.
        order: see `VGG19Features`.

    Raises:
        WrongUse: no such file, or its tensors are not VGG-19's.
    """
    path = Path(path)
    if not path.is_file():
        raise WrongUse(f"no VGG-19 weights at {path}: {_HELP}")
    weights = _read(path)
    network = VGG19Features(statistics=statistics, order=order)
    kept = {name: value for name, value in weights.items() if not name.startswith("classifier.")}
    _check_weights(path, network.state_dict(), kept)
    network.load_state_dict(kept)
    return network


def random_vgg19(
    seed: int,
    *,
    statistics: Statistics = "imagenet",
    order: Order = "rgb",
    channels: Sequence[int] = CHANNELS,
) -> VGG19Features:
    """Return an untrained VGG-19 with He-normal weights that depend on the seed alone.

    Random convolutions still compare edges and textures at five scales (Ulyanov et al. 2018); how
    much they help is for each run to measure. The same seed must be used on resuming.
    """
    network = VGG19Features(statistics=statistics, order=order, channels=channels)
    generator = torch.Generator().manual_seed(seed)
    for name, parameter in network.features.named_parameters():
        if name.endswith("weight"):
            nn.init.kaiming_normal_(parameter, nonlinearity="relu", generator=generator)
        else:
            nn.init.zeros_(parameter)
    return network


def _layers(channels: Sequence[int]) -> list[nn.Module]:
    layers: list[nn.Module] = []
    before = 3
    for filters, convs in zip(channels, CONVS_PER_BLOCK, strict=True):
        for _ in range(convs):
            layers += [nn.Conv2d(before, filters, 3, padding=1), nn.ReLU(inplace=True)]
            before = filters
        layers.append(nn.MaxPool2d(2))
    return layers


def _check_choice(name: str, value: str, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        raise ValueError(f"{name}: got {value!r}, allowed are {', '.join(allowed)}")


def _read(path: Path) -> dict[str, Tensor]:
    """Return the file's tensors; what is not one is refused, unread."""
    if path.stat().st_size > MOST_BYTES:
        raise WrongUse(
            f"{path}: {path.stat().st_size} bytes, VGG-19's weights have 574,673,361: {_HELP}"
        )
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        weights = torch.load(path, map_location="cpu", weights_only=True)
    except UNREADABLE as error:
        raise WrongUse(f"{path} is not a file of tensors ({error}): {_HELP}") from error
    if not (isinstance(weights, dict) and all(isinstance(v, Tensor) for v in weights.values())):
        raise WrongUse(f"{path} does not hold named tensors alone: {_HELP}")
    return weights


def _check_weights(path: Path, wanted: dict[str, Tensor], given: dict[str, Tensor]) -> None:
    faults = [f"missing {name}" for name in wanted if name not in given]
    faults += [f"unexpected {name}" for name in given if name not in wanted]
    faults += [
        f"{name} has shape {tuple(given[name].shape)}, not {tuple(value.shape)}"
        for name, value in wanted.items()
        if name in given and given[name].shape != value.shape
    ]
    if faults:
        more = f" and {len(faults) - 3} more" if len(faults) > 3 else ""
        raise WrongUse(f"{path} is not VGG-19: {'; '.join(faults[:3])}{more}. {_HELP}")
