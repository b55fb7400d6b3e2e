"""Compute emotion losses: cross-entropies of the emotion of a video or of speech."""

import torch
from torch import Tensor
from torch.nn import functional as F

from emotalk.losses.checks import check_floats
from emotalk.schema import UNKNOWN_EMOTION, check_shape


def emotion_cross_entropy(logits_BK: Tensor, emotion_B: Tensor) -> Tensor:
    """Return -log of the probability given to each clip's emotion (B,), at least 0, in nats.

    A clip of unknown emotion has 0, and a gradient of 0.

    The emotion discriminator has K = E + 1 classes, of which the last is "generated" (report 4.2).
    The generator's auxiliary classifier of speech has K = E.

    Args:
        logits_BK: logits of the K classes.
        emotion_B: whole numbers 0 .. K - 1, or `UNKNOWN_EMOTION`. Their values are checked on the
            CPU only: reading them would wait for another device, and batches are checked when they
            are put together.

    Raises:
        ValueError: a shape or type is not as stated, or an emotion outside the set.
    """
    sizes = check_floats(logits_BK, "B K", "logits_BK")
    check_shape(emotion_B, f"{sizes['B']}", "emotion_B")
    if emotion_B.dtype != torch.int64:
        raise ValueError(f"emotion_B: got {emotion_B.dtype}, expected torch.int64")
    if emotion_B.device.type == "cpu":
        _check_known(emotion_B, sizes["K"])
    return F.cross_entropy(logits_BK, emotion_B, reduction="none", ignore_index=UNKNOWN_EMOTION)


def emotion_critic(real_logits_BK: Tensor, fake_logits_BK: Tensor, emotion_B: Tensor) -> Tensor:
    """Return the mean of two cross-entropies (B,), in nats: real -> its class, fake -> the last.

    Args:
        real_logits_BK: of true clips, K = E + 1.
        fake_logits_BK: of generated clips.
        emotion_B: emotions of the true clips, 0 .. E - 1, or `UNKNOWN_EMOTION`. Such a clip has 0,
            for its generated video too: no emotion was asked for.

    Source: Eskimez et al. 2021, `step_disc_emo`; after Odena 2016 (semi-supervised GAN).
    """
    known_B = emotion_B != UNKNOWN_EMOTION
    generated_B = torch.where(known_B, fake_logits_BK.shape[-1] - 1, UNKNOWN_EMOTION)
    real = emotion_cross_entropy(real_logits_BK, emotion_B)
    return (real + emotion_cross_entropy(fake_logits_BK, generated_B)) / 2


def _check_known(emotion_B: Tensor, classes: int) -> None:
    outside_B = (emotion_B < 0) | (emotion_B >= classes)
    outside = emotion_B[outside_B & (emotion_B != UNKNOWN_EMOTION)]
    if outside.numel():
        raise ValueError(
            f"emotion_B: got {outside[0].item()}, allowed are 0 .. {classes - 1} and "
            f"{UNKNOWN_EMOTION} for unknown"
        )
