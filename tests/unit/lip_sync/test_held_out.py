"""The figures count what estimates say, for own, moved and other speech."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from emotalk.lip_sync.corpus import TalkingClip
from emotalk.lip_sync.estimate import load_lip_sync_model
from emotalk.lip_sync.features import SPECTRA_PER_FRAME, lip_shapes, power_spectra
from emotalk.lip_sync.held_out import measure, shift
from tests.helpers.talking_clips import NAMES, talking_clip


def clips() -> list[TalkingClip]:
    found = []
    for name in NAMES:
        landmarks_TLP, speech_S = talking_clip(name)
        lips, power = lip_shapes(landmarks_TLP), power_spectra(speech_S)
        found.append(TalkingClip(name, f"person of {name}", name, lips, power))
    return found


def test_real_clips_of_unseen_people_are_found_and_told_from_other_speech() -> None:
    figures = measure(load_lip_sync_model(), clips(), clips(), seed=0)
    assert (figures["people"], figures["clips"]) == (2, 2)
    assert figures["within_one_frame"] == 1.0
    assert figures["shifts_within_one_frame"] >= 0.95
    assert figures["own_above_other"] == 1.0
    assert figures["own_correlation"] > figures["other_correlation"]
    assert figures["rejected"] == figures["confidently_wrong"] == 0.0


def test_clips_with_late_sound_are_counted_as_wrong() -> None:
    late = []
    for clip in clips():
        lips, power = shift(clip, 5)
        late.append(replace(clip, lips_TLP=lips, power_JF=power))
    figures = measure(load_lip_sync_model(), late, clips(), seed=0)
    assert figures["within_one_frame"] == 0.0
    assert figures["confidently_wrong"] > 0.5


@pytest.mark.parametrize("late", [-3, 0, 4])
def test_a_shift_by_hand_makes_the_sound_late(late: int) -> None:
    frames = torch.arange(20.0)
    clip = TalkingClip(
        "a", "a", "a", frames[:, None, None], frames.repeat_interleave(SPECTRA_PER_FRAME)[:, None]
    )
    lips, power = shift(clip, late)
    assert len(lips) * SPECTRA_PER_FRAME == len(power)
    heard = power[::SPECTRA_PER_FRAME, 0]
    np.testing.assert_array_equal(lips[:, 0, 0] - heard, late)
