"""The figures of one video, argument by argument, against scikit-image, SciPy and NumPy."""

import math
from dataclasses import replace

import numpy as np
import pytest
from skimage.metrics import peak_signal_noise_ratio

from emotalk.evaluation.measure import (
    Truth,
    as_reported_figures,
    compare,
    prepare_truth,
    reencoded,
    shape_distance,
    to_metrics,
)
from emotalk.faces.template import template_LP
from emotalk.schema import Doubles, Floats
from emotalk.shards.clip import Clip
from tests.helpers.evaluation_clips import ToldExaminer, face_TLP, noise_frames, plain_clip

FRAMES = 24
OPENINGS = 6 + 4 * np.sin(np.arange(FRAMES) / 2.3)
EYES = float(np.linalg.norm(template_LP()[36] - template_LP()[45]))


def truth_of(clip: Clip, landmarks: Floats) -> Truth:
    return prepare_truth(clip, ToldExaminer(lambda _: landmarks))


@pytest.fixture
def clip() -> Clip:
    return plain_clip(frames=FRAMES)


@pytest.fixture
def truth(clip: Clip) -> Truth:
    return truth_of(clip, face_TLP(list(OPENINGS)))


def test_the_truth_is_examined_by_the_same_examiner_as_everything_else(clip: Clip) -> None:
    examiner = ToldExaminer(lambda frames: face_TLP(list(OPENINGS)))
    truth = prepare_truth(clip, examiner)
    np.testing.assert_array_equal(examiner.shown[0], clip.video_THWC)
    np.testing.assert_array_equal(truth.landmarks_TLP, face_TLP(list(OPENINGS)))
    np.testing.assert_allclose(truth.opening_T, OPENINGS / EYES, rtol=1e-5)
    assert truth.voiced_T.shape == (FRAMES,)
    np.testing.assert_allclose(truth.video_BTCHW[0].permute(0, 2, 3, 1) * 255, clip.video_THWC)


def test_likeness_is_that_of_scikit_image(clip: Clip, truth: Truth) -> None:
    video = noise_frames(5, FRAMES)
    figures = compare(video, face_TLP([1.0] * FRAMES), truth).figures
    true = clip.video_THWC
    whole = peak_signal_noise_ratio(true / 255.0, video / 255.0, data_range=1.0)
    assert figures["psnr"] == pytest.approx(whole, abs=1e-3)
    # The mouth of the STORED landmarks: 48 columns and 40 rows about their mean.
    x, y = clip.landmarks_TLP[0, 48:68].mean(0)
    left, top = round(float(x) - 23.5), round(float(y) - 19.5)
    box = np.s_[:, top : top + 40, left : left + 48]
    mouth = peak_signal_noise_ratio(true[box] / 255.0, video[box] / 255.0, data_range=1.0)
    assert figures["psnr_mouth"] == pytest.approx(mouth, abs=1e-3)
    assert figures["ssim"] < 0.6
    same = compare(true, face_TLP(list(OPENINGS)), truth).figures
    assert same["ssim"] == pytest.approx(1, abs=1e-5)
    assert same["ssim_mouth"] == pytest.approx(1, abs=1e-5)


def test_landmarks_are_compared_with_the_true_ones(clip: Clip, truth: Truth) -> None:
    same = compare(clip.video_THWC, face_TLP(list(OPENINGS)), truth).figures
    assert same["nlmd"] == pytest.approx(0, abs=1e-9)
    assert same["nlmd_iod"] == pytest.approx(0, abs=1e-6)
    assert same["missed_share"] == 0
    moved = compare(clip.video_THWC, face_TLP(list(OPENINGS), shift=3.0), truth).figures
    assert moved["nlmd"] == pytest.approx(0, abs=1e-6)  # Procrustes takes the shift out
    assert moved["nlmd_iod"] == pytest.approx(math.hypot(3, 3) / EYES, rel=1e-4)


def test_frames_without_a_face_are_counted_and_left_out(clip: Clip, truth: Truth) -> None:
    landmarks = face_TLP(list(OPENINGS), shift=1.0)
    landmarks[:6] = np.nan
    figures = compare(clip.video_THWC, landmarks, truth).figures
    assert figures["missed_share"] == pytest.approx(6 / FRAMES)
    assert figures["nlmd_iod"] == pytest.approx(math.hypot(1, 1) / EYES, rel=1e-4)


def test_a_mouth_that_is_two_frames_late_has_that_sync_distance(clip: Clip, truth: Truth) -> None:
    late = np.roll(OPENINGS, 2)
    figures = compare(clip.video_THWC, face_TLP(list(late)), truth).figures
    assert figures["mouth_lag"] == 2
    by_hand = np.corrcoef(late, OPENINGS)[0, 1]
    assert figures["mouth_correlation"] == pytest.approx(by_hand, abs=1e-4)
    early = compare(clip.video_THWC, face_TLP(list(np.roll(OPENINGS, -2))), truth).figures
    assert early["mouth_lag"] == 2  # a distance has no sign


def test_the_mouth_is_followed_over_voiced_frames_alone(clip: Clip) -> None:
    quiet = clip.audio_S.copy()
    quiet[: 10 * 320] = 0
    silent_start = replace(clip, audio_S=quiet)
    truth = truth_of(silent_start, face_TLP(list(OPENINGS)))
    wrong_at_first = OPENINGS.copy()
    wrong_at_first[:10] = 0.5
    figures = compare(clip.video_THWC, face_TLP(list(wrong_at_first)), truth).figures
    assert figures["mouth_correlation"] == pytest.approx(1, abs=1e-4)


def test_shapes_are_aligned_to_the_committed_template() -> None:
    from scipy.spatial import procrustes

    rng = np.random.Generator(np.random.PCG64(3))
    true = template_LP() + rng.normal(0, 2, (68, 2))
    seen = template_LP() + rng.normal(0, 2, (68, 2))

    def onto_template(points: Doubles) -> Doubles:
        _, fitted, _ = procrustes(template_LP(), points)  # both in units of the template's norm
        norm = np.linalg.norm(template_LP() - template_LP().mean(0))
        return np.asarray(fitted * norm)

    by_hand = np.linalg.norm(onto_template(true) - onto_template(seen), axis=-1).mean() / 128
    found = shape_distance(
        np.asarray(seen[None], np.float32), np.asarray(true[None], np.float32)
    ).nlmd
    # SciPy scales the standardised shapes by the same least squares.
    assert found == pytest.approx(by_hand, rel=1e-4)


def test_a_reencoded_video_has_the_true_one_s_frames_at_crf_23() -> None:
    frames = noise_frames(1, 7)
    again = reencoded(frames)
    assert again.shape == frames.shape
    psnr = peak_signal_noise_ratio(frames / 255.0, again / 255.0, data_range=1.0)
    assert 25 < psnr < 45
    assert not np.array_equal(again, frames)


def test_metrics_see_rgb_in_unit_range_channels_first() -> None:
    frames = np.zeros((2, 4, 6, 3), np.uint8)
    frames[1, 2, 3] = (255, 51, 0)
    tensor = to_metrics(frames)
    assert tensor.shape == (1, 2, 3, 4, 6)
    assert tensor[0, 1, :, 2, 3].tolist() == pytest.approx([1.0, 0.2, 0.0])


def test_the_faulty_psnr_is_of_bytes_that_wrap(clip: Clip, truth: Truth) -> None:
    video = clip.video_THWC - np.uint8(16)  # 16^2 = 256 = 0 in a byte: no error at all
    video[:, :64] -= np.uint8(1)  # 17^2 = 289 = 33
    figures = as_reported_figures(video, truth, 0.125)
    assert figures == {
        "psnr_of_wrapped_bytes": pytest.approx(10 * math.log10(255**2 / 16.5)),
        "nlmd_without_procrustes": 0.125,
    }
