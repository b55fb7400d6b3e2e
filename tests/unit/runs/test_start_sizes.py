"""A fine-tuned model keeps the sizes, emotions and speech level that its weights ask for."""

from pathlib import Path

import pytest

from emotalk.checkpoints.format import ModelFacts, write_model
from emotalk.config.load import dump_config, load_config
from emotalk.config.model import GeneratorConfig, ModelConfig
from emotalk.config.run import TrainConfig
from emotalk.errors import WrongUse
from emotalk.runs.command import main
from emotalk.runs.start_sizes import with_sizes_of_start
from emotalk.schema import EMOTIONS, EMOTIONS_MEAD8
from tests.helpers.tiny_model import tiny_generator
from tests.helpers.tiny_training import ROOT

SIZES = ModelConfig(width=0.03, generator=GeneratorConfig(output_kernel=7))
WITH_HEAD = SIZES.model_copy(
    update={"generator": GeneratorConfig(output_kernel=7, auxiliary_mouth=True)}
)
PRESET = ROOT / "configs/train/one_person.yaml"


def model(folder: Path, emotions: tuple[str, ...] = EMOTIONS_MEAD8) -> Path:
    facts = ModelFacts(
        emotions=emotions, speech_margin_frames=3, speech_level="none", use_intensity=True
    )
    write_model(folder, tiny_generator().state_dict(), SIZES, facts)
    return folder


def config_of(folder: Path, *words: str) -> TrainConfig:
    given = ["shards=s", f"run_dir={folder / 'run'}", f"start_from={folder / 'model'}", *words]
    return load_config(TrainConfig, PRESET, given)


def test_sizes_emotions_and_speech_level_are_the_models(tmp_path: Path) -> None:
    model(tmp_path / "model")
    before = config_of(tmp_path)
    taken = with_sizes_of_start(before)
    assert taken.model == WITH_HEAD  # the preset's own head
    assert (taken.emotion.set, taken.emotion.use_intensity) == ("mead8", True)
    assert taken.data == before.data.model_copy(update={"speech_level": "none"})
    again = load_config(TrainConfig, _written(tmp_path, taken))
    assert again == taken
    assert with_sizes_of_start(again) == taken


def _written(folder: Path, config: TrainConfig) -> Path:
    path = folder / "resolved.yaml"
    path.write_text(dump_config(config), encoding="utf-8")
    return path


def test_the_command_takes_them_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = model(tmp_path / "model")
    words = [str(PRESET), "shards=s", f"run_dir={tmp_path / 'run'}", f"start_from={source}"]
    assert main([*words, "--print-config"]) == 0
    printed = tmp_path / "printed.yaml"
    printed.write_text(capsys.readouterr().out, encoding="utf-8")
    assert load_config(TrainConfig, printed).model == WITH_HEAD
    assert main([*words[:-1], "--print-config"]) == 2
    assert "add start_from=RUN" in capsys.readouterr().err


def test_given_values_that_contradict_the_model_are_refused_by_name(tmp_path: Path) -> None:
    model(tmp_path / "model")
    assert with_sizes_of_start(config_of(tmp_path, "model.width=0.03")).model == WITH_HEAD
    words = ("model.width=1", "model.generator.output_kernel=3", "data.speech_level=peak")
    with pytest.raises(WrongUse, match="sizes_from_start=false") as refusal:
        with_sizes_of_start(config_of(tmp_path, *words))
    assert "model.width: 1.0 given, 0.03 there" in str(refusal.value)
    assert "model.generator.output_kernel: 3 given, 7 there" in str(refusal.value)
    assert "data.speech_level: 'peak' given, 'none' there" in str(refusal.value)


def test_a_model_of_other_emotions_is_refused(tmp_path: Path) -> None:
    model(tmp_path / "model", (*EMOTIONS[:-1], "boredom"))
    with pytest.raises(WrongUse, match="boredom; a run knows the sets six"):
        with_sizes_of_start(config_of(tmp_path))


def test_a_run_that_goes_on_needs_its_start_no_longer(tmp_path: Path) -> None:
    source = model(tmp_path / "model")
    config = config_of(tmp_path)
    begun = with_sizes_of_start(config)
    source.rename(tmp_path / "elsewhere")
    with pytest.raises(WrongUse, match="no such checkpoint"):
        with_sizes_of_start(config)
    config.run_dir.mkdir()
    (config.run_dir / "config.yaml").write_text(dump_config(begun), encoding="utf-8")
    assert with_sizes_of_start(config) == begun


def test_without_the_setting_nothing_is_taken(tmp_path: Path) -> None:
    config = config_of(tmp_path, "sizes_from_start=false")
    assert with_sizes_of_start(config) is config
