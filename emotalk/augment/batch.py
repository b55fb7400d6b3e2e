"""A batch's pictures and speech changed at random, by one draw for each of its clips."""

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from emotalk.config.augment import AugmentConfig
from emotalk.data.batch import ClipBatch

if TYPE_CHECKING:
    from emotalk.augment.audio import SpeechAugment
    from emotalk.augment.video import VideoAugment


class BatchAugment:
    """Augments what its configuration gives a probability; a batch is else handed back as it is.

    Draws depend on seed, place in the run and sample key alone, so a clip is changed in the same
    way on any number of ranks, and in another way each time it comes. Landmarks stay as they are:
    nothing here moves a pixel.
    """

    def __init__(self, config: AugmentConfig, seed: int) -> None:
        """Keep the configuration and the run's seed."""
        self._seed = seed
        self._video = _video_augment(config) if config.video.enabled else None
        self._speech = _speech_augment(config) if config.speech.enabled else None

    def __call__(self, batch: ClipBatch, step: int = 0) -> ClipBatch:
        """Return the batch with float images in [0, 1] where pictures can change.

        Args:
            batch: on the device where the work is to be done.
            step: not used; a place in the run already says when.
        """
        del step
        if self._video is not None:
            batch = _with_pictures(batch, self._video, self._seed)
        return batch if self._speech is None else _with_speech(batch, self._speech, self._seed)


def _video_augment(config: AugmentConfig) -> "VideoAugment":
    from emotalk.augment.video import VideoAugment  # noqa: PLC0415  kornia takes 2 s to import

    return VideoAugment(config.video)


def _speech_augment(config: AugmentConfig) -> "SpeechAugment":
    from emotalk.augment.audio import SpeechAugment  # noqa: PLC0415  torchaudio, on request

    return SpeechAugment(config.speech)


def _with_pictures(batch: ClipBatch, augment: "VideoAugment", seed: int) -> ClipBatch:
    video_BTCHW, condition_BCHW = augment(
        _shares(batch.video_BTCHW),
        _shares(batch.condition_BCHW),
        keys=batch.keys,
        places=batch.places,
        seed=seed,
    )
    return batch._replace(video_BTCHW=video_BTCHW, condition_BCHW=condition_BCHW)


def _with_speech(batch: ClipBatch, augment: "SpeechAugment", seed: int) -> ClipBatch:
    def changed(speech_BS: Tensor) -> Tensor:
        return augment(
            speech_BS, keys=batch.keys, places=batch.places, seed=seed, babble_BS=batch.babble_BS
        )

    # The other clip's speech is changed alike, or noise would tell true pairs from false ones.
    other_BS = batch.other_speech_BS
    return batch._replace(
        speech_BS=changed(batch.speech_BS),
        other_speech_BS=None if other_BS is None else changed(other_BS),
    )


def _shares(images: Tensor) -> Tensor:
    """Return uint8 images as float [0, 1]."""
    return images.to(torch.float32).div_(255)
