"""The loop joins the parts: draws reach the networks, averages move, figures are those of steps."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from emotalk.config.run import TrainConfig
from emotalk.data.workers import Interrupted
from emotalk.evaluation.validation import Validation
from emotalk.models import Generator
from emotalk.schema import EMOTIONS
from emotalk.training import trainer as loop
from emotalk.training.input_preparation import ClipInputs, InputPreparation
from emotalk.training.not_finite import NonFiniteTrainingError
from emotalk.training.steps import StepReport, discriminator_step, generator_step
from emotalk.training.trainer import Trainer
from tests.helpers.checkpoint_files import rewrite_state
from tests.helpers.shard_set import made_clips
from tests.helpers.tiny_training import ALL_TERMS, read_metrics, tiny_config, tiny_shards
from tests.helpers.train_here import trainer_here

STEPS, LOG_EVERY, PENALTY, DECAY = 8, 3, 7.0, 0.75
WORDS = [
    "stages.emotion.iterations=0",
    f"stages.gan.iterations={STEPS}",
    "stages.gan.lr_decay=linear",
    "stages.gan.updates.0.every=2",
    "stages.gan.updates.1.every=2",
    "stages.gan.updates.1.offset=1",
    f"stages.gan.updates.0.losses={json.dumps({**ALL_TERMS, 'perceptual': 0.5})}",
    f"losses.gradient_penalty={PENALTY}",
    "losses.perceptual.network=random",
    "losses.perceptual.width=0.02",
    "losses.perceptual.frames=0.5",
    "emotion.use_intensity=true",
    f"optim.ema={DECAY}",
    "optim.ema_warmup=false",
    "data.frames=4",
    "data.batch_size=2",
    f"tracking.log_every={LOG_EVERY}",
    "checkpoint.every=4",
    "validation.clips=1",
    "validation.every=5",
    "validation.max_frames=4",
]


@dataclass
class Watched:
    """What went through the loop.

    Attributes:
        inputs: of each step.
        reports: of each update: its step, its network and what it reported.
        generators: the generator's weights after each of its updates, the first ones before.
        heard: what the generator was called with in training mode: emotion, noise.
        faces: the evaluation mode of the network that was validated, and the step.
    """

    inputs: list[ClipInputs] = field(default_factory=list)
    reports: list[tuple[int, str, StepReport]] = field(default_factory=list)
    generators: list[dict[str, Tensor]] = field(default_factory=list)
    heard: list[tuple[Tensor, Tensor]] = field(default_factory=list)
    validated: list[tuple[bool, int]] = field(default_factory=list)


@contextmanager
def watched(trainer: Trainer) -> Iterator[Watched]:
    seen = Watched()
    components = trainer._components
    generator = components.networks.generator.module
    make, learn, judge = InputPreparation.micro_batches, generator_step, discriminator_step
    measure = Validation.measure

    def made(maker: InputPreparation, *args: Any) -> list[ClipInputs]:
        found = make(maker, *args)
        seen.inputs += found
        return found

    def learnt(*args: Any, **more: Any) -> StepReport:
        report = learn(*args, **more)
        seen.reports.append((trainer.state.step, "generator", report))
        seen.generators.append(copies())
        return report

    def judged(*args: Any) -> StepReport:
        report = judge(*args)
        seen.reports.append((trainer.state.step, "discriminators", report))
        return report

    def measured(validation: Validation, network: Generator, *args: Any) -> dict[str, float]:
        assert components.ema is not None
        assert id(network) == id(components.ema.module), "the average is what is validated"
        seen.validated.append((network.training, trainer.state.step))
        return measure(validation, network, *args)

    def copies() -> dict[str, Tensor]:
        return {name: value.detach().clone() for name, value in generator.state_dict().items()}

    def hear(module: Any, args: tuple[Tensor, ...]) -> None:
        del module
        seen.heard.append((args[2], args[3]))

    seen.generators.append(copies())
    hook = generator.register_forward_pre_hook(hear)
    with (
        mock.patch.object(InputPreparation, "micro_batches", made),
        mock.patch.object(loop, "generator_step", learnt),
        mock.patch.object(loop, "discriminator_step", judged),
        mock.patch.object(Validation, "measure", measured),
    ):
        yield seen
    hook.remove()


@dataclass(frozen=True)
class Run:
    """A finished run."""

    config: TrainConfig
    trainer: Trainer
    seen: Watched
    lines: list[dict[str, float]]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = tmp_path_factory.mktemp("loop")
    tiny_shards(folder / "shards")
    config = tiny_config(folder, *WORDS)
    with trainer_here(config) as trainer, watched(trainer) as seen:
        assert trainer.run() == "done"
        trainer.finish("done")
    return Run(config, trainer, seen, read_metrics(config.run_dir))


def training_lines(run: Run) -> dict[int, dict[str, float]]:
    return {int(line["step"]): line for line in run.lines if "clips" in line}


def of_interval(run: Run, last: int, network: str) -> list[StepReport]:
    """Return the reports of a network's updates since the log line before `last`."""
    first = (last - 1) // LOG_EVERY * LOG_EVERY
    return [r for step, name, r in run.seen.reports if name == network and first <= step < last]


def test_the_average_takes_a_step_after_every_update_of_the_generator(run: Run) -> None:
    first, *others = run.seen.generators
    assert len(others) == STEPS // 2
    expected = dict(first)
    for weights in others:
        for name, value in weights.items():
            expected[name] = DECAY * expected[name] + (1 - DECAY) * value
    saved = load_file(
        run.config.run_dir / f"checkpoints/step-{STEPS:06d}/generator_ema.safetensors"
    )
    assert saved.keys() == expected.keys()
    for name, value in expected.items():
        assert torch.allclose(saved[name], value, atol=1e-6), name
    assert any(not torch.allclose(saved[name], first[name], atol=1e-5) for name in first)


def test_what_is_saved_is_the_last_generator(run: Run) -> None:
    saved = load_file(run.config.run_dir / f"checkpoints/step-{STEPS:06d}/generator.safetensors")
    for name, value in run.seen.generators[-1].items():
        assert torch.equal(saved[name], value), name


def test_the_intensity_of_every_clip_reaches_the_generator(run: Run) -> None:
    clips = {clip.key: clip for clip in made_clips(12)}
    intensities = set()
    for x in run.seen.inputs:
        for key, row in zip(x.keys, x.emotion_BE, strict=True):
            clip = clips[key]
            known = 1.0 if clip.intensity is None else clip.intensity
            intensities.add(known)
            expected = [known if name == clip.emotion else 0.0 for name in EMOTIONS]
            assert row.tolist() == pytest.approx(expected)
    assert len(intensities) > 1, "the clips differ"
    # One call a step: of the generator's update, or for what the discriminators are shown.
    assert len(run.seen.heard) == len(run.seen.inputs) == STEPS
    for x, (emotion_BE, noise_BTD) in zip(run.seen.inputs, run.seen.heard, strict=True):
        assert torch.equal(emotion_BE, x.emotion_BE)
        assert torch.equal(noise_BTD, x.noise_BTD)


def test_updates_alternate_at_the_rates_of_the_schedule(run: Run) -> None:
    assert [name for _, name, _ in run.seen.reports] == ["generator", "discriminators"] * 4
    for step, _, report in run.seen.reports:
        assert report.lr == pytest.approx(1e-3 * (1 - 0.9 * step / STEPS))


def test_each_line_tells_the_means_of_every_update_since_the_line_before(run: Run) -> None:
    lines = training_lines(run)
    assert set(lines) == {3, 6, 8}
    for last, line in lines.items():
        assert line["clips"] == 2 * last
        for network in ("generator", "discriminators"):
            reports = of_interval(run, last, network)
            assert reports
            for name in reports[0].sums:
                mean = sum(float(r.sums[name]) / 2 for r in reports) / len(reports)
                weight = reports[0].weights.get(name, 0.0)
                assert line[f"train/{network}/{name}"] == pytest.approx(mean, rel=1e-5)
                weighted = line[f"train/{network}/{name}_weighted"]
                assert weighted == pytest.approx(weight * mean, rel=1e-5)
            total = sum(line[f"train/{network}/{name}_weighted"] for name in reports[0].sums)
            assert line[f"train/{network}/total"] == pytest.approx(total, rel=1e-5)


def test_both_networks_of_an_alternating_stage_log_their_rate_and_norm(run: Run) -> None:
    """Lines fall on steps that update one of them: the other's figures are in them all the same."""
    for last, line in training_lines(run).items():
        for network in ("generator", "discriminators"):
            reports = of_interval(run, last, network)
            norms = [r.grad_norm for r in reports]
            assert line[f"train/{network}/grad_norm"] == pytest.approx(sum(norms) / len(norms))
            assert line[f"train/{network}/lr"] == reports[-1].lr


def test_the_average_is_validated_when_it_is_due_and_at_the_end(run: Run) -> None:
    assert run.seen.validated == [(False, 5), (False, 8)]
    assert run.trainer.state.validation["step"] == STEPS
    generator = run.trainer._components.networks.generator.module
    assert all(part.training for part in generator.modules())


@pytest.mark.parametrize("upload", [True, False])
def test_samples_reach_the_trackers_and_checkpoints_where_that_is_asked_for(
    run: Run, tmp_path: Path, upload: bool
) -> None:
    words = [f"run_dir={tmp_path / 'run'}", "stages.gan.iterations=1"]
    words.append(f"tracking.mlflow.log_checkpoints={str(upload).lower()}")
    config = tiny_config(run.config.run_dir.parent, *WORDS, *words)
    with trainer_here(config) as trainer:
        tracker = mock.Mock()
        trainer._components = replace(trainer._components, tracker=tracker)
        assert trainer.run() == "done"
    sent = {(call.args[0].name, call.args[1]) for call in tracker.artifact.call_args_list}
    assert ("grid.png", "samples/step-000001") in sent
    checkpoint = config.run_dir / "checkpoints/step-000001"
    whole = {(path.name, "checkpoints/step-000001") for path in checkpoint.iterdir()}
    assert whole & sent == (whole if upload else set())


def test_a_run_resumed_between_two_lines_logs_what_the_unbroken_one_did(
    run: Run, tmp_path: Path
) -> None:
    """The checkpoint of step 4 holds the sums of step 4: the line of step 6 is exact."""
    config = run.config.model_copy(update={"run_dir": tmp_path / "run"})
    train_until(config, 4)
    with trainer_here(config) as trainer:
        assert trainer.state.step == 4
        assert trainer.run() == "done"
    assert read_metrics(config.run_dir) == run.lines


def train_until(config: TrainConfig, last: int) -> None:
    with trainer_here(config) as trainer:
        train_one = trainer._train_one

        def or_end() -> bool:
            return trainer.state.step == last or train_one()

        with mock.patch.object(trainer, "_train_one", or_end):
            assert trainer.run() == "preempted"


def test_a_checkpoint_of_before_these_figures_were_summed_is_gone_on_from(
    run: Run, tmp_path: Path
) -> None:
    config = run.config.model_copy(update={"run_dir": tmp_path / "run"})
    train_until(config, 4)

    def as_before(state: dict[str, Any]) -> None:
        for name in list(state["sums"]):
            if name.endswith(("/lr", "/grad_norm")):
                del state["sums"][name]

    rewrite_state(config.run_dir / "checkpoints/step-000004", as_before)
    with trainer_here(config) as trainer:
        assert trainer.state.step == 4
        assert trainer.run() == "done"
    assert "train/generator/lr" in read_metrics(config.run_dir)[-2]


def test_a_loss_that_is_not_finite_names_the_checkpoint_of_the_state_before_it(
    run: Run, tmp_path: Path
) -> None:
    config = run.config.model_copy(update={"run_dir": tmp_path / "run"})
    with trainer_here(config) as trainer:
        assert not trainer._train_one()
        module = trainer._components.networks.generator.module
        with torch.no_grad():
            next(module.parameters()).fill_(torch.inf)
        with pytest.raises(NonFiniteTrainingError) as raised:
            trainer.run()
    saved = config.run_dir / "checkpoints/step-000001"
    assert str(raised.value).split("\n")[-2].endswith(f"the newest state before it: {saved}")
    assert (saved / "state.json").exists()


def test_a_signal_ends_the_run_before_its_next_step_with_a_checkpoint(
    run: Run, tmp_path: Path
) -> None:
    config = run.config.model_copy(update={"run_dir": tmp_path / "run"})
    with trainer_here(config, lambda: trainer.state.step == 3) as trainer:
        assert trainer.run() == "preempted"
    assert trainer.state.step == 3
    assert (config.run_dir / "checkpoints/step-000003/state.json").exists()


def test_a_signal_while_a_batch_is_waited_for_ends_the_run_with_a_checkpoint(
    run: Run, tmp_path: Path
) -> None:
    """The loader's worker hangs: there is no batch for the step that would come next."""

    def hangs() -> Iterator[Any]:
        raise Interrupted
        yield

    config = run.config.model_copy(update={"run_dir": tmp_path / "run"})
    with trainer_here(config) as trainer:
        for _ in range(3):
            assert not trainer._train_one()
        trainer._batches = hangs()
        assert trainer.run() == "preempted"
    assert trainer.state.step == 3
    assert (config.run_dir / "checkpoints/step-000003/state.json").exists()


def test_places_of_faulty_clips_are_counted_and_leave_the_mean(run: Run, tmp_path: Path) -> None:
    config = run.config.model_copy(update={"run_dir": tmp_path / "run"})
    with trainer_here(config) as trainer:
        batches = trainer._batches
        first = next(batches)
        valid_B = torch.tensor([True, False])
        trainer._batches = iter([first._replace(valid_B=valid_B)])
        with watched(trainer) as seen:
            trainer._train_one()
        sums = trainer._sums.read()
    assert (trainer.state.clips_seen, trainer.state.faults) == (1, 1)
    ((_, _, report),) = seen.reports
    total, count = sums["train/generator/l1"]
    assert count == 1
    assert total == pytest.approx(float(report.sums["l1"])), "the mean of one clip"
