"""Evaluate the networks on held-out actors."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import nn

from emotalk.metrics.emotion import emotion_scores
from emotalk.metrics.lip_sync import mouth_opening
from emotalk.models.modes import evaluation_mode
from emotalk.pretrained.distort import distort
from emotalk.pretrained.load import run_network
from emotalk.pretrained.portraits import LEVELS, Portraits
from emotalk.schema import EMOTIONS, MOUTH, Bytes, Floats
from emotalk.seeding import numpy_generator


def landmark_figures(net: nn.Module, portraits: Portraits, seed: int) -> dict[str, float]:
    """Return the mean error in pixels on clean and on distorted crops, and the mouth's."""
    frames, landmarks = _distort(portraits, seed)
    clean = predict(net, portraits.frames_NHWC)
    error_NL = np.linalg.norm(clean - portraits.landmarks_NLP, axis=-1)
    distorted_NL = np.linalg.norm(predict(net, frames) - landmarks, axis=-1)
    opening, true_opening = mouth_opening(clean), mouth_opening(portraits.landmarks_NLP)
    return {
        "error_px": _rounded(error_NL.mean()),
        "mouth_error_px": _rounded(error_NL[:, MOUTH].mean()),
        "error_p99_px": _rounded(np.percentile(error_NL.mean(1), 99)),
        "distorted_error_px": _rounded(distorted_NL.mean()),
        "distorted_mouth_error_px": _rounded(distorted_NL[:, MOUTH].mean()),
        "mouth_opening_error": _rounded(np.abs(opening - true_opening).mean()),
        "mouth_opening_correlation": _rounded(np.corrcoef(opening, true_opening)[0, 1]),
    }


def emotion_figures(net: nn.Module, portraits: Portraits, seed: int) -> dict[str, Any]:
    """Return the accuracy on clips: clean, distorted, of each level and of each emotion."""
    wanted = portraits.emotion_N[:: portraits.frames].tolist()
    level = portraits.level_N[:: portraits.frames]
    frames = _distort(portraits, seed)[0]
    clean = emotion_scores(
        _predict_clips(net, portraits.frames_NHWC, portraits), wanted, len(EMOTIONS)
    )
    distorted = emotion_scores(_predict_clips(net, frames, portraits), wanted, len(EMOTIONS))
    return {
        "accuracy": _rounded(clean.accuracy),
        "distorted_accuracy": _rounded(distorted.accuracy),
        "recall": {
            name: _rounded(share) for name, share in zip(EMOTIONS, clean.recall_E, strict=True)
        },
        "accuracy_of_level": {
            name: _rounded(clean.correct_B[level == index].mean())
            for index, name in enumerate(LEVELS)
        },
    }


def predict(net: nn.Module, frames_NHWC: Bytes) -> Floats:
    """Return the network's output for each crop, in evaluation mode."""
    with evaluation_mode(net):
        return run_network(net, frames_NHWC)


def _predict_clips(net: nn.Module, frames: Bytes, portraits: Portraits) -> list[int]:
    logits = predict(net, frames).reshape(-1, portraits.frames, len(EMOTIONS)).mean(1)
    return [int(index) for index in logits.argmax(1)]


def _distort(portraits: Portraits, seed: int) -> tuple[Bytes, Floats]:
    generator = numpy_generator(seed, "trial")
    pairs = [
        distort(crop, landmarks, generator)
        for crop, landmarks in zip(portraits.frames_NHWC, portraits.landmarks_NLP, strict=True)
    ]
    return np.stack([crop for crop, _ in pairs]), np.stack([points for _, points in pairs])


def _rounded(value: float | NDArray[np.float64]) -> float:
    return round(float(value), 4)
