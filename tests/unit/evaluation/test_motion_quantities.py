"""Each figure is measured on the right one of the two videos, with the true speech."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from emotalk.evaluation.comparison import Comparison, compare, to_metrics, truth_of
from emotalk.evaluation.quantities import METRICS, measure
from emotalk.faces.template import template_LP
from emotalk.metrics.blinks import eye_aspect_ratio, find_blinks
from emotalk.metrics.face_motion import (
    brow_dynamics,
    head_motion,
    landmark_jitter,
    lip_dynamics,
    lip_speed,
)
from emotalk.metrics.image import crop_mouth
from emotalk.metrics.loudness import frame_loudness, loudness_correlation
from emotalk.metrics.sharpness import detail, flicker
from emotalk.metrics.silence import lip_motion_in_silence
from emotalk.schema import Floats
from tests.helpers.evaluation_clips import face_TLP, noise_frames, plain_clip

FRAMES = 60


def moving_face(seed: int) -> Floats:
    """Return a face that moves in every part, and blinks."""
    rng = np.random.default_rng(seed)
    points = face_TLP(list(5 + 3 * np.sin(np.arange(FRAMES) / (1 + seed)))).astype(np.float64)
    points += rng.normal(0, 0.2, points.shape)
    points += rng.normal(0, 1, (FRAMES, 1, 2)).cumsum(0) * 0.3
    for first in (36, 42):
        middle = points[20 : 23 + seed, first : first + 6, 1].mean(1, keepdims=True)
        points[20 : 23 + seed, first : first + 6, 1] = middle
    return points.astype(np.float32)


@pytest.fixture
def comparison() -> Comparison:
    clip = plain_clip(frames=FRAMES)
    loud = np.linspace(0.1, 1, FRAMES * 320) * np.sin(np.arange(FRAMES * 320) / 900)
    clip = replace(clip, audio_S=(clip.audio_S * loud).astype(np.float32))
    voiced_T = np.arange(FRAMES) >= 25
    truth = replace(truth_of(clip, moving_face(1)), voiced_T=voiced_T)
    return compare(noise_frames(3, FRAMES), moving_face(2), truth)


def test_motion_blinks_and_jitter_are_those_of_the_video_itself(comparison: Comparison) -> None:
    found, own = measure(comparison, METRICS), moving_face(2)
    blinks = find_blinks(eye_aspect_ratio(own))
    assert blinks.a_minute > 0
    expected = {
        "lip_dynamics": lip_dynamics(own),
        "lip_speed": lip_speed(own, template_LP()),
        "brow_dynamics": brow_dynamics(own),
        "head_motion": head_motion(own, template_LP()),
        "jitter": landmark_jitter(own),
        "blink_rate": blinks.a_minute,
        "blink_seconds": blinks.seconds,
        "flicker": flicker(to_metrics(comparison.frames_THWC)).item(),
    }
    assert {name: found[name] for name in expected} == pytest.approx(expected)


def test_silence_and_loudness_are_those_of_the_true_speech(comparison: Comparison) -> None:
    found, truth = measure(comparison, METRICS), comparison.truth
    loudness_T = frame_loudness(truth.clip.audio_S)
    expected = {
        "lips_in_silence": lip_motion_in_silence(comparison.opening_T, truth.voiced_T),
        "loudness_correlation": loudness_correlation(
            comparison.opening_T, loudness_T, truth.voiced_T, truth_T=truth.opening_T
        ),
    }
    assert {name: found[name] for name in expected} == pytest.approx(expected)
    assert not math.isnan(found["lips_in_silence"])


def test_sharpness_is_the_videos_over_the_true_one_in_face_and_mouth(
    comparison: Comparison,
) -> None:
    found, truth = measure(comparison, METRICS), comparison.truth
    points_LP = truth.clip.landmarks_TLP.mean(0)
    left, top = np.floor(points_LP.min(0)).astype(int)
    right, bottom = np.ceil(points_LP.max(0)).astype(int) + 1
    video, true = to_metrics(comparison.frames_THWC), to_metrics(truth.frames_THWC)
    face = np.s_[..., top:bottom, left:right]
    assert found["sharpness"] == pytest.approx((detail(video[face]) / detail(true[face])).item())
    stored = torch.tensor(truth.clip.landmarks_TLP)[None]
    mouths = [detail(crop_mouth(part, stored)).item() for part in (video, true)]
    assert found["sharpness_mouth"] == pytest.approx(mouths[0] / mouths[1])


def test_a_truth_without_detail_has_no_sharpness() -> None:
    clip = plain_clip(frames=4)
    flat = replace(clip, video_THWC=np.full_like(clip.video_THWC, 90))
    truth = truth_of(flat, face_TLP([4.0] * 4))
    found = measure(compare(clip.video_THWC, face_TLP([4.0] * 4), truth), METRICS)
    assert math.isnan(found["sharpness"])
    assert math.isnan(found["sharpness_mouth"])


def test_nlmd_of_the_mouth_counts_its_points_alone() -> None:
    true = face_TLP([4.0] * 4)
    truth = truth_of(plain_clip(frames=4), true)
    mouth, brow = true.copy(), true.copy()
    mouth[:, 48:68, 1] += np.where(np.arange(20) % 2, 1, -1)  # no net shift, so little alignment
    brow[:, [17, 26], 1] += 1
    moved = measure(compare(truth.clip.video_THWC, mouth, truth), METRICS)
    assert moved["nlmd_mouth"] == pytest.approx(1 / 128, rel=0.1)
    assert moved["nlmd"] == pytest.approx(20 / 68 / 128, rel=0.2)
    raised = measure(compare(truth.clip.video_THWC, brow, truth), METRICS)
    assert raised["nlmd_mouth"] < 0.1 * raised["nlmd"] * 68 / 2
    assert raised["nlmd_mouth"] < raised["nlmd"]


def test_short_clips_and_clips_without_a_face_are_measured_without_an_error() -> None:
    for frames in (1, 2, 3):
        truth = truth_of(plain_clip(frames=frames), face_TLP([4.0] * frames))
        measure(compare(truth.clip.video_THWC, truth.landmarks_TLP, truth), METRICS)
    nobody = np.full((30, 68, 2), np.nan, np.float32)
    silent = replace(plain_clip(frames=30), audio_S=np.zeros(30 * 320, np.float32))
    truth = truth_of(silent, nobody)
    found = measure(compare(silent.video_THWC, nobody, truth), METRICS)
    for name in (
        "lip_dynamics",
        "head_motion",
        "jitter",
        "blink_rate",
        "lips_in_silence",
        "nlmd_mouth",
    ):
        assert math.isnan(found[name]), name
    assert found["flicker"] > 0
