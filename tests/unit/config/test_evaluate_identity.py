"""The model of identity: an ONNX file where one is asked for, and none that is not used."""

from typing import Any

import pytest
from pydantic import ValidationError

from emotalk.config.evaluate_identity import IdentityConfig


@pytest.mark.parametrize(
    ("tree", "message"),
    [
        ({"by": "onnx"}, "identity.model must name a model file"),
        ({"by": "none", "model": "m.onnx"}, "identity.by is none, which does not use it"),
        ({"by": "insightface", "model": "m.onnx"}, "is insightface, which does not use it"),
        ({"pixels": {"cut": 0.1}}, "identity.pixels.cut is not used"),
    ],
)
def test_settings_that_contradict_each_other_are_refused(
    tree: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValidationError, match=message):
        IdentityConfig.model_validate(tree)


def test_a_file_alone_is_enough_and_pixels_are_those_of_arcface() -> None:
    config = IdentityConfig.model_validate({"model": "m.onnx"})
    assert config.by == "auto"
    scale, (mean,), (std,) = config.pixels.scale, config.pixels.mean, config.pixels.std
    assert [(pixel * scale - mean) / std for pixel in (0, 127.5, 255)] == [-1, 0, 1]
