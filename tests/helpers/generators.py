"""Make small generators and their inputs."""

from typing import Any

import torch
from torch import Tensor

from emotalk.models import Generator
from emotalk.models.initialise import initialise

SMALL: dict[str, Any] = {
    "filters": (8, 16, 32, 64, 64),
    "image_features": 64,
    "speech_features": 64,
    "emotion_features": 64,
    "noise_features": 16,
    "speech_filters": (8, 16, 16, 32),
}
TINY: dict[str, Any] = {
    "filters": (2, 4, 4, 8, 8),
    "image_features": 8,
    "speech_features": 16,
    "emotion_features": 8,
    "noise_features": 4,
    "speech_filters": (4, 4, 4, 8),
    "speech_step_features": 4,
    "output_filters": 4,
}  # for minutes of speech
ORIGINAL: dict[str, Any] = {
    "output_kernel": 7,
    "cell_activation": "leaky_relu",
    "auxiliary_emotion": True,
}


def small_generator(**arguments: Any) -> Generator:
    """Return a generator of reduced width with fixed weights, in evaluation mode."""
    torch.manual_seed(0)
    return Generator(**{**SMALL, **arguments}).eval()


def whole_utterance(
    generator: Generator, *, clips: int, samples: int, dtype: torch.dtype = torch.float32
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Return image, speech, emotion and noise of random clips."""
    draws = torch.Generator().manual_seed(1)
    frames = -(-samples // 320)
    image = torch.rand(clips, 3, 128, 128, generator=draws) * 2 - 1
    speech = torch.rand(clips, samples, generator=draws) * 2 - 1
    emotion = torch.eye(generator.emotions)[torch.arange(clips) % generator.emotions]
    noise = torch.randn(clips, frames, generator.noise_features, generator=draws)
    return image.to(dtype), speech.to(dtype), emotion.to(dtype), noise.to(dtype)


def lively_generator(**arguments: Any) -> Generator:
    """Return a small generator whose frames differ by speech and noise, as a trained one's do.

    With PyTorch's own start, frames of a clip differ by 0.0004 on average: too little to tell a
    wrong frame from a right one.
    """
    generator = small_generator(**arguments)
    initialise(generator, "he")
    for lstm in (generator.speech_lstm, generator.noise_encoder.lstm):
        for weight in lstm.parameters():
            weight.data.mul_(3)
    return generator
