"""Speech shifted against the picture by a part of a frame."""

import numpy as np
import pytest
import torch

from emotalk.augment.audio import SpeechAugment
from emotalk.augment.time_shift import draw_shift, shifted
from emotalk.config.augment import SpeechAugmentConfig, TimeShiftConfig


def test_positive_shifts_make_the_speech_later_and_negative_ones_earlier() -> None:
    speech = torch.arange(1.0, 6.0)
    assert shifted(speech, 2).tolist() == [0, 0, 1, 2, 3]
    assert shifted(speech, -2).tolist() == [3, 4, 5, 0, 0]
    assert shifted(speech, 0).tolist() == speech.tolist()
    assert shifted(speech, 9).tolist() == [0] * 5


def test_a_batch_is_shifted_as_drawn_by_key_and_place_and_lips_stay_within_half_a_frame() -> None:
    config = SpeechAugmentConfig(shift=TimeShiftConfig(p=1.0))
    speech = torch.randn(40, 4000, generator=torch.Generator().manual_seed(0))
    keys, places = tuple(f"clip{n}" for n in range(40)), tuple(range(40))
    found = SpeechAugment(config)(speech, keys=keys, places=places, seed=3)
    lags = []
    for before, after in zip(speech.numpy(), found.numpy(), strict=True):
        correlation = np.correlate(after, before, mode="full")
        lags.append(int(correlation.argmax()) - (len(before) - 1))
    draws = [draw_shift(config.shift, 3, p, k) for p, k in zip(places, keys, strict=True)]
    assert lags == draws
    assert max(map(abs, lags)) <= 160
    assert len(set(lags)) > 20
    alone = SpeechAugment(config)(speech[7:8], keys=keys[7:8], places=places[7:8], seed=3)
    assert torch.equal(alone[0], found[7])


def test_more_than_half_a_frame_is_refused() -> None:
    with pytest.raises(ValueError, match="20"):
        TimeShiftConfig(range=(-30.0, 0.0))
