"""The original's saved files (Eskimez et al. 2021) as weights of our networks.

A file holds a `state_dict` of one network, its names prefixed `module.` where DataParallel saved
it. Nothing in it is executed: it is read with `weights_only=True`. Sizes are read from the tensors,
so files of any width serve.
"""

import pickle
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal, NamedTuple

import torch
from torch import Tensor, nn

from emotalk.errors import WrongUse
from emotalk.models.discriminators import EmotionDiscriminator, FrameDiscriminator
from emotalk.models.generator import Generator

Kind = Literal["generator", "frame", "emotion"]
ChannelOrder = Literal["rgb", "bgr"]
ORIGINAL_SLOPE = 0.3  # of its discriminators
LISTED = 6  # names a message lists of each fault before it counts the rest


class OriginalNetwork(NamedTuple):
    """One network of the original, ready for ours.

    Attributes:
        kind: which network it is.
        arguments: keyword arguments of our class, sizes as found in the file.
        state: weights under our names.
    """

    kind: Kind
    arguments: dict[str, Any]
    state: dict[str, Tensor]


# Ours -> the original's, by the longest prefix that fits.
GENERATOR_NAMES = {
    "speech_encoder.convs.0.": "speech_encoder.net.1.",
    "speech_encoder.convs.1.": "speech_encoder.net.5.",
    "speech_encoder.convs.2.": "speech_encoder.net.9.",
    "speech_encoder.convs.3.": "speech_encoder.net.13.",
    "speech_encoder.squeeze.": "speech_encoder.net.16.",
    "speech_encoder.fc.": "speech_encoder.fc_1.0.",
    "speech_lstm.": "speech_rnn.",
    "image_encoder.convs.0.": "image_encoder.conv_1.1.",
    "image_encoder.convs.1.": "image_encoder.conv_2.1.",
    "image_encoder.convs.2.": "image_encoder.conv_3.1.",
    "image_encoder.convs.3.": "image_encoder.conv_4.1.",
    "image_encoder.convs.4.": "image_encoder.conv_5.1.",
    "image_encoder.embedding.": "image_encoder.conv_6.0.",
    "noise_encoder.lstm.": "noise_generator.noise_rnn.",
    "emotion_encoder.fc_1.": "emotion_processor.fc_1.0.",
    "emotion_encoder.fc_2.": "emotion_processor.fc_1.2.",
    "speech_emotion.lstm.": "emotion_rnn.",
    "speech_emotion.fc_1.": "emo_classifier.0.",
    "speech_emotion.fc_2.": "emo_classifier.2.",
    "decoder.fc.": "decoder.fc_1.0.",
    "decoder.conv_1.": "decoder.conv_1.1.",
    "decoder.conv_2.": "decoder.conv_2.1.",
    "decoder.conv_3.": "decoder.conv_3.1.",
    "decoder.conv_lstm.weight_ih": "decoder.conv_4.weight_ih_l0",
    "decoder.conv_lstm.weight_hh": "decoder.conv_4.weight_hh_l0",
    "decoder.conv_lstm.bias_ih": "decoder.conv_4.bias_ih_l0",
    "decoder.conv_lstm.bias_hh": "decoder.conv_4.bias_hh_l0",
    "decoder.conv_5.": "decoder.conv_5.1.",
    "decoder.output.": "decoder.out_new.1.",
}


def read_original(path: Path, *, channel_order: ChannelOrder = "rgb") -> OriginalNetwork:
    """Return the network that `path` holds, under our names.

    Args:
        path: `generator.pt`, `disc_frame.pt` or `disc_emo.pt` as the original saves them.
        channel_order: of the images the weights were trained on. `rgb` leaves them as they are;
            `bgr` turns them to RGB by reordering what touches image channels.

    Raises:
        WrongUse: it is no such file; the message names what is missing, unexpected and mis-shaped.
    """
    stored = {name.removeprefix("module."): value for name, value in _load(path).items()}
    kind = _kind(stored)
    arguments = SIZES[kind](_Shapes(stored))
    ours = _expected(kind, arguments, path)
    names = {name: original_name(kind, name) for name in ours}
    _check(path, kind, stored, {names[name]: shape for name, shape in ours.items()})
    state = {name: stored[original].clone() for name, original in names.items()}
    if channel_order == "bgr":
        state = _reversed_channels(kind, state)
    return OriginalNetwork(kind, arguments, state)


def original_name(kind: Kind, name: str) -> str:
    """Return the original's name of our parameter `name`; its discriminators are named alike."""
    if kind != "generator":
        return name
    ours = max((prefix for prefix in GENERATOR_NAMES if name.startswith(prefix)), key=len)
    return GENERATOR_NAMES[ours] + name.removeprefix(ours)


def _load(path: Path) -> Mapping[str, Tensor]:
    try:
        loaded = torch.load(path, map_location="cpu", weights_only=True)
    except OSError as error:
        raise WrongUse(f"{path}: cannot be read: {error.strerror}") from None
    except (pickle.UnpicklingError, RuntimeError, EOFError, ValueError, KeyError) as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else "no content"
        raise WrongUse(
            f"{path}: not a file of tensors saved by PyTorch ({reason}); nothing but tensors is "
            "ever unpickled. Give the generator.pt, disc_frame.pt or disc_emo.pt of the original"
        ) from None
    if (
        not isinstance(loaded, Mapping)
        or not loaded
        or not all(isinstance(key, str) and torch.is_tensor(x) for key, x in loaded.items())
    ):
        raise WrongUse(
            f"{path}: holds {type(loaded).__name__}, expected a state_dict: names and tensors only"
        )
    return loaded


def _kind(stored: Mapping[str, Tensor]) -> Kind:
    """Return the network whose own prefixes most of the names bear."""
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


class _Shapes:
    """The shapes of the stored tensors; the original's full size where one is missing."""

    def __init__(self, stored: Mapping[str, Tensor]) -> None:
        self.stored = stored

    def size(self, name: str, axis: int, default: int) -> int:
        value = self.stored.get(name)
        return default if value is None or value.dim() <= axis else value.shape[axis]


FULL = (64, 128, 256, 512, 512)


def _generator_sizes(shapes: _Shapes) -> dict[str, Any]:
    features = shapes.size("speech_encoder.fc_1.0.weight", 0, 512)
    numbers = (1, 5, 9, 13)
    return {
        "emotions": shapes.size("emotion_processor.fc_1.0.weight", 1, 6),
        "filters": tuple(
            shapes.size(f"image_encoder.conv_{k + 1}.1.weight", 0, full)
            for k, full in enumerate(FULL)
        ),
        "image_features": shapes.size("image_encoder.conv_6.0.weight", 0, 512),
        "speech_features": features,
        "emotion_features": shapes.size("emotion_processor.fc_1.0.weight", 0, 512),
        "noise_features": shapes.size("noise_generator.noise_rnn.weight_hh_l0", 1, 128),
        "speech_filters": tuple(
            shapes.size(f"speech_encoder.net.{number}.weight", 0, full)
            for number, full in zip(numbers, FULL, strict=False)
        ),
        "speech_step_features": shapes.size("speech_encoder.net.16.weight", 0, 16),
        "output_filters": shapes.size("decoder.conv_5.1.weight", 0, 32),
        "output_kernel": 3 if shapes.size("decoder.out_new.1.weight", 2, 7) == 3 else 7,
        "cell_activation": "leaky_relu",
        "auxiliary_emotion": True,
    }


def _frame_sizes(shapes: _Shapes) -> dict[str, Any]:
    return {
        "channels": _channels(shapes),
        "hidden": shapes.size("out.0.weight", 0, 2048),
        "slope": ORIGINAL_SLOPE,
    }


def _emotion_sizes(shapes: _Shapes) -> dict[str, Any]:
    return {
        "emotions": shapes.size("cls.0.weight", 0, 7) - 1,
        "channels": _channels(shapes),
        "hidden": shapes.size("projector.0.weight", 0, 2048),
        "features": shapes.size("projector.2.weight", 0, 512),
        "slope": ORIGINAL_SLOPE,
    }


def _channels(shapes: _Shapes) -> tuple[int, ...]:
    return tuple(shapes.size(f"conv_{k + 1}.0.weight", 0, full) for k, full in enumerate(FULL))


SIZES: dict[Kind, Callable[[_Shapes], dict[str, Any]]] = {
    "generator": _generator_sizes,
    "frame": _frame_sizes,
    "emotion": _emotion_sizes,
}
NETWORKS: dict[Kind, Callable[..., nn.Module]] = {
    "generator": Generator,
    "frame": FrameDiscriminator,
    "emotion": EmotionDiscriminator,
}


def _expected(kind: Kind, arguments: Mapping[str, Any], path: Path) -> dict[str, torch.Size]:
    """Return our names and shapes at these sizes, without making the tensors."""
    try:
        with torch.device("meta"):
            network = NETWORKS[kind](**arguments)
    except (ValueError, RuntimeError) as error:
        raise WrongUse(f"{path}: no network of the original has these sizes: {error}") from None
    return {name: value.shape for name, value in network.state_dict().items()}


def _check(
    path: Path, kind: Kind, stored: Mapping[str, Tensor], expected: Mapping[str, torch.Size]
) -> None:
    missing = [name for name in expected if name not in stored]
    unexpected = [name for name in stored if name not in expected]
    misshaped = [
        f"{name} {tuple(stored[name].shape)} instead of {tuple(shape)}"
        for name, shape in expected.items()
        if name in stored and stored[name].shape != shape
    ]
    faults = (("missing", missing), ("unexpected", unexpected), ("mis-shaped", misshaped))
    if any(names for _, names in faults):
        listed = "; ".join(f"{fault}: {_listed(names)}" for fault, names in faults if names)
        raise WrongUse(
            f"{path}: not the original's {kind} network; {listed}. "
            "Give the generator.pt, disc_frame.pt or disc_emo.pt of the original"
        )


def _listed(names: list[str]) -> str:
    rest = len(names) - LISTED
    return ", ".join(names[:LISTED]) + (f" and {rest} more" if rest > 0 else "")


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
