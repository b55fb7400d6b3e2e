"""Augment the images and the speech of a batch by one random draw for each clip."""

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from emotalk.config.augment import AugmentConfig
from emotalk.data.batch import ClipBatch

if TYPE_CHECKING:
    from emotalk.augment.audio import SpeechAugment
    from emotalk.augment.video import VideoAugment


class BatchAugment:
    """Augment batches as the configuration says; without any probability return them unchanged.

    Draws depend on the seed, the place in the run and the sample key alone. So a clip gets the same
    draw on any number of ranks, and a new draw in every epoch. Landmarks are left unchanged, since
    no transform moves a pixel.
    """

    def __init__(self, config: AugmentConfig, seed: int) -> None:
        self._seed = seed
        self._video = _video_augment(config) if config.video.enabled else None
        self._speech = _speech_augment(config) if config.speech.enabled else None

    def __call__(self, batch: ClipBatch) -> ClipBatch:
        """Return the batch augmented on its device; images that can change become floats [0, 1]."""
        if self._video is not None:
            batch = _with_images(batch, self._video, self._seed)
        return batch if self._speech is None else _with_speech(batch, self._speech, self._seed)


def _video_augment(config: AugmentConfig) -> "VideoAugment":
    from emotalk.augment.video import VideoAugment  # noqa: PLC0415  kornia takes 2 s to import

    return VideoAugment(config.video)


def _speech_augment(config: AugmentConfig) -> "SpeechAugment":
    from emotalk.augment.audio import SpeechAugment  # noqa: PLC0415  torchaudio, on request

    return SpeechAugment(config.speech)


def _with_images(batch: ClipBatch, augment: "VideoAugment", seed: int) -> ClipBatch:
    video_BTCHW, condition_BCHW = augment(
        _to_float(batch.video_BTCHW),
        _to_float(batch.condition_BCHW),
        keys=batch.keys,
        places=batch.places,
        seed=seed,
    )
    return batch._replace(video_BTCHW=video_BTCHW, condition_BCHW=condition_BCHW)


def _with_speech(batch: ClipBatch, augment: "SpeechAugment", seed: int) -> ClipBatch:
    def changed(speech_BS: Tensor, babble_BS: Tensor | None = batch.babble_BS) -> Tensor:
        return augment(
            speech_BS, keys=batch.keys, places=batch.places, seed=seed, babble_BS=babble_BS
        )

    def heard(speech_BS: Tensor) -> tuple[Tensor | None, Tensor]:
        """Return what precedes the speech, and the speech, as one recording where one precedes."""
        alone_BS = changed(speech_BS)
        if batch.preceding_BS is None or batch.preceded_B is None:
            return batch.preceding_BS, alone_BS
        babble_BS = None if batch.babble_BS is None else batch.babble_BS.repeat(1, 2)
        whole_BS = changed(torch.cat([batch.preceding_BS, speech_BS], dim=1), babble_BS)
        samples = batch.preceding_BS.shape[1]
        after_BS = torch.where(batch.preceded_B.unsqueeze(1), whole_BS[:, samples:], alone_BS)
        return whole_BS[:, :samples], after_BS

    preceding_BS, speech_BS = heard(batch.speech_BS)
    # Both get the same augmentation, or noise would reveal which pairs are true.
    other_BS = batch.other_speech_BS
    return batch._replace(
        speech_BS=speech_BS,
        other_speech_BS=None if other_BS is None else heard(other_BS)[1],
        preceding_BS=preceding_BS,
    )


def _to_float(images: Tensor) -> Tensor:
    """Return uint8 images as float in [0, 1]."""
    return images.to(torch.float32).div_(255)
