"""What --dry-run accepts, training trains; what training would refuse, --dry-run refuses."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest import mock

import pytest
import torch
from safetensors.torch import save_file

from emotalk.config.load import load_config
from emotalk.config.run import TrainConfig
from emotalk.distributed import Engine
from emotalk.distributed.update_guard import UpdateGuard
from emotalk.errors import WrongUse
from emotalk.runs.dry_run import describe
from tests.helpers.every_term import every_term_stages, every_term_yaml
from tests.helpers.shard_set import made_clips, write_shard_set
from tests.helpers.tiny_training import (
    ROOT,
    TINY,
    read_metrics,
    tiny_config,
    tiny_shards,
    train,
)
from tests.helpers.train_here import train_here

ONE_STEP = (
    "stages.emotion.iterations=0",
    "stages.gan.iterations=1",
    "data.frames=2",
    "data.batch_size=2",
    "checkpoint.every=0",
    "validation.max_frames=4",
)
SWITCHES = [
    ("runtime.accumulate=2",),
    ("runtime.channels_last=true",),
    ("runtime.precision=bf16", "optim.clip_grad_norm=1"),
    ("runtime.deterministic=true",),
    ("optim.ema=0", "validation.clips=1"),
    ("optim.ema=0.9", "validation.clips=1", "validation.samples=0"),
    ("validation.clips=2", "validation.landmarks=judge"),
    ("data.condition=neutral", "emotion.use_intensity=true", "validation.clips=1"),
    ("emotion.set=mead8", "model.generator.auxiliary_emotion=true"),
    ("data.frames=1", "data.speech_margin_frames=0", "data.batch_size=1", "validation.clips=1"),
    ("data.babble_voices=1", "augment.speech.noise.p=1", "augment.speech.noise.kinds=[babble]"),
    ("augment.video.clahe.p=1", "augment.video.noise.p=1", "augment.video.hue.p=1"),
    ("data.on_fault=skip", "data.balance.emotions=equal", "data.cache_mib=1"),
    ("stages.gan.lr_warmup=1", "stages.gan.lr_decay=cosine", "optim.betas=[0,0]"),
    ("model.generator.output_kernel=7", "model.generator.cell_activation=leaky_relu"),
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("promises")
    tiny_shards(folder / "shards")
    every_term_yaml(folder, folder / "shards")
    return folder


@contextmanager
def every_parameter_has_a_gradient() -> Iterator[None]:
    """Refuse what averaging gradients over processes would wait for without end."""
    step = Engine.step

    def checked(engine: Engine, *, lr: float, guard: UpdateGuard | None = None) -> float:
        without = [n for n, p in engine.module.named_parameters() if p.grad is None]
        assert without == [], f"{engine.name}: no gradient"
        return step(engine, lr=lr, guard=guard)

    with mock.patch.object(Engine, "step", checked):
        yield


@pytest.fixture(scope="module")
def alone(folder: Path) -> Path:
    """Train a step of every stage in one process; return the run folder."""
    config = load_config(TrainConfig, folder / "every_term.yaml", [f"run_dir={folder / 'alone'}"])
    describe(config)
    with every_parameter_has_a_gradient():
        assert train_here(config).state.step == len(every_term_stages())
    return folder / "alone"


def test_every_term_trains_alone_and_is_reported_with_weight_0(alone: Path) -> None:
    for line, stage in zip(read_metrics(alone), every_term_stages(), strict=True):
        for update in stage["updates"]:
            for term, weight in update["losses"].items():
                name = f"train/{update['network']}/{term}"
                assert line[f"{name}_weighted"] == pytest.approx(weight * line[name])


def test_a_reported_term_changes_no_weight_of_its_own(alone: Path) -> None:
    """Its discriminator, or the head that it reads, stays as it is: weights and moments."""
    folder = alone / "checkpoints" / f"step-{len(every_term_stages()):06d}"
    steps = json.loads((folder / "state.json").read_text(encoding="utf-8"))["optimizer_steps"]
    made = {"frame": 0, "emotion": 0, "pair": 0, "temporal": 0}
    heard = {"speech_emotion": 0, "speech_mouth": 0}
    for stage in every_term_stages():
        for update in stage["updates"]:
            trained = {term for term, weight in update["losses"].items() if weight}
            if update["network"] == "generator":
                for head in trained & set(heard):
                    heard[head] += 1
                continue
            for name in {term.removesuffix("_real") for term in trained}:
                made[name] += 1
    for name, count in steps["discriminators"].items():
        assert count == made[name.partition(".")[0]], name
    for name, count in steps["generator"].items():
        if (head := name.partition(".")[0]) in heard:
            assert count == heard[head], name


@pytest.mark.distributed
@pytest.mark.parametrize(
    "zero",
    [
        pytest.param(None, id="DDP"),
        pytest.param((2, 2), id="ZeRO-2", marks=pytest.mark.slow),
        pytest.param((3, 2), id="ZeRO-3+2", marks=pytest.mark.slow),
        pytest.param((0, 0), id="ZeRO-0", marks=pytest.mark.slow),
    ],
)
def test_two_processes_train_every_term_and_an_unused_head_alike(
    zero: tuple[int, int] | None, folder: Path, alone: Path, tmp_path: Path
) -> None:
    words: list[str] = []
    if zero is not None:
        words += ["runtime.engine=deepspeed"]
        for name, stage in zip(("generator", "discriminators"), zero, strict=True):
            words += [f"runtime.deepspeed.{name}={ROOT}/launch/deepspeed/zero{stage}.json"]
    done = train(folder / "every_term.yaml", tmp_path / "run", *words, processes=2)
    assert done.returncode == 0, done.stderr
    for ours, theirs in zip(read_metrics(tmp_path / "run"), read_metrics(alone), strict=True):
        for name, value in theirs.items():
            if not name.endswith("grad_norm"):
                assert ours[name] == pytest.approx(value, rel=1e-3, abs=1e-4), (name, ours["step"])


@pytest.mark.parametrize("words", SWITCHES, ids=" ".join)
def test_a_switch_that_the_dry_run_accepts_trains(
    words: tuple[str, ...], folder: Path, tmp_path: Path
) -> None:
    config = tiny_config(folder, *ONE_STEP, f"run_dir={tmp_path / 'run'}", *words)
    describe(config)
    with every_parameter_has_a_gradient():
        assert train_here(config).state.step == 1


def test_a_guess_of_the_emotion_without_its_network_is_refused_by_the_configuration(
    folder: Path,
) -> None:
    for weight in ("0.001", "0"):
        with pytest.raises(WrongUse) as refused:
            tiny_config(folder, f"stages.gan.updates.0.losses.speech_emotion={weight}")
        said = str(refused.value)
        assert "stages.gan.updates.0.losses: speech_emotion needs" in said
        assert "model.generator.auxiliary_emotion=true" in said
    tiny_config(
        folder,
        "stages.gan.updates.0.losses.speech_emotion=0.001",
        "model.generator.auxiliary_emotion=true",  # the advice, followed
    )


def zero3(engine: str) -> list[str]:
    files = {"generator": "zero2", "discriminators": "zero2", engine: "zero3"}
    return ["runtime.engine=deepspeed"] + [
        f"runtime.deepspeed.{name}={ROOT}/launch/deepspeed/{file}.json"
        for name, file in files.items()
    ]


def test_the_dry_run_refuses_what_zero_would_make_training_refuse(
    folder: Path, tmp_path: Path
) -> None:
    run_dir = f"run_dir={tmp_path / 'run'}"
    with pytest.raises(WrongUse, match="the gradient penalty cannot be computed"):
        describe(tiny_config(folder, run_dir, *zero3("discriminators")))
    with pytest.raises(WrongUse, match=r"optim.ema \(0.999\) and validation.clips \(0\) must be 0"):
        describe(tiny_config(folder, run_dir, *zero3("generator")))
    describe(tiny_config(folder, run_dir, *zero3("generator"), "optim.ema=0"))


def test_the_dry_run_refuses_a_set_that_has_no_other_clip_to_compare_with(tmp_path: Path) -> None:
    write_shard_set(tmp_path / "shards", [("train", made_clips(1))])
    with pytest.raises(WrongUse, match=r"one usable clip, but data\.other_speech"):
        describe(tiny_config(tmp_path))


def test_the_dry_run_refuses_files_that_training_would_refuse(folder: Path, tmp_path: Path) -> None:
    weights, run_dir = tmp_path / "vgg19.safetensors", f"run_dir={tmp_path / 'run'}"
    save_file({"features.0.weight": torch.zeros(1)}, weights)
    words = ["losses.perceptual.network=vgg19", f"losses.perceptual.weights={weights}"]
    words += ["stages.gan.updates.0.losses.perceptual=1", run_dir]
    with pytest.raises(WrongUse, match="is not VGG-19"):
        describe(tiny_config(folder, *words))
    finder = ["validation.clips=1", "validation.landmarks=insightface"]
    finder += [f"validation.finder.root={tmp_path}", run_dir]
    with pytest.raises(WrongUse):
        describe(tiny_config(folder, *finder))


def test_the_dry_run_refuses_a_start_of_other_sizes(
    folder: Path, alone: Path, tmp_path: Path
) -> None:
    words = [f"run_dir={tmp_path / 'run'}", f"start_from={alone}"]
    with pytest.raises(WrongUse, match="the model sections must be the same"):
        describe(tiny_config(folder, *words, "model.width=0.05"))
    describe(
        tiny_config(
            folder,
            *words,
            "model.generator.auxiliary_emotion=true",
            "model.generator.auxiliary_mouth=true",
        )
    )


def test_the_tiny_configuration_tries_each_discriminator() -> None:
    """The switches above are tried with every adversary in the step."""
    judged = TINY["stages"][1]["updates"][1]["losses"]
    assert set(judged) == {"frame", "emotion", "pair", "temporal"}
