"""A comparison holds what metrics read, in the form they expect."""

from dataclasses import replace

import numpy as np
import pytest

from emotalk.evaluation.comparison import to_metrics
from emotalk.faces.template import template_LP
from emotalk.schema import SAMPLES_PER_FRAME
from tests.helpers.drawn_shards import drawn_clip
from tests.helpers.evaluation_clips import ToldLandmarks, face_TLP, plain_clip, prepare_truth

FRAMES = 24
OPENINGS = 6 + 4 * np.sin(np.arange(FRAMES) / 2.3)
EYES = float(np.linalg.norm(template_LP()[36] - template_LP()[45]))


def test_the_true_landmarks_are_those_of_the_same_model_as_all_others() -> None:
    clip = plain_clip(frames=FRAMES)
    model = ToldLandmarks(lambda frames: face_TLP(list(OPENINGS)))
    truth = prepare_truth(clip, model)
    np.testing.assert_array_equal(model.shown[0], clip.video_THWC)
    np.testing.assert_array_equal(truth.landmarks_TLP, face_TLP(list(OPENINGS)))
    np.testing.assert_allclose(truth.opening_T, OPENINGS / EYES, rtol=1e-5)
    assert truth.voiced_T.shape == (FRAMES,)
    np.testing.assert_array_equal(truth.frames_THWC, clip.video_THWC)


def test_the_voiced_frames_are_those_of_the_voice_activity_model() -> None:
    spoken = drawn_clip(1, 0, "IEO", "neutral", frames=30, begin=12).speech_S
    quiet_noise = np.random.default_rng(0).normal(0, 0.01, 30 * SAMPLES_PER_FRAME)
    sound = np.concatenate([quiet_noise, spoken]).astype(np.float32)
    clip = replace(plain_clip(frames=60), audio_S=sound)
    voiced_T = prepare_truth(clip, None).voiced_T
    assert not voiced_T[:27].any()
    assert voiced_T[33:57].all()


def test_metrics_see_rgb_in_unit_range_channels_first() -> None:
    frames = np.zeros((2, 4, 6, 3), np.uint8)
    frames[1, 2, 3] = (255, 51, 0)
    tensor = to_metrics(frames)
    assert tensor.shape == (1, 2, 3, 4, 6)
    assert tensor[0, 1, :, 2, 3].tolist() == pytest.approx([1.0, 0.2, 0.0])
