"""The figures of one video, argument by argument, against scikit-image, SciPy and NumPy."""

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from skimage.metrics import peak_signal_noise_ratio

from emotalk.evaluation import quantities as quantities_package
from emotalk.evaluation.comparison import Truth, compare
from emotalk.evaluation.quantities import METRICS, measure, quantities
from emotalk.faces.template import template_LP
from emotalk.schema import Bytes, Doubles, Floats
from emotalk.shards.clip import Clip
from tests.helpers.evaluation_clips import (
    ToldLandmarks,
    face_TLP,
    noise_frames,
    plain_clip,
    prepare_truth,
)

pytestmark = pytest.mark.usefixtures("tones_are_speech")

FRAMES = 24
OPENINGS = 6 + 4 * np.sin(np.arange(FRAMES) / 2.3)
EYES = float(np.linalg.norm(template_LP()[36] - template_LP()[45]))


def truth_of(clip: Clip, landmarks: Floats) -> Truth:
    return prepare_truth(clip, ToldLandmarks(lambda _: landmarks))


def figures_of(video: Bytes, landmarks: Floats, truth: Truth) -> dict[str, float]:
    return measure(compare(video, landmarks, truth), METRICS)


@pytest.fixture
def clip() -> Clip:
    return plain_clip(frames=FRAMES)


@pytest.fixture
def truth(clip: Clip) -> Truth:
    return truth_of(clip, face_TLP(list(OPENINGS)))


def test_likeness_is_that_of_scikit_image(clip: Clip, truth: Truth) -> None:
    video = noise_frames(5, FRAMES)
    figures = figures_of(video, face_TLP([1.0] * FRAMES), truth)
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
    same = figures_of(true, face_TLP(list(OPENINGS)), truth)
    assert same["ssim"] == pytest.approx(1, abs=1e-5)
    assert same["ssim_mouth"] == pytest.approx(1, abs=1e-5)


def test_landmarks_are_compared_with_the_true_ones(clip: Clip, truth: Truth) -> None:
    same = figures_of(clip.video_THWC, face_TLP(list(OPENINGS)), truth)
    assert same["nlmd"] == pytest.approx(0, abs=1e-9)
    assert same["nlmd_iod"] == pytest.approx(0, abs=1e-6)
    assert same["missed_share"] == 0
    moved = figures_of(clip.video_THWC, face_TLP(list(OPENINGS), shift=3.0), truth)
    assert moved["nlmd"] == pytest.approx(0, abs=1e-6)  # Procrustes takes the shift out
    assert moved["nlmd_iod"] == pytest.approx(math.hypot(3, 3) / EYES, rel=1e-4)


def test_frames_without_a_face_are_counted_and_left_out(clip: Clip, truth: Truth) -> None:
    landmarks = face_TLP(list(OPENINGS), shift=1.0)
    landmarks[:6] = np.nan
    figures = figures_of(clip.video_THWC, landmarks, truth)
    assert figures["missed_share"] == pytest.approx(6 / FRAMES)
    assert figures["nlmd_iod"] == pytest.approx(math.hypot(1, 1) / EYES, rel=1e-4)


def test_a_mouth_that_is_two_frames_late_has_that_sync_distance(clip: Clip, truth: Truth) -> None:
    late = np.roll(OPENINGS, 2)
    figures = figures_of(clip.video_THWC, face_TLP(list(late)), truth)
    assert figures["sync_distance"] == pytest.approx(2, abs=0.1)
    by_hand = np.corrcoef(late, OPENINGS)[0, 1]
    assert figures["mouth_correlation"] == pytest.approx(by_hand, abs=1e-4)
    early = figures_of(clip.video_THWC, face_TLP(list(np.roll(OPENINGS, -2))), truth)
    assert early["sync_distance"] == pytest.approx(2, abs=0.1)  # a distance has no sign


def test_the_mouth_is_followed_over_voiced_frames_alone(clip: Clip) -> None:
    quiet = clip.audio_S.copy()
    quiet[: 10 * 320] = 0
    silent_start = replace(clip, audio_S=quiet)
    truth = truth_of(silent_start, face_TLP(list(OPENINGS)))
    wrong_at_first = OPENINGS.copy()
    wrong_at_first[:10] = 0.5
    figures = figures_of(clip.video_THWC, face_TLP(list(wrong_at_first)), truth)
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
    truth = truth_of(plain_clip(frames=1), np.asarray(true[None], np.float32))
    found = figures_of(truth.clip.video_THWC, np.asarray(seen[None], np.float32), truth)["nlmd"]
    # SciPy scales the standardised shapes by the same least squares.
    assert found == pytest.approx(by_hand, rel=1e-4)


def test_every_figure_is_described(truth: Truth) -> None:
    figures = figures_of(truth.clip.video_THWC, truth.landmarks_TLP, truth)
    needing_more = {"identity", "closure_auc", "closure_rate"}  # a model of its own, a text
    assert set(figures) == set(quantities()) - needing_more
    without = [metric for metric in METRICS if not metric.needs_landmarks]
    figures = measure(compare(truth.clip.video_THWC, truth.landmarks_TLP, truth), without)
    assert set(figures) == {
        "psnr", "ssim", "psnr_mouth", "ssim_mouth", "sharpness", "sharpness_mouth",
    }  # fmt: skip


def test_a_generated_mouth_that_never_moves_has_correlation_0(clip: Clip, truth: Truth) -> None:
    still = figures_of(clip.video_THWC, face_TLP([6.0] * FRAMES), truth)
    assert still["mouth_correlation"] == 0


def test_against_a_true_mouth_that_never_moves_the_correlation_is_undefined(clip: Clip) -> None:
    motionless = truth_of(clip, face_TLP([6.0] * FRAMES))
    moving = figures_of(clip.video_THWC, face_TLP(list(OPENINGS)), motionless)
    assert math.isnan(moving["mouth_correlation"])


def test_every_figure_has_a_meaning_of_one_short_sentence() -> None:
    for name, quantity in quantities().items():
        assert 10 < len(quantity.meaning) <= 110, name
        assert quantity.meaning.endswith("."), name


def test_the_readme_lists_every_figure() -> None:
    page = (Path(quantities_package.__path__[0]) / "README.md").read_text(encoding="utf-8")
    assert [name for name in quantities() if f"`{name}`" not in page] == []
