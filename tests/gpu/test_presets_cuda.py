"""Every preset trains on a GPU past its validations and a resume, with and without an average."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.helpers.presets import PRESETS, small_preset, train_past_a_resume
from tests.helpers.tiny_training import tiny_shards

# cuDNN copies the weights of an LSTM at every call unless they lie in one block.
pytestmark = pytest.mark.filterwarnings("error:RNN module weights:UserWarning")
ON_CUDA = ("runtime.device=cuda", "model.width=0.125")


@pytest.fixture(scope="module")
def shards(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_shards(tmp_path_factory.mktemp("presets") / "shards")


@pytest.mark.parametrize("average", ["0", "0.9"])
@pytest.mark.parametrize("preset", PRESETS)
def test_a_preset_trains_past_its_validations_and_a_resume(
    preset: str,
    average: str,
    shards: Path,
    tmp_path: Path,
    record_property: Callable[[str, object], None],
) -> None:
    config = small_preset(preset, shards, tmp_path / "run", f"optim.ema={average}", *ON_CUDA)
    trainer = train_past_a_resume(config)
    weights = trainer._components.networks.generator.module.parameters()
    assert {weight.device.type for weight in weights} == {"cuda"}
    record_property("preset", preset)
    record_property("average", average)
