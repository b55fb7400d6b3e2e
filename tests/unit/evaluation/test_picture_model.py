"""Any ONNX model of pictures runs as its graph says, and what is none is refused in one line."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from emotalk.config.evaluate_emotion import PixelsConfig
from emotalk.errors import WrongUse
from emotalk.evaluation import picture_model as module
from emotalk.evaluation.picture_model import open_picture_model
from emotalk.schema import Bytes
from tests.helpers.tiny_onnx import write_pooling_model

PLAIN = PixelsConfig(scale=1.0)


def picture(side: int = 112) -> Bytes:
    return np.random.default_rng(0).integers(0, 256, (side, side, 3)).astype(np.uint8)


def means(picture_HWC: Bytes, kernel: int = 28) -> list[float]:
    side = picture_HWC.shape[0] // kernel
    squares = picture_HWC.reshape(side, kernel, side, kernel, 3).mean((1, 3))
    return [float(value) for value in squares.transpose(2, 0, 1).reshape(-1)]


@pytest.mark.parametrize(
    "shape", [(1, 3, 112, 112), ("N", 3, 112, 112), ("N", 3, "H", "W"), (1, 112, 112, 3)]
)
def test_size_and_layout_are_read_from_the_graph(
    tmp_path: Path, shape: Sequence[int | str]
) -> None:
    file = write_pooling_model(tmp_path / "m.onnx", shape)
    model = open_picture_model(file, PLAIN, "k", side=112)
    assert (model.height, model.width, model.channels) == (112, 112, 3)
    assert model.run(picture()).tolist() == pytest.approx(means(picture()), rel=1e-5)


def test_pixels_are_scaled_and_ordered_as_configured(tmp_path: Path) -> None:
    file = write_pooling_model(tmp_path / "m.onnx", (1, 3, 56, 56))
    pixels = PixelsConfig(scale=0.5, mean=(1.0, 2.0, 3.0), std=(4.0,), order="bgr")
    found = open_picture_model(file, pixels, "k", side=112).run(picture(56))
    by_hand = np.array(means(picture(56)[:, :, ::-1])).reshape(3, 4) * 0.5
    by_hand = (by_hand - np.array([[1], [2], [3]])) / 4
    assert found.tolist() == pytest.approx(by_hand.reshape(-1).tolist(), rel=1e-5)


def test_a_model_of_grey_pictures_gets_the_luma(tmp_path: Path) -> None:
    file = write_pooling_model(tmp_path / "m.onnx", (1, 1, 28, 28))
    luma = picture(28) @ np.array([0.299, 0.587, 0.114])
    found = open_picture_model(file, PLAIN, "k", side=112).run(picture(28))
    assert found.tolist() == pytest.approx([luma.mean()], abs=0.5)


def test_a_model_of_three_channels_gets_the_luma_three_times_where_set(tmp_path: Path) -> None:
    file = write_pooling_model(tmp_path / "m.onnx", (1, 3, 28, 28))
    luma = picture(28) @ np.array([0.299, 0.587, 0.114])
    pixels = PixelsConfig(scale=1, order="grey", mean=(0.0, 1.0, 2.0))
    model = open_picture_model(file, pixels, "k", side=112)
    expected = luma.mean() - np.array([0, 1, 2])
    assert model.run(picture(28)).tolist() == pytest.approx(expected.tolist(), abs=0.5)
    assert model.colours == "grey"


def test_a_picture_of_another_size_is_our_own_bug(tmp_path: Path) -> None:
    file = write_pooling_model(tmp_path / "m.onnx", (1, 3, 56, 56))
    model = open_picture_model(file, PLAIN, "k", side=112)
    with pytest.raises(ValueError, match="expected 56 x 56"):
        model.run(picture(112))


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ((4, 3, 112, 112), "takes 4 pictures at once"),
        ((1, 5, 112, 112), "no axis of 1 or 3 channels"),
        ((1, 3, 2048, 2048), "at most 1024"),
    ],
)
def test_models_of_another_kind_are_refused(
    tmp_path: Path, shape: Sequence[int], message: str
) -> None:
    file = write_pooling_model(tmp_path / "m.onnx", shape)
    with pytest.raises(WrongUse, match=message):
        open_picture_model(file, PLAIN, "identity.model", side=112)


def test_a_file_that_is_no_model_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(WrongUse, match=r"identity\.model: no file"):
        open_picture_model(tmp_path / "none.onnx", PLAIN, "identity.model", side=112)
    (tmp_path / "text.onnx").write_text("not a model")
    with pytest.raises(WrongUse, match="cannot be used as an ONNX model"):
        open_picture_model(tmp_path / "text.onnx", PLAIN, "identity.model", side=112)
    monkeypatch.setattr(module, "LARGEST_FILE", 5)
    with pytest.raises(WrongUse, match="11 bytes, at most 5"):
        open_picture_model(tmp_path / "text.onnx", PLAIN, "identity.model", side=112)
