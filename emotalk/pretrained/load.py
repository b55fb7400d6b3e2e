"""The shipped judges, ready to look at videos of drawn faces."""

import json
from dataclasses import dataclass
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from safetensors import safe_open
from safetensors.torch import load_file
from torch import Tensor, nn

from emotalk.files.tensor_files import write_tensors
from emotalk.pretrained.emotion_net import EmotionNet
from emotalk.pretrained.landmark_net import LandmarkNet
from emotalk.schema import EMOTIONS, FPS, SIZE, Bytes, Floats, check_shape

LANDMARK_FILE = "landmark_net.safetensors"
EMOTION_FILE = "emotion_net.safetensors"
FACTS = "emotalk-judge"  # key of the metadata of the file
FRAMES_AT_ONCE = 64
ONSET_FRAMES = round(0.4 * FPS)  # drawn and acted feelings grow from neutral until then

Net = TypeVar("Net", bound=nn.Module)


@dataclass(frozen=True)
class LandmarkJudge:
    """Finds the landmarks of aligned crops of DRAWN faces; knows nothing of photographs.

    Attributes:
        net: in evaluation mode, on its device.
        facts: how it was made and how well it does on actors it has not seen.
    """

    net: LandmarkNet
    facts: dict[str, Any]

    def landmarks(self, frames_THWC: Bytes) -> Floats:
        """Return the landmarks (T, 68, 2) of uint8 RGB crops (T, 128, 128, 3), in pixels."""
        return _run(self.net, frames_THWC)


@dataclass(frozen=True)
class EmotionJudge:
    """Tells which emotion a video of a DRAWN face shows; knows nothing of photographs.

    Attributes:
        net: in evaluation mode, on its device.
        facts: how it was made and how well it does on actors it has not seen.
    """

    net: EmotionNet
    facts: dict[str, Any]

    def probabilities(self, frames_THWC: Bytes) -> Floats:
        """Return the probability of each of `schema.EMOTIONS`, (6,), sum 1.

        The mean of the logits of all frames after the first 0.4 s, in which feelings grow from a
        neutral face; of the last frame alone where the clip is shorter.

        Args:
            frames_THWC: uint8 RGB crops (T, 128, 128, 3) of one clip, T >= 1.
        """
        begin = min(ONSET_FRAMES, len(frames_THWC) - 1)
        logits_E = _run(self.net, frames_THWC[begin:]).mean(0, dtype=np.float64)
        shares_E = np.exp(logits_E - logits_E.max())
        return np.asarray(shares_E / shares_E.sum(), np.float32)

    def emotion(self, frames_THWC: Bytes) -> int:
        """Return the index in `schema.EMOTIONS` of the likeliest emotion of one clip."""
        return int(self.probabilities(frames_THWC).argmax())


def load_landmark_judge(device: torch.device | str = "cpu") -> LandmarkJudge:
    """Return the landmark judge that comes with the package."""
    return LandmarkJudge(*_load(LandmarkNet(), LANDMARK_FILE, device))


def load_emotion_judge(device: torch.device | str = "cpu") -> EmotionJudge:
    """Return the emotion judge that comes with the package."""
    judge = EmotionJudge(*_load(EmotionNet(), EMOTION_FILE, device))
    if tuple(judge.facts["emotions"]) != EMOTIONS:
        raise ValueError(f"{EMOTION_FILE}: made for {judge.facts['emotions']}, not {EMOTIONS}")
    return judge


def save_judge(net: nn.Module, facts: dict[str, Any], path: str) -> None:
    """Write a judge's weights, with the facts about it in the file's metadata."""
    state = {name: value.detach().cpu().contiguous() for name, value in net.state_dict().items()}
    write_tensors(state, Path(path), metadata={FACTS: json.dumps(facts, sort_keys=True)})


def to_network(frames_NHWC: Bytes, device: torch.device | str = "cpu") -> Tensor:
    """Return uint8 crops as float RGB in [0, 1], (N, 3, H, W), channels last in memory."""
    check_shape(frames_NHWC, f"N {SIZE} {SIZE} 3", "judge's frames")
    frames = torch.from_numpy(np.ascontiguousarray(frames_NHWC)).to(device)
    return frames.permute(0, 3, 1, 2).float() / 255


def _load(net: Net, name: str, device: torch.device | str) -> tuple[Net, dict[str, Any]]:
    with as_file(files("emotalk.pretrained").joinpath(name)) as path:
        net.load_state_dict(load_file(path))
        with safe_open(path, "pt") as stored:
            facts: dict[str, Any] = json.loads(stored.metadata()[FACTS])
    net.eval().requires_grad_(False)
    return net.to(device), facts


def _run(net: nn.Module, frames_NHWC: Bytes) -> Floats:
    device = next(net.parameters()).device
    with torch.inference_mode():
        answers = [
            net(to_network(frames_NHWC[begin : begin + FRAMES_AT_ONCE], device)).cpu()
            for begin in range(0, len(frames_NHWC), FRAMES_AT_ONCE)
        ]
    return np.asarray(torch.cat(answers).numpy(), np.float32)
