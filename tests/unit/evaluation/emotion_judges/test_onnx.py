"""A public expression model judges as its graph and the settings say, or is refused in words."""

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from onnx import TensorProto
from scipy.special import softmax

from emotalk.config.evaluate_emotion import EmotionJudgeConfig
from emotalk.errors import WrongUse
from emotalk.evaluation.emotion_judges.judge import CLASSES
from emotalk.evaluation.emotion_judges.onnx import OnnxJudge
from tests.helpers.evaluation_clips import noise_frames
from tests.helpers.linear_onnx import write_linear

LABELS = ("angry", "Happy", "surprise", "neutral", "contempt")
RANDOM = np.random.Generator(np.random.PCG64(3))
WEIGHTS_3K = RANDOM.normal(size=(3, 5))
WEIGHTS_1K = RANDOM.normal(size=(1, 5))
PLACES = [CLASSES.index(name) for name in ("anger", "happiness", "other", "neutral", "other")]


def judge(model: Path, **settings: Any) -> OnnxJudge:
    tree = {"by": "onnx", "model": model, "labels": LABELS, **settings}
    return OnnxJudge(EmotionJudgeConfig.model_validate(tree))


def by_hand(values_TC: np.ndarray, weights_CK: np.ndarray) -> np.ndarray:
    """Return the mean over frames of the softmax, summed by class."""
    shares_K = softmax(values_TC @ weights_CK, axis=-1).mean(0)
    expected = np.zeros(len(CLASSES))
    for place, share in zip(PLACES, shares_K, strict=True):
        expected[place] += share
    return expected


@pytest.mark.parametrize("order", ["rgb", "bgr"])
@pytest.mark.parametrize("frames", [1, 3, 40])
@pytest.mark.parametrize(
    "shape",
    [(1, 3, 16, 16), ("N", 3, 32, 32), (1, 16, 16, 3), ("N", 64, 32, 3), ("N", 3, "H", "W")],
)
def test_a_clip_is_the_mean_of_its_frames_softmax(
    tmp_path: Path, shape: tuple[Any, ...], order: str, frames: int
) -> None:
    model = write_linear(tmp_path / "m.onnx", WEIGHTS_3K, shape=shape)
    mean, std = [0.5, 0.4, 0.3], [0.2, 0.3, 0.4]
    found = judge(model, pixels={"mean": mean, "std": std, "order": order})
    video = noise_frames(1, frames)
    means_TC = video.mean((1, 2))[:, :: 1 if order == "rgb" else -1] / 255
    expected = by_hand((means_TC - mean) / std, WEIGHTS_3K)
    np.testing.assert_allclose(found.probabilities(video), expected, atol=2e-5)
    assert found.probabilities(video).sum() == pytest.approx(1)


def test_a_model_of_one_channel_gets_grey_pictures_scaled_as_set(tmp_path: Path) -> None:
    model = write_linear(tmp_path / "m.onnx", WEIGHTS_1K, shape=(1, 1, 32, 32))
    found = judge(model, pixels={"scale": 2 / 255, "mean": [1.0]})
    video = noise_frames(2, 4)
    grey_TC = np.array([[cv2.cvtColor(f, cv2.COLOR_RGB2GRAY).mean()] for f in video])
    expected = by_hand(grey_TC * 2 / 255 - 1, WEIGHTS_1K)
    np.testing.assert_allclose(found.probabilities(video), expected, atol=2e-3)
    assert "32 x 32 grey" in found.name
    with pytest.raises(WrongUse, match="takes grey pictures"):
        judge(model, pixels={"mean": [0.1, 0.2, 0.3]})


def test_the_edge_that_is_cut_is_not_seen(tmp_path: Path) -> None:
    model = write_linear(tmp_path / "m.onnx", WEIGHTS_3K, shape=(1, 3, 64, 64))
    video = noise_frames(3, 2)
    other = video.copy()
    other[:, :32] = 0
    cut = judge(model, pixels={"cut": 0.25})
    np.testing.assert_array_equal(cut.probabilities(video), cut.probabilities(other))
    whole = judge(model)
    assert not np.allclose(whole.probabilities(video), whole.probabilities(other))


def test_probabilities_are_averaged_as_they_are(tmp_path: Path) -> None:
    logits = write_linear(tmp_path / "a.onnx", WEIGHTS_3K, shape=(1, 3, 16, 16))
    shares = write_linear(tmp_path / "b.onnx", WEIGHTS_3K, shape=(1, 3, 16, 16), softmax=True)
    video = noise_frames(4, 3)
    expected = judge(logits).probabilities(video)
    found = judge(shares, outputs="probabilities").probabilities(video)
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_who_sees_no_expression_in_any_frame_sees_none_of_the_six(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Shares of a sum of 0 were no numbers, whose largest is that of the first emotion."""
    shares = write_linear(tmp_path / "b.onnx", WEIGHTS_3K, shape=(1, 3, 16, 16), softmax=True)
    found = judge(shares, outputs="probabilities")
    monkeypatch.setattr(found, "_run", lambda _: np.zeros(5))
    assert found.probabilities(noise_frames(3, 2)).tolist() == [0, 0, 0, 0, 0, 0, 1]


def test_outputs_of_the_other_kind_are_refused_with_the_setting(tmp_path: Path) -> None:
    logits = write_linear(tmp_path / "a.onnx", WEIGHTS_3K, shape=(1, 3, 16, 16))
    shares = write_linear(tmp_path / "b.onnx", WEIGHTS_3K, shape=(1, 3, 16, 16), softmax=True)
    with pytest.raises(WrongUse, match=r"use emotion\.outputs=logits"):
        judge(logits, outputs="probabilities")
    with pytest.raises(WrongUse, match=r"use emotion\.outputs=probabilities"):
        judge(shares)


def test_as_many_labels_as_outputs_are_needed(tmp_path: Path) -> None:
    model = write_linear(tmp_path / "m.onnx", WEIGHTS_3K, shape=(1, 3, 16, 16))
    with pytest.raises(WrongUse, match=r"gives 5 numbers .* emotion\.labels names 4"):
        judge(model, labels=LABELS[:4])


@pytest.mark.parametrize(
    ("labels", "words"),
    [
        (("angry", "happy", "glad", "sad", "neutral"), "'glad' is none of"),
        (("angry", "happy", "Happy", "sad", "neutral"), "'happy' is named more than once"),
        (("surprise", "contempt", "other", "other", "neutral"), "fewer than two of"),
    ],
)
def test_labels_that_cannot_be_meant_are_refused(
    tmp_path: Path, labels: tuple[str, ...], words: str
) -> None:
    model = write_linear(tmp_path / "m.onnx", WEIGHTS_3K, shape=(1, 3, 16, 16))
    with pytest.raises(WrongUse, match=words):
        judge(model, labels=labels)


@pytest.mark.parametrize(
    "settings",
    [
        {"shape": (1, 3, 4096, 4096)},
        {"shape": (4, 3, 64, 64)},
        {"shape": (1, 3, 64, 64), "inputs": 2},
        {"shape": (1, 3, 64, 64), "kind": TensorProto.UINT8},
    ],
)
def test_a_model_of_another_kind_is_refused(tmp_path: Path, settings: dict[str, Any]) -> None:
    model = write_linear(tmp_path / "m.onnx", WEIGHTS_3K, **settings)
    with pytest.raises(WrongUse, match=r"emotion\.model: .*m\.onnx"):
        judge(model)


def test_numbers_that_are_not_finite_are_refused(tmp_path: Path) -> None:
    model = write_linear(tmp_path / "m.onnx", WEIGHTS_3K * np.inf, shape=(1, 3, 16, 16))
    with pytest.raises(WrongUse, match="not finite"):
        judge(model)


def test_no_model_at_all_is_refused(tmp_path: Path) -> None:
    (tmp_path / "text.onnx").write_text("no model")
    for path, words in (("gone.onnx", "no file"), ("text.onnx", "ONNX model")):
        with pytest.raises(WrongUse, match=rf"emotion\.model: .*{words}"):
            judge(tmp_path / path)
    with pytest.raises(WrongUse, match="no file"):
        judge(tmp_path)


def test_onnx_needs_its_file_and_its_labels() -> None:
    with pytest.raises(ValueError, match=r"emotion\.model must name"):
        EmotionJudgeConfig(by="onnx")


@pytest.mark.parametrize(
    ("former", "now"), [("judge", "drawn"), ("none", "none"), ("auto", "auto")]
)
def test_the_former_values_are_still_read(former: str, now: str) -> None:
    assert EmotionJudgeConfig.model_validate(former).by == now
    with pytest.raises(ValueError, match="Input should be"):
        EmotionJudgeConfig.model_validate("nobody")
