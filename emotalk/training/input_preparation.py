"""Prepare a batch for the networks: move it to the device, augment it, draw its random inputs."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from emotalk.config.run import TrainConfig
from emotalk.data.batch import ClipBatch, to_device, to_unit, upload
from emotalk.losses.mouth_region import mouth_centres, mouth_region_weights
from emotalk.losses.perceptual import draw_frames
from emotalk.models.generator import PrecedingSpeech
from emotalk.schema import EMOTIONS, NEUTRAL, UNKNOWN_EMOTION
from emotalk.seeding import draw_seed

Augment = Callable[[ClipBatch], ClipBatch]
NEUTRAL_INDEX = EMOTIONS.index(NEUTRAL)  # the same in both emotion sets


@dataclass(frozen=True)
class ClipInputs:
    """Hold one micro-batch, ready for networks and losses.

    Attributes:
        video_BTCHW: true frames in [-1, 1].
        image_BCHW: condition image in [-1, 1].
        speech_BS: with `margin_frames` frames before and after the window.
        other_speech_BS: the same of another clip, or None where no loss term needs it.
        emotion_B: index of the emotion, `UNKNOWN_EMOTION` without a label.
        emotion_BE: one-hot, times the intensity where the configuration says so; neutral's where
            the emotion is unknown.
        noise_BTD: N(0, 1), one vector a frame.
        alpha_B: U(0, 1), where the gradient penalty is taken.
        frames_BK: the frames the perceptual loss compares, or None for all.
        weights_BTHW: mouth-region weights with their floor.
        mouth_BTHW: the same without it, for the pair discriminator.
        landmarks_BTLP: of the true frames, in crop pixels.
        valid_B: 1 for real clips, 0 for the places of faulty ones.
        margin_frames: see `speech_BS`.
        keys: names of the clips.
        preceding: what is heard before `speech_BS`, after which the generator's recurrent layers
            begin, or None where the configuration says that they begin at zero.
    """

    video_BTCHW: Tensor
    image_BCHW: Tensor
    speech_BS: Tensor
    other_speech_BS: Tensor | None
    emotion_B: Tensor
    emotion_BE: Tensor
    noise_BTD: Tensor
    alpha_B: Tensor
    frames_BK: Tensor | None
    weights_BTHW: Tensor
    mouth_BTHW: Tensor
    landmarks_BTLP: Tensor
    valid_B: Tensor
    margin_frames: int
    keys: tuple[str, ...]
    preceding: PrecedingSpeech | None = None


class InputPreparation:
    """Turn loader batches into `ClipInputs`; draws depend on seed, place and sample key alone."""

    def __init__(
        self,
        config: TrainConfig,
        *,
        emotions: int,
        noise_features: int,
        augment: Augment,
        device: torch.device,
    ) -> None:
        """Store the settings that all steps share."""
        self._config = config
        self._emotions = emotions
        self._noise_features = noise_features
        self._augment = augment
        self._device = device

    def micro_batches(self, batch: ClipBatch) -> list[ClipInputs]:
        """Return a step's batch in as many micro-batches as the configuration accumulates."""
        size = len(batch.keys) // self._config.runtime.accumulate
        return [self._prepared(part) for part in _split(batch, size)]

    def _prepared(self, batch: ClipBatch) -> ClipInputs:
        losses = self._config.losses
        frames = batch.video_BTCHW.shape[1]
        draws = [self._draw(place, key, frames) for place, key in _named(batch)]
        noise, alpha, frames_drawn = (torch.stack(column) for column in zip(*draws, strict=True))
        batch = self._augment(to_device(batch, self._device))
        centres_BTP = mouth_centres(batch.landmarks_BTLP)
        mouth = losses.mouth_region
        bare = mouth_region_weights(
            centres_BTP, sigma=mouth.sigma, floor=0.0, round_down=mouth.round_down
        )
        kept = losses.perceptual.frames_of(frames)
        return ClipInputs(
            video_BTCHW=to_unit(batch.video_BTCHW),
            image_BCHW=to_unit(batch.condition_BCHW),
            speech_BS=batch.speech_BS,
            other_speech_BS=batch.other_speech_BS,
            emotion_B=batch.emotion_B,
            emotion_BE=self._emotion(batch),
            noise_BTD=upload(noise, self._device),
            alpha_B=upload(alpha, self._device),
            frames_BK=None
            if kept == frames
            else upload(draw_frames(frames_drawn, kept), self._device),
            weights_BTHW=bare + mouth.floor,
            mouth_BTHW=bare,
            landmarks_BTLP=batch.landmarks_BTLP,
            valid_B=batch.valid_B.to(torch.float32),
            margin_frames=self._config.data.speech_margin_frames,
            keys=batch.keys,
            preceding=None
            if batch.preceding_BS is None or batch.preceded_B is None
            else PrecedingSpeech(batch.preceding_BS, batch.preceded_B.to(torch.float32)),
        )

    def _draw(self, place: int, key: str, frames: int) -> tuple[Tensor, Tensor, Tensor]:
        # On the CPU whatever the device: the same numbers everywhere.
        source = torch.Generator().manual_seed(draw_seed(self._config.seed, "networks", place, key))
        noise_TD = torch.randn(frames, self._noise_features, generator=source)
        alpha = torch.rand((), generator=source)
        return noise_TD, alpha, torch.rand(frames, generator=source)

    def _emotion(self, batch: ClipBatch) -> Tensor:
        asked_B = batch.emotion_B.where(batch.emotion_B != UNKNOWN_EMOTION, NEUTRAL_INDEX)
        one_hot_BE = F.one_hot(asked_B, self._emotions).to(torch.float32)
        if self._config.emotion.use_intensity:
            one_hot_BE = one_hot_BE * batch.intensity_B.unsqueeze(1)
        return one_hot_BE


def _named(batch: ClipBatch) -> Iterator[tuple[int, str]]:
    return zip(batch.places, batch.keys, strict=True)


def _split(batch: ClipBatch, size: int) -> Sequence[ClipBatch]:
    if size == len(batch.keys):
        return [batch]
    starts = range(0, len(batch.keys), size)
    return [
        ClipBatch._make(None if field is None else field[at : at + size] for field in batch)
        for at in starts
    ]
