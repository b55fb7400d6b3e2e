"""Another loss term of the generator is one new file, and nothing else."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from emotalk.config.stages import generator_term_modules
from emotalk.training import generator_terms
from tests.helpers.tiny_training import read_metrics, tiny_config, tiny_shards
from tests.helpers.train_here import train_here

FILE = '''
"""The squared difference of mean brightness as a term of the generator."""

from torch import Tensor

from emotalk.models import GeneratorOutput
from emotalk.training.generator_term import GeneratorTerm
from emotalk.training.input_preparation import ClipInputs
from emotalk.training.networks import Networks


def compute(x: ClipInputs, generated: GeneratorOutput, networks: Networks) -> Tensor:
    """Return the squared difference of the videos' means."""
    return (generated.video_BTCHW - x.video_BTCHW).mean(dim=(1, 2, 3, 4)).square()


TERM = GeneratorTerm(compute)
'''


@pytest.fixture
def brightness(tmp_path: Path) -> Iterator[str]:
    """Put one more file into the package of the terms for as long as a test lasts."""
    folder = tmp_path / "more_terms"
    folder.mkdir()
    (folder / "brightness.py").write_text(FILE, encoding="utf-8")
    generator_terms.__path__.append(str(folder))
    yield "brightness"
    generator_terms.__path__.remove(str(folder))
    sys.modules.pop("emotalk.training.generator_terms.brightness", None)


def test_a_new_file_is_a_term_that_trains_and_is_logged(tmp_path: Path, brightness: str) -> None:
    tiny_shards(tmp_path / "shards")
    losses = {"l1": 1, brightness: 0.5}
    updates = [{"network": "generator", "lr": 1e-3, "losses": losses}]
    stages = [{"name": "all", "iterations": 2, "updates": updates}]
    train_here(tiny_config(tmp_path, f"stages={json.dumps(stages)}"))
    lines = read_metrics(tmp_path / "run")
    for line in lines:
        name = f"train/generator/{brightness}"
        assert line[name] > 0
        assert line[f"{name}_weighted"] == pytest.approx(0.5 * line[name])
        assert line["train/generator/total"] == pytest.approx(
            line["train/generator/l1"] + 0.5 * line[name]
        )
    assert lines[1][name] != lines[0][name]


def test_without_the_file_the_term_is_unknown(tmp_path: Path) -> None:
    mouth = ["mouth_amplitude", "mouth_detail", "mouth_motion", "mouth_region"]
    own = ["l1", *mouth, "perceptual", "speech_emotion", "speech_mouth"]
    assert generator_term_modules() == own
    with pytest.raises(ValueError, match="unknown loss terms of the generator: brightness"):
        tiny_config(tmp_path, "stages.gan.updates.0.losses={brightness: 1}")
