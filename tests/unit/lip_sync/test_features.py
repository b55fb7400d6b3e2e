"""Lip features keep the lips' motion and nothing of the person; spectra stand at their frames."""

import numpy as np
import pytest
import torch
from scipy.signal import stft

from emotalk.faces.template import template_LP
from emotalk.lip_sync.features import (
    LIP_FEATURES,
    MELS,
    SPECTRA_PER_FRAME,
    lip_distances,
    lip_features,
    lip_shapes,
    log_mel,
    power_spectra,
)
from emotalk.schema import SAMPLE_RATE, SAMPLES_PER_FRAME, Floats
from tests.helpers.talking_clips import talking_clip


def face(openings: Floats) -> Floats:
    """Return the template's landmarks with the lower inner and outer lip `openings` px lower."""
    landmarks_TLP = np.repeat(template_LP()[None], len(openings), 0).astype(np.float32)
    for point in (55, 56, 57, 58, 59, 65, 66, 67):
        landmarks_TLP[:, point, 1] += openings
    return landmarks_TLP


def turned(landmarks_TLP: Floats, degrees: float, scale: float) -> Floats:
    angle = np.deg2rad(degrees)
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    moved_TLP: Floats = (scale * landmarks_TLP @ turn + [17, -5]).astype(np.float32)
    return moved_TLP


def test_lips_are_the_same_in_any_crop() -> None:
    landmarks_TLP, _ = talking_clip("lrwp9a")
    upright, other = lip_shapes(landmarks_TLP), lip_shapes(turned(landmarks_TLP, 12.0, 2.5))
    np.testing.assert_allclose(other, upright, atol=1e-5)
    assert upright.shape == (75, 20, 2)


def test_head_motion_is_not_lip_motion() -> None:
    still = face(np.zeros(30, np.float32))
    moved = still + np.linspace(0, 20, 30, dtype=np.float32)[:, None, None]
    assert float(lip_features(lip_shapes(moved)[None]).abs().max()) < 1e-3


def test_openings_are_distances_in_face_sizes() -> None:
    closed, opened = lip_distances(lip_shapes(face(np.array([0.0, 8.0], np.float32))))
    rigid_LP = template_LP()[27:48]
    size = np.sqrt(np.square(rigid_LP - rigid_LP.mean(0)).sum(1).mean())
    expected = lip_distances(torch.from_numpy(template_LP()[None, 48:68].astype(np.float32)))[0]
    np.testing.assert_allclose(closed, expected / size, rtol=1e-5)
    np.testing.assert_allclose(opened[:2] - closed[:2], 8 / size, rtol=1e-2)
    assert abs(float(opened[2] - closed[2])) < 1e-6  # the width


def test_features_forget_mean_and_strength_and_hold_velocities() -> None:
    wave = np.sin(np.arange(50) / 3).astype(np.float32)
    weak = lip_features(lip_shapes(face(6 + 3 * wave))[None])[0]
    strong = lip_features(lip_shapes(face(10 + 6 * wave))[None])[0]
    assert weak.shape == (50, LIP_FEATURES)
    np.testing.assert_allclose(weak, strong, atol=0.02)
    values, velocities = weak.chunk(2, -1)
    np.testing.assert_allclose(values.mean(0), 0, atol=1e-5)
    np.testing.assert_allclose(velocities[1:-1], 2 * (values[2:] - values[:-2]), atol=1e-5)


def test_tiny_motion_is_not_blown_up() -> None:
    noise = np.random.default_rng(0).normal(0, 0.01, 50).astype(np.float32)
    assert float(lip_features(lip_shapes(face(6 + noise))[None]).abs().max()) < 0.2


def test_spectra_equal_scipys_and_stand_at_their_samples() -> None:
    _, speech_S = talking_clip("brbk7n")
    power_JF = power_spectra(speech_S).numpy()
    assert power_JF.shape == (75 * SPECTRA_PER_FRAME, 129)
    window = np.pad(np.hanning(201)[:200], 28)  # periodic Hann of 200 in 256
    _, _, expected_FJ = stft(
        speech_S.astype(np.float64), SAMPLE_RATE, window, 256, 256 - 80, boundary="zeros"
    )
    expected_JF = np.square(np.abs(expected_FJ)).T[: len(power_JF)]
    scale = power_JF.sum() / expected_JF.sum()
    np.testing.assert_allclose(power_JF, scale * expected_JF, rtol=1e-3, atol=1e-6)
    click_S = np.zeros(40 * SAMPLES_PER_FRAME, np.float32)
    click_S[17 * SAMPLES_PER_FRAME] = 1.0
    loudest = int(power_spectra(click_S).sum(1).argmax())
    assert loudest == 17 * SPECTRA_PER_FRAME


def test_loudness_and_a_steady_colour_do_not_matter() -> None:
    _, speech_S = talking_clip("brbk7n")
    power_JF = power_spectra(speech_S)
    np.testing.assert_allclose(
        power_spectra(speech_S / np.float32(9)), power_JF, rtol=1e-3, atol=1e-9
    )
    mel_JM = log_mel(power_JF[None])[0]
    assert mel_JM.shape == (300, MELS)
    np.testing.assert_allclose(mel_JM.mean(0), 0, atol=1e-5)
    coloured_JM = log_mel(power_JF[None] * torch.linspace(1.5, 0.7, 129))[0]
    loud = power_JF.sum(1) > 0.1
    np.testing.assert_allclose(coloured_JM[loud], mel_JM[loud], atol=0.15)


@pytest.mark.parametrize(("hertz", "warp"), [(1000, 1.3), (2000, 0.8), (1500, 1.0)])
def test_a_warp_hears_a_tone_at_another_frequency(hertz: float, warp: float) -> None:
    time_S = np.arange(20 * SAMPLES_PER_FRAME) / SAMPLE_RATE

    def loudest(tone_hz: float, factor: float) -> int:
        tone_S: Floats = np.sin(2 * np.pi * tone_hz * time_S).astype(np.float32)
        power_JF = power_spectra(tone_S)
        noisy_JF = torch.cat([power_JF, torch.zeros_like(power_JF)])
        return int(log_mel(noisy_JF[None], torch.tensor([factor]))[0, 40].argmax())

    assert abs(loudest(hertz, warp) - loudest(hertz / warp, 1.0)) <= 1


def test_silence_has_finite_features() -> None:
    silence = log_mel(power_spectra(np.zeros(3200, np.float32))[None])
    assert torch.isfinite(silence).all()
    assert torch.isfinite(lip_shapes(np.zeros((5, 68, 2), np.float32))).all()
