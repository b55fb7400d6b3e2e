"""The settings of `emotalk evaluate --pairs`, as they are typed."""

import pytest

from emotalk.config.evaluate_pairs import PairsConfig
from emotalk.config.load import load_config
from emotalk.errors import WrongUse

GIVEN = ["pairs=videos", "output=report", "landmarks=onnx"]


@pytest.mark.parametrize("align", ["auto", "own", "true", "none"])
def test_every_way_to_align_can_be_typed_as_it_is_called(align: str) -> None:
    """YAML reads `true` as a truth value."""
    assert load_config(PairsConfig, None, [*GIVEN, f"align={align}"]).align == align


def test_another_truth_value_is_refused() -> None:
    with pytest.raises(WrongUse, match="'auto', 'own', 'true' or 'none', got False"):
        load_config(PairsConfig, None, [*GIVEN, "align=false"])
