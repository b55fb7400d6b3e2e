"""The judge of emotions: former values, pixels by channel, and what an ONNX judge must name."""

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from emotalk.config.evaluate import EvaluateConfig
from emotalk.config.evaluate_emotion import EmotionJudgeConfig, PixelsConfig


@pytest.mark.parametrize(
    ("written", "by"),
    [("judge", "drawn"), ("auto", "auto"), ("none", "none"), ({"by": "fitted"}, "fitted")],
)
def test_former_values_are_still_read(written: Any, by: str) -> None:
    tree = {"checkpoint": "c", "shards": "s", "output": "o", "emotion": written}
    assert EvaluateConfig.model_validate(tree).emotion.by == by


@pytest.mark.parametrize("written", ["onxx", {"judge": "drawn"}, {"by": "judge"}, 3])
def test_another_value_is_refused(written: Any) -> None:
    with pytest.raises(ValidationError):
        EmotionJudgeConfig.model_validate(written)


@pytest.mark.parametrize("missing", ["model", "labels"])
def test_an_onnx_judge_needs_its_file_and_the_names_of_its_outputs(missing: str) -> None:
    tree = {"by": "onnx", "model": "m.onnx", "labels": ["happy", "sad"]}
    assert EmotionJudgeConfig.model_validate(tree).model == Path("m.onnx")
    del tree[missing]
    with pytest.raises(ValidationError, match=r"emotion\.model .* and emotion\.labels"):
        EmotionJudgeConfig.model_validate(tree)


@pytest.mark.parametrize("name", ["mean", "std"])
def test_pixels_have_one_number_or_three_by_channel(name: str) -> None:
    for numbers in ([0.5], [0.1, 0.2, 0.3]):
        assert getattr(PixelsConfig.model_validate({name: numbers}), name) == tuple(numbers)
    with pytest.raises(ValidationError, match=f"{name} has two numbers; give one"):
        PixelsConfig.model_validate({name: [0.1, 0.2]})


@pytest.mark.parametrize(
    "wrong", [{"std": [0]}, {"scale": 0}, {"cut": 0.5}, {"mean": []}, {"order": "grb"}]
)
def test_pixels_that_nothing_can_be_made_of_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        PixelsConfig.model_validate(wrong)
