"""Define VGG-19's convolutions, frozen, for the perceptual loss."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor, nn

from emotalk.errors import WrongUse
from emotalk.files.tensor_files import compare_shapes, read_tensors, shapes_of
from emotalk.models.deterministic_forms import MaxPool
from emotalk.models.torch_file import read_torch_file
from emotalk.schema import check_shape

Statistics = Literal["imagenet", "none"]
Order = Literal["rgb", "bgr"]

CHANNELS = (64, 128, 256, 512, 512)
CONVS_PER_BLOCK = (2, 2, 4, 4, 4)
POOLINGS = (4, 9, 18, 27, 36)
MAX_BYTES = 10**9  # of a file, checked before it is opened; torchvision's has 0.57 * 10**9
IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)

_HELP = (
    "expected torchvision's vgg19 weights IMAGENET1K_V1 (the file vgg19-dcbb9e9d.pth, which "
    "`emotalk fetch vgg19` downloads, or the same tensors as .safetensors) at the path of "
    "losses.perceptual.weights. Without it choose losses.perceptual.network: random (an untrained "
    "network) or none (no perceptual loss)"
)


class VGG19Features(nn.Module):
    """Compute VGG-19's five pooling outputs, with torchvision's parameter names `features.N.*`.

    Its parameters need no gradient and it stays in evaluation mode. Gradients flow to the frames.

    Args:
        statistics: "imagenet" standardises by ImageNet's mean and deviation, as VGG was trained;
            "none" leaves [-1, 1] as it is (the original).
        order: of the network's input channels: "rgb", or "bgr" (the original). The frames
            themselves are always RGB.
        channels: filters of the five blocks; only untrained networks differ from the default.

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
            ValueError: the frames have another shape or are smaller.
        """
        sizes = check_shape(frames_NCHW, "N 3 H W", "frames_NCHW")
        if min(sizes["H"], sizes["W"]) < 2 ** len(POOLINGS):
            raise ValueError(f"frames_NCHW: {sizes['H']} x {sizes['W']} pixels, at least 32 x 32")
        h = (frames_NCHW - self.mean_C11) / self.std_C11
        h = h.flip(1) if self.order == "bgr" else h
        maps = []
        for layer in self.features:
            h = layer(h)
            if isinstance(layer, MaxPool):
                maps.append(h)
        return maps

    def train(self, mode: bool = True) -> "VGG19Features":
        """Keep evaluation mode, whatever `mode` is."""
        del mode
        return super().train(False)


def read_vgg19(path: Path) -> dict[str, Tensor]:
    """Return the weights of a file for `trained_vgg19`, without executing anything in it.

    The file is torchvision's vgg19 (.pth) or has the same tensors as .safetensors. The classifier's
    tensors are left out.

    Raises:
        WrongUse: no such file, or its tensors are not VGG-19's.
    """
    if not path.is_file():
        raise WrongUse(f"no VGG-19 weights at {path}: {_HELP}")
    weights = _read(path)
    kept = {name: value for name, value in weights.items() if not name.startswith("classifier.")}
    with torch.device("meta"):
        wanted = shapes_of(VGG19Features().state_dict())
    try:
        compare_shapes(wanted, shapes_of(kept))
    except ValueError as error:
        raise WrongUse(f"{path} is not VGG-19: {error}. {_HELP}") from None
    return kept


def trained_vgg19(
    weights: Mapping[str, Tensor], *, statistics: Statistics = "imagenet", order: Order = "rgb"
) -> VGG19Features:
    """Return VGG-19 with the weights that `read_vgg19` returned."""
    network = VGG19Features(statistics=statistics, order=order)
    network.load_state_dict(weights)
    return network


def random_vgg19(
    seed: int,
    *,
    statistics: Statistics = "imagenet",
    order: Order = "rgb",
    channels: Sequence[int] = CHANNELS,
) -> VGG19Features:
    """Return an untrained VGG-19 with He-normal weights that depend on the seed alone.

    Random convolutions, too, compare edges and textures at five scales (Ulyanov et al. 2018).
    A resumed run needs the same seed.
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
        layers.append(MaxPool())
    return layers


def _check_choice(name: str, value: str, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        raise ValueError(f"{name}: got {value!r}, allowed are {', '.join(allowed)}")


def _read(path: Path) -> dict[str, Tensor]:
    if path.stat().st_size > MAX_BYTES:
        raise WrongUse(
            f"{path}: {path.stat().st_size} bytes, VGG-19's weights have 574,673,361: {_HELP}"
        )
    if path.suffix != ".safetensors":
        return read_torch_file(path, advice=_HELP)
    try:
        return read_tensors(path)
    except ValueError as error:
        raise WrongUse(f"{path}: {error}; {_HELP}") from None
