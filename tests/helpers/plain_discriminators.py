"""Define a reference of the discriminators, layer by layer as in the report.

The condition image is concatenated to every frame, and the operations are `torch.nn.functional`'s,
which autograd differentiates twice.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from emotalk.models import (
    EmotionDiscriminator,
    FrameDiscriminator,
    PairDiscriminator,
    TemporalDiscriminator,
)
from emotalk.models.discriminators.double_backward import LeakyReLU
from emotalk.models.discriminators.trunk import FrameTrunk
from tests.helpers.plain_generator import plain_speech_features


def plain_frame_scores(critic: FrameDiscriminator, video: Tensor, image: Tensor) -> Tensor:
    """Return scores (B, T): every frame beside a copy of the image."""
    beside = torch.cat([video, image.unsqueeze(1).expand_as(video)], dim=2)
    return plain_layers(critic.out, plain_trunk(critic, beside)).view(video.shape[:2])


def plain_emotion_logits(critic: EmotionDiscriminator, video: Tensor) -> Tensor:
    """Return logits (B, E + 1) of the last frame's state."""
    h = plain_layers(critic.projector, plain_trunk(critic, video))
    h_BTD, _ = critic.rnn_1(h.view(*video.shape[:2], -1))
    logits: Tensor = critic.cls(h_BTD[:, -1])
    return logits


def plain_pair_logits(
    critic: PairDiscriminator,
    masked_video: Tensor,
    image: Tensor,
    speech: Tensor,
    margin_frames: int = 0,
) -> Tensor:
    """Return logits (B,): mouths beside a copy of the image, speech, both joined; the mean."""
    B, T = masked_video.shape[:2]
    beside = torch.cat([masked_video, image.unsqueeze(1).expand_as(masked_video)], dim=2)
    seen = plain_layers(critic.video_fc, plain_trunk(critic, beside)).view(B, T, -1)
    heard = plain_speech_features(critic.speech_encoder, speech)
    seen_BTD, _ = critic.rnn_1(seen)
    heard_BTD, _ = critic.rnn_2(heard)
    heard_BTD = heard_BTD[:, margin_frames : margin_frames + T]
    joint_BTD, _ = critic.rnn_3(torch.cat([heard_BTD, seen_BTD], dim=2))
    logits: Tensor = critic.classifier(joint_BTD).squeeze(2).mean(dim=1)
    return logits


def plain_temporal_scores(critic: TemporalDiscriminator, video: Tensor) -> Tensor:
    """Return scores (B,) of the last frame's state."""
    h = plain_layers(critic.video_fc, plain_trunk(critic, video))
    h_BTD, _ = critic.rnn_1(h.view(*video.shape[:2], -1))
    return plain_layers(critic.classifier, h_BTD[:, -1]).squeeze(1)


def plain_trunk(critic: FrameTrunk, video: Tensor) -> Tensor:
    """Return flat features (B * T, D) of single frames."""
    h = video.flatten(0, 1)
    for number in range(1, critic.depth + 1):
        stage = critic.get_submodule(f"conv_{number}")
        assert isinstance(stage, nn.Sequential)
        conv, activation = stage
        assert isinstance(conv, nn.Conv2d)
        assert isinstance(activation, LeakyReLU)
        h = F.conv2d(h, conv.weight, conv.bias, stride=2, padding=1)
        h = F.leaky_relu(h, activation.slope)
    return h.flatten(1)


def plain_layers(layers: nn.Sequential, h: Tensor) -> Tensor:
    """Return the output of the fully connected layers for `h`."""
    for layer in layers:
        h = F.leaky_relu(h, layer.slope) if isinstance(layer, LeakyReLU) else layer(h)
    return h
