"""A configuration is read whole, or all its faults are told at once."""

from pathlib import Path

import pytest

from emotalk.config.etl import EtlConfig
from emotalk.config.load import dump_config, flatten, load_config, read_tree
from emotalk.errors import WrongUse
from tests.helpers.tiny_training import ROOT, tiny_config

MINIMAL = "corpus: folder\nsource: clips\noutput: shards\n"


def _file(folder: Path, text: str, name: str = "c.yaml") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def test_later_sources_win_over_earlier_ones(tmp_path: Path) -> None:
    _file(tmp_path, MINIMAL + "quality: {max_faces: 3, min_seconds: 2}\n", "parent.yaml")
    child = _file(tmp_path, "extends: parent.yaml\nquality: {min_seconds: 1}\n")
    config = load_config(EtlConfig, child, ["quality.min_seconds=0.5"])
    assert (config.quality.max_faces, config.quality.min_seconds) == (3, 0.5)
    assert config.quality.max_seconds == EtlConfig.model_fields["quality"].default.max_seconds


@pytest.mark.parametrize("name", ["x" * 256, "\u00e9" * 128, "a/" + "x" * 300 + "/b"])
def test_a_path_that_no_file_system_takes_is_refused_by_its_key(tmp_path: Path, name: str) -> None:
    with pytest.raises(WrongUse, match=r"output: .* over 255 bytes") as refusal:
        load_config(EtlConfig, _file(tmp_path, MINIMAL), [f"output={name}"])
    assert len(str(refusal.value)) < 1000
    load_config(EtlConfig, _file(tmp_path, MINIMAL), ["output=" + "/".join(["x" * 255] * 3)])


def test_yamls_text_1e_4_is_taken_as_a_number(tmp_path: Path) -> None:
    config = tiny_config(tmp_path, "stages.gan.updates.0.lr=1e-4", "optim.eps=1e-6")
    assert config.stages[1].updates[0].lr == 1e-4
    assert config.optim.eps == 1e-6


def test_every_fault_is_listed_with_its_dotted_path(tmp_path: Path) -> None:
    text = MINIMAL + "quality: {max_faces: 0, min_second: 1}\nsplit: {shares: [0.5, 0.1, 0.1]}\n"
    with pytest.raises(WrongUse) as caught:
        load_config(EtlConfig, _file(tmp_path, text), ["corpus=crema"])
    message = str(caught.value)
    assert "4 faults" in message
    assert "quality.min_second: unknown key; did you mean 'min_seconds'?" in message
    assert "quality.max_faces: input should be greater than or equal to 1, got 0" in message
    assert "split: split.shares must sum to 1" in message
    assert "corpus: input should be 'crema_d', 'mead' or 'folder', got 'crema'" in message


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("- a\n", "a configuration is a mapping"),
        ("a: [\n", "not valid YAML"),
        ("extends: c.yaml\n", "extends itself"),
        ("extends: none.yaml\n", "cannot read the configuration"),
    ],
)
def test_files_that_are_no_configuration_are_named(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(WrongUse, match=message):
        read_tree(_file(tmp_path, text))


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("seed", "expected dotted.key=value"),
        ("seed.inner=1", "seed is the value 3, not a section"),
        ("stages.later.iterations=1", "no 'later' in this list; it has: emotion, gan"),
        ("seed=[", "the value is not YAML"),
    ],
)
def test_bad_overrides_say_what_is_expected(tmp_path: Path, override: str, message: str) -> None:
    with pytest.raises(WrongUse, match=message):
        tiny_config(tmp_path, override)


def test_a_stage_is_overridden_by_its_name_or_number(tmp_path: Path) -> None:
    config = tiny_config(tmp_path, "stages.gan.iterations=7", "stages.0.iterations=2")
    assert [stage.iterations for stage in config.stages] == [2, 7]


def test_a_dumped_configuration_reads_back_equal(tmp_path: Path) -> None:
    config = tiny_config(tmp_path)
    again = load_config(type(config), _file(tmp_path, dump_config(config), "again.yaml"))
    assert again == config
    assert flatten(again)["data.frames"] == 4


@pytest.mark.parametrize("path", sorted((ROOT / "configs" / "train").glob("*.yaml")), ids=str)
def test_every_training_configuration_is_valid(path: Path) -> None:
    from emotalk.config.run import TrainConfig

    given = ["shards=s", "run_dir=r", "start_from=model"]
    if read_tree(path)["losses"]["perceptual"]["network"] == "vgg19":
        given.append("losses.perceptual.weights=vgg.pth")
    load_config(TrainConfig, path, given)


def test_the_papers_configuration_holds_the_reports_values() -> None:
    from emotalk.config.run import TrainConfig

    paper = load_config(
        TrainConfig,
        ROOT / "configs/train/paper.yaml",
        ["shards=s", "run_dir=r", "losses.perceptual.weights=vgg.pth"],
    )
    initialise, gan = paper.stages
    assert (initialise.iterations, gan.iterations, paper.data.batch_size) == (500, 500, 2)
    generator, critics = gan.updates
    assert (initialise.updates[0].lr, generator.lr, critics.lr) == (1e-4, 1e-5, 1e-4)
    trained = {name: weight for name, weight in generator.losses.items() if weight}
    assert trained == {"mouth_region": 100, "perceptual": 1, "frame": 0.01, "emotion": 0.001}
    assert paper.optim.betas == (0.5, 0.99)
    assert paper.optim.ema == 0
    assert paper.optim.clip_grad_norm == 0
    assert paper.losses.gradient_penalty == 10
    assert paper.losses.mouth_region.sigma == 9
    assert paper.model.width == 1


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["data.batch_size=3", "runtime.processes=2"], "3 is not divisible by runtime.processes"),
        (["stages.gan.iterations=0", "stages.emotion.iterations=0"], "nothing to do"),
        (["stages.gan.updates.0.losses.perceptual=1"], "losses.perceptual.network is none"),
        (
            ["augment.speech.noise.p=0.5", "augment.speech.noise.kinds=[babble]"],
            "data.babble_voices is 0",
        ),
        (["stages.gan.updates.0.losses.lips=1"], "unknown loss terms of the generator: lips"),
        (["stages.gan.updates.0.offset=1"], "offset 1 is never reached with every=1"),
        (
            ["losses.perceptual.network=vgg19", "stages.gan.updates.0.losses.perceptual=1"],
            "vgg19-dcbb9e9d.pth",
        ),
    ],
)
def test_sections_that_contradict_each_other_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, overrides: list[str], message: str
) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))  # without VGG-19's weights
    with pytest.raises(WrongUse, match=message):
        tiny_config(tmp_path, *overrides)


def test_weights_that_were_fetched_need_not_be_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from emotalk.config.losses import vgg19_file

    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    words = ["losses.perceptual.network=vgg19", "stages.gan.updates.0.losses.perceptual=1"]
    with pytest.raises(WrongUse, match="emotalk fetch vgg19"):
        tiny_config(tmp_path, *words)
    vgg19_file().parent.mkdir(parents=True)
    vgg19_file().touch()
    assert tiny_config(tmp_path, *words).losses.perceptual.weights is None
