"""Load the pretrained networks, and run them on videos of drawn faces."""

import json
from dataclasses import dataclass
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any

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
FACTS = "emotalk-judge"  # key in the file's metadata
FRAMES_AT_ONCE = 64
ONSET_FRAMES = round(0.4 * FPS)  # an emotion grows from neutral during these frames


@dataclass(frozen=True)
class PretrainedNetwork:
    """A network that comes with the package."""

    net: nn.Module  # in evaluation mode on the CPU
    facts: dict[str, Any]  # its training data and its figures on held-out actors


class DrawnFaceLandmarkModel(PretrainedNetwork):
    """Detects the landmarks of aligned crops of DRAWN faces; not trained on photographs."""

    @property
    def name(self) -> str:
        """Return the model's description for reports."""
        return (
            f"emotalk's landmark net for drawn faces (made from {self.facts['actors']} drawn "
            f"actors of seed {self.facts['seed']}; {self.facts['error_px']:.2f} px off on actors "
            "it had not seen)"
        )

    def landmarks(self, frames_THWC: Bytes) -> Floats:
        """Return the landmarks (T, 68, 2) of uint8 RGB crops (T, 128, 128, 3), in pixels."""
        return run_network(self.net, frames_THWC)


class DrawnFaceEmotionClassifier(PretrainedNetwork):
    """Classifies the emotion in a video of a DRAWN face; not trained on photographs."""

    @property
    def name(self) -> str:
        """Return the classifier's description for reports."""
        return (
            f"emotalk's emotion net for drawn faces (made from {self.facts['actors']} drawn actors "
            f"of seed {self.facts['seed']}; right in {100 * self.facts['accuracy']:.1f} % of clips "
            "of actors it had not seen)"
        )

    def probabilities(self, frames_THWC: Bytes) -> Floats:
        """Return the probability of each of `schema.EMOTIONS`, (6,), sum 1.

        They are the softmax of the mean logits of all frames after the first 0.4 s, in which the
        emotion grows from a neutral face. For a shorter clip only the last frame counts. The crops
        (T, 128, 128, 3) are uint8 RGB of one clip, T >= 1.
        """
        begin = min(ONSET_FRAMES, len(frames_THWC) - 1)
        logits_E = run_network(self.net, frames_THWC[begin:]).mean(0, dtype=np.float64)
        shares_E = np.exp(logits_E - logits_E.max())
        return np.asarray(shares_E / shares_E.sum(), np.float32)

    def predict(self, frames_THWC: Bytes) -> int:
        """Return the index in `schema.EMOTIONS` of the most probable emotion of one clip."""
        return int(self.probabilities(frames_THWC).argmax())


def load_landmark_model() -> DrawnFaceLandmarkModel:
    """Return the landmark model that comes with the package, on the CPU."""
    return DrawnFaceLandmarkModel(*_load(LandmarkNet(), LANDMARK_FILE))


def load_emotion_classifier() -> DrawnFaceEmotionClassifier:
    """Return the emotion classifier that comes with the package, on the CPU."""
    classifier = DrawnFaceEmotionClassifier(*_load(EmotionNet(), EMOTION_FILE))
    if tuple(classifier.facts["emotions"]) != EMOTIONS:
        raise ValueError(f"{EMOTION_FILE}: made for {classifier.facts['emotions']}, not {EMOTIONS}")
    return classifier


def save_network(net: nn.Module, facts: dict[str, Any], path: Path) -> None:
    """Write a network's weights, with its facts in the file's metadata."""
    state = {name: value.detach().cpu().contiguous() for name, value in net.state_dict().items()}
    write_tensors(state, path, metadata={FACTS: json.dumps(facts, sort_keys=True)})


def network_input(frames_NHWC: Bytes) -> Tensor:
    """Return uint8 crops as float RGB in [0, 1], (N, 3, H, W), channels last in memory."""
    check_shape(frames_NHWC, f"N {SIZE} {SIZE} 3", "crops of drawn faces")
    frames = torch.from_numpy(np.ascontiguousarray(frames_NHWC))
    return frames.permute(0, 3, 1, 2).float() / 255


def _load(net: nn.Module, name: str) -> tuple[nn.Module, dict[str, Any]]:
    with as_file(files("emotalk.pretrained").joinpath(name)) as path:
        net.load_state_dict(load_file(path))
        with safe_open(path, "pt") as stored:
            facts: dict[str, Any] = json.loads(stored.metadata()[FACTS])
    net.eval().requires_grad_(False)
    return net, facts


def run_network(net: nn.Module, frames_NHWC: Bytes) -> Floats:
    """Return a network's output for uint8 crops (N, 128, 128, 3), a few crops at a time."""
    with torch.inference_mode():
        outputs = [
            net(network_input(frames_NHWC[begin : begin + FRAMES_AT_ONCE]))
            for begin in range(0, len(frames_NHWC), FRAMES_AT_ONCE)
        ]
    return np.asarray(torch.cat(outputs).numpy(), np.float32)
