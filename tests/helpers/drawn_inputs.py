"""Draw one micro-batch of random numbers, in float64, for tests of steps and networks."""

from typing import Any

import torch

from emotalk.faces.template import template_LP
from emotalk.losses.mouth_region import mouth_region_weights
from emotalk.schema import SAMPLES_PER_FRAME, SIZE
from emotalk.training.input_preparation import ClipInputs

CLIPS, FRAMES, MARGIN = 2, 3, 1


def drawn_inputs(noise_features: int, *, emotions: int = 6, seed: int = 0) -> ClipInputs:
    """Return clips whose perceptual loss sees two frames of three, and whose speech has margins."""
    source = torch.Generator().manual_seed(seed)

    def uniform(*shape: int) -> torch.Tensor:
        return torch.rand(*shape, generator=source, dtype=torch.float64) * 2 - 1

    bare = mouth_region_weights(uniform(CLIPS, FRAMES, 2) * 20 + 64, floor=0.0)
    video = uniform(CLIPS, FRAMES, 3, SIZE, SIZE)
    samples = (FRAMES + 2 * MARGIN) * SAMPLES_PER_FRAME
    emotion = torch.tensor([4, 1])
    return ClipInputs(
        video_BTCHW=video,
        image_BCHW=uniform(CLIPS, 3, SIZE, SIZE),
        speech_BS=uniform(CLIPS, samples),
        other_speech_BS=uniform(CLIPS, samples),
        emotion_B=emotion,
        emotion_BE=torch.eye(emotions, dtype=torch.float64)[emotion] * 0.7,
        noise_BTD=uniform(CLIPS, FRAMES, noise_features),
        alpha_B=torch.tensor([0.3, 0.8], dtype=torch.float64),
        frames_BK=torch.tensor([[2, 0], [1, 2]]),
        weights_BTHW=bare + 0.01,
        mouth_BTHW=bare,
        landmarks_BTLP=_landmarks(seed),
        valid_B=torch.ones(CLIPS),
        margin_frames=MARGIN,
        keys=("first", "second"),
    )


def _landmarks(seed: int) -> torch.Tensor:
    """Return the template with drawn moves of every point, in pixels."""
    source = torch.Generator().manual_seed(seed + 1)
    moves = torch.randn(CLIPS, FRAMES, *template_LP().shape, generator=source, dtype=torch.float64)
    return torch.as_tensor(template_LP(), dtype=torch.float64) + moves


def chosen(x: ClipInputs, clips: slice, *, valid: bool = True) -> ClipInputs:
    """Return some of the clips; with `valid` off, marked as places of faulty ones."""
    parts: dict[str, Any] = {
        name: value[clips] if isinstance(value, torch.Tensor | tuple) else value
        for name, value in vars(x).items()
    }
    return ClipInputs(**parts | {"valid_B": torch.full_like(x.valid_B[clips], float(valid))})


def joined(*parts: ClipInputs) -> ClipInputs:
    """Return the clips of several micro-batches as one."""
    first = vars(parts[0])
    values = {name: [vars(part)[name] for part in parts] for name in first}
    whole: dict[str, Any] = {}
    for name, found in values.items():
        if isinstance(found[0], torch.Tensor):
            whole[name] = torch.cat(found)
        else:
            whole[name] = sum(found, ()) if isinstance(found[0], tuple) else found[0]
    return ClipInputs(**whole)
