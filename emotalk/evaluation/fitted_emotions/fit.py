"""Fit the classifier of emotions to training clips, the same one for the same seed."""

from collections.abc import Iterator

import cv2
import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from emotalk.evaluation.fitted_emotions.frames import FRAMES
from emotalk.evaluation.fitted_emotions.network import SIDE, FittedEmotionNet
from emotalk.evaluation.fitted_emotions.training_clips import TrainingClips
from emotalk.evaluation.progress import progress
from emotalk.lip_sync.one_thread import one_thread
from emotalk.models.modes import training_mode
from emotalk.schema import Bytes, Floats
from emotalk.seeding import draw_seed, numpy_generator

CLIPS = 12  # of a step
LEARNING_RATE = 3e-3
TURN = 5.0  # degrees to either side
SHIFT = 3.0  # pixels of 64
SIZES = (0.94, 1.06)
GAIN = (0.8, 1.2)
BLUR = 1.2  # largest sigma in pixels: generated frames are softer than true ones
NOISE = 4.0  # largest deviation in grey levels


def fit_network(clips: TrainingClips, *, steps: int, seed: int) -> FittedEmotionNet:
    """Return the network in evaluation mode after `steps` updates, each of twelve clips.

    Emotions come equally often. It runs on one thread, so that the same seed gives the same network
    on machines with other numbers of cores.
    """
    with one_thread(), torch.random.fork_rng([]):
        torch.manual_seed(draw_seed(seed, "fitted emotion net"))
        net = FittedEmotionNet()
        optimizer = torch.optim.AdamW(net.parameters(), lr=LEARNING_RATE, weight_decay=0.02)
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, LEARNING_RATE, total_steps=steps)
        with training_mode(net), progress() as bar:
            for grey_BTHW, emotion_B in bar.track(
                _batches(clips, steps, seed), total=steps, description="fitting emotions"
            ):
                loss = F.cross_entropy(net(grey_BTHW), emotion_B, label_smoothing=0.05)
                optimizer.zero_grad(set_to_none=True)
                loss.backward()  # type: ignore[no-untyped-call]
                nn.utils.clip_grad_norm_(net.parameters(), 1.0)
                optimizer.step()
                schedule.step()
    return net.eval().requires_grad_(False)


def _batches(clips: TrainingClips, steps: int, seed: int) -> Iterator[tuple[Tensor, Tensor]]:
    of_emotion = [
        np.flatnonzero(clips.emotion_B == emotion) for emotion in np.unique(clips.emotion_B)
    ]
    generator = numpy_generator(seed, "fitted emotion batches")
    for _ in range(steps):
        emotions = generator.integers(len(of_emotion), size=CLIPS)
        chosen = [int(generator.choice(of_emotion[emotion])) for emotion in emotions]
        greys = [vary(clips.looks[place], generator) for place in chosen]
        yield torch.from_numpy(np.stack(greys)), torch.from_numpy(clips.emotion_B[chosen])


def vary(grey_THW: Bytes, generator: np.random.Generator) -> Floats:
    """Return a clip turned, moved, mirrored, softened and lit otherwise, in all frames alike.

    The result is float (12, 64, 64) in [0, 255]; frames of a shorter clip come again.
    """
    frames_THW = grey_THW[np.arange(FRAMES) % len(grey_THW)]
    turn, size = generator.uniform(-TURN, TURN), generator.uniform(*SIZES)
    matrix = cv2.getRotationMatrix2D((SIDE / 2 - 0.5, SIDE / 2 - 0.5), turn, size)
    matrix[:, 2] += generator.uniform(-SHIFT, SHIFT, 2)
    mirror, sigma = generator.random() < 0.5, generator.uniform(0, BLUR)
    gain, noise = generator.uniform(*GAIN), generator.uniform(0, NOISE)
    varied = []
    for frame_HW in frames_THW:
        moved = cv2.warpAffine(
            frame_HW.astype(np.float32), matrix, (SIDE, SIDE), borderMode=cv2.BORDER_REPLICATE
        )
        soft = cv2.GaussianBlur(moved, (0, 0), sigma) if sigma > 0.3 else moved
        varied.append(soft[:, ::-1] if mirror else soft)
    lit_THW = np.stack(varied) * gain + generator.normal(0, noise, (FRAMES, SIDE, SIDE))
    return np.clip(lit_THW, 0, 255).astype(np.float32)
