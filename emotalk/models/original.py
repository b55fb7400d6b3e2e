"""Read weights of the original implementation (Eskimez et al. 2021) for this package's networks.

A file holds the `state_dict` of one network, its names prefixed `module.` where DataParallel saved
it. The sizes are read from the tensors, so files of any width are accepted.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal, NamedTuple

import torch
from torch import Tensor, nn

from emotalk.errors import WrongUse
from emotalk.files.tensor_files import Shapes, compare_shapes, shapes_of
from emotalk.models.discriminators.emotion import EmotionDiscriminator
from emotalk.models.discriminators.frame import FrameDiscriminator
from emotalk.models.generator import Generator
from emotalk.models.torch_file import read_torch_file

Kind = Literal["generator", "frame", "emotion"]
ChannelOrder = Literal["rgb", "bgr"]
ORIGINAL_SLOPE = 0.3  # of its discriminators
ADVICE = "give the generator.pt, disc_frame.pt or disc_emo.pt of the original"


class OriginalNetwork(NamedTuple):
    """Hold weights and sizes of one network of the original.

    Attributes:
        kind: which network it is.
        arguments: keyword arguments of this package's class, sizes as in the file.
        state: weights under this package's names.
    """

    kind: Kind
    arguments: dict[str, Any]
    state: dict[str, Tensor]


# Prefix of this package's names -> of the original's; the longest prefix that fits counts.
GENERATOR_NAMES = {
    **{f"speech_encoder.convs.{k}.": f"speech_encoder.net.{4 * k + 1}." for k in range(4)},
    "speech_encoder.squeeze.": "speech_encoder.net.16.",
    "speech_encoder.fc.": "speech_encoder.fc_1.0.",
    "speech_lstm.": "speech_rnn.",
    **{f"image_encoder.convs.{k}.": f"image_encoder.conv_{k + 1}.1." for k in range(5)},
    "image_encoder.embedding.": "image_encoder.conv_6.0.",
    "noise_encoder.lstm.": "noise_generator.noise_rnn.",
    "emotion_encoder.fc_1.": "emotion_processor.fc_1.0.",
    "emotion_encoder.fc_2.": "emotion_processor.fc_1.2.",
    "speech_emotion.lstm.": "emotion_rnn.",
    "speech_emotion.fc_1.": "emo_classifier.0.",
    "speech_emotion.fc_2.": "emo_classifier.2.",
    "decoder.fc.": "decoder.fc_1.0.",
    **{f"decoder.conv_{k}.": f"decoder.conv_{k}.1." for k in (1, 2, 3, 5)},
    **{
        f"decoder.conv_lstm.{name}": f"decoder.conv_4.{name}_l0"
        for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
    },
    "decoder.output.": "decoder.out_new.1.",
}


def read_original(path: Path, *, channel_order: ChannelOrder = "rgb") -> OriginalNetwork:
    """Return the network that `path` holds, under this package's names.

    Args:
        path: `generator.pt`, `disc_frame.pt` or `disc_emo.pt` as the original saves them.
        channel_order: of the images the weights were trained on. `rgb` leaves the weights as they
            are; `bgr` reorders their image channels to RGB.

    Raises:
        WrongUse: it is no such file; the message names the tensors at fault.
    """
    loaded = read_torch_file(path, advice=ADVICE)
    stored = {name.removeprefix("module."): value for name, value in loaded.items()}
    kind = _kind(stored)
    arguments = SIZES[kind](shapes_of(stored))
    ours = _expected(kind, arguments, path)
    names = {name: original_name(kind, name) for name in ours}
    try:
        compare_shapes({names[name]: shape for name, shape in ours.items()}, shapes_of(stored))
    except ValueError as error:
        raise WrongUse(f"{path}: not the original's {kind} network; {error}; {ADVICE}") from None
    state = {name: stored[original].clone() for name, original in names.items()}
    if channel_order == "bgr":
        state = _reversed_channels(kind, state)
    return OriginalNetwork(kind, arguments, state)


def original_name(kind: Kind, name: str) -> str:
    """Return the original's name of this package's parameter `name`.

    The names of discriminators are the same in both.
    """
    if kind != "generator":
        return name
    ours = max((prefix for prefix in GENERATOR_NAMES if name.startswith(prefix)), key=len)
    return GENERATOR_NAMES[ours] + name.removeprefix(ours)


def _kind(stored: Mapping[str, Tensor]) -> Kind:
    """Return the kind of network whose prefixes most of the names have."""
    prefixes: dict[Kind, tuple[str, ...]] = {
        "generator": ("decoder.", "image_encoder.", "speech_", "noise_", "emo"),
        "emotion": ("projector.", "rnn_1.", "cls."),
        "frame": ("out.", "conv_"),
    }
    return max(
        prefixes,
        key=lambda kind: (
            sum(name.startswith(prefixes[kind]) for name in stored)
            * (2 if kind == "emotion" else 1)
        ),
    )


def _size(shapes: Shapes, name: str, axis: int, default: int) -> int:
    """Return the size of a tensor's axis, or `default` (the original's) where it is missing."""
    shape = shapes.get(name, ())
    return shape[axis] if axis < len(shape) else default


FULL = (64, 128, 256, 512, 512)


def _generator_sizes(shapes: Shapes) -> dict[str, Any]:
    return {
        "emotions": _size(shapes, "emotion_processor.fc_1.0.weight", 1, 6),
        "filters": tuple(
            _size(shapes, f"image_encoder.conv_{k + 1}.1.weight", 0, full)
            for k, full in enumerate(FULL)
        ),
        "image_features": _size(shapes, "image_encoder.conv_6.0.weight", 0, 512),
        "speech_features": _size(shapes, "speech_encoder.fc_1.0.weight", 0, 512),
        "emotion_features": _size(shapes, "emotion_processor.fc_1.0.weight", 0, 512),
        "noise_features": _size(shapes, "noise_generator.noise_rnn.weight_hh_l0", 1, 128),
        "speech_filters": tuple(
            _size(shapes, f"speech_encoder.net.{4 * k + 1}.weight", 0, full)
            for k, full in enumerate(FULL[:4])
        ),
        "speech_step_features": _size(shapes, "speech_encoder.net.16.weight", 0, 16),
        "output_filters": _size(shapes, "decoder.conv_5.1.weight", 0, 32),
        "output_kernel": 3 if _size(shapes, "decoder.out_new.1.weight", 2, 7) == 3 else 7,
        "cell_activation": "leaky_relu",
        "auxiliary_emotion": True,
    }


def _frame_sizes(shapes: Shapes) -> dict[str, Any]:
    return {
        "channels": _channels(shapes),
        "hidden": _size(shapes, "out.0.weight", 0, 2048),
        "slope": ORIGINAL_SLOPE,
    }


def _emotion_sizes(shapes: Shapes) -> dict[str, Any]:
    return {
        "emotions": _size(shapes, "cls.0.weight", 0, 7) - 1,
        "channels": _channels(shapes),
        "hidden": _size(shapes, "projector.0.weight", 0, 2048),
        "features": _size(shapes, "projector.2.weight", 0, 512),
        "slope": ORIGINAL_SLOPE,
    }


def _channels(shapes: Shapes) -> tuple[int, ...]:
    return tuple(_size(shapes, f"conv_{k + 1}.0.weight", 0, full) for k, full in enumerate(FULL))


SIZES: dict[Kind, Callable[[Shapes], dict[str, Any]]] = {
    "generator": _generator_sizes,
    "frame": _frame_sizes,
    "emotion": _emotion_sizes,
}
NETWORKS: dict[Kind, Callable[..., nn.Module]] = {
    "generator": Generator,
    "frame": FrameDiscriminator,
    "emotion": EmotionDiscriminator,
}


def _expected(kind: Kind, arguments: Mapping[str, Any], path: Path) -> Shapes:
    """Return this package's names and shapes at these sizes, without allocating the tensors."""
    try:
        with torch.device("meta"):
            network = NETWORKS[kind](**arguments)
    except (ValueError, RuntimeError) as error:
        raise WrongUse(f"{path}: no network of the original has these sizes: {error}") from None
    return shapes_of(network.state_dict())


def _reversed_channels(kind: Kind, state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return the weights with the three image channels in the opposite order."""
    turned = dict(state)
    for name, value in state.items():
        if value.dim() != 4:
            continue
        if kind == "generator" and name.startswith("decoder.output."):
            turned[name] = value.flip(0)
            turned["decoder.output.bias"] = state["decoder.output.bias"].flip(0)
        elif name.endswith("weight_hh"):
            continue
        elif kind == "generator":  # the image is the last three input channels everywhere
            turned[name] = torch.cat([value[:, :-3], value[:, -3:].flip(1)], dim=1)
        elif name == "conv_1.0.weight":  # frames, then the condition image
            turned[name] = torch.cat([part.flip(1) for part in torch.split(value, 3, dim=1)], dim=1)
    return turned
