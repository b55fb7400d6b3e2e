"""A step is the plain one: every term, every gradient, every updated weight, in float64."""

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

import pytest
import torch
from torch import Tensor, nn

from emotalk.config.run import TrainConfig
from emotalk.config.stages import UpdateConfig
from emotalk.models import Generator
from emotalk.runs.networks import build_modules, build_networks
from emotalk.training.global_mean import GlobalMean
from emotalk.training.input_preparation import ClipInputs
from emotalk.training.networks import Discriminators, Networks, build_features
from emotalk.training.step_guard import NonFiniteUpdateError
from emotalk.training.steps import StepReport, discriminator_step, generator_step
from tests.helpers.drawn_inputs import CLIPS, chosen, drawn_inputs, joined
from tests.helpers.plain_step import Losses, PlainStep
from tests.helpers.tiny_training import tiny_config
from tests.helpers.train_here import runtime_here

# All different, none 1: a weight that is dropped or swapped changes the sum.
GENERATOR = {
    "mouth_region": 20.0,
    "mouth_motion": 7.0,
    "mouth_detail": 5.0,
    "mouth_amplitude": 3.0,
    "perceptual": 0.3,
    "l1": 3.0,
    "frame": 0.7,
    "emotion": 0.9,
    "pair": 1.3,
    "temporal": 0.6,
    "speech_emotion": 0.8,
    "speech_mouth": 0.5,
}
DISCRIMINATORS = {"frame": 0.9, "emotion": 1.7, "emotion_real": 0.4, "pair": 1.2, "temporal": 2.1}
PENALTY, LR_GENERATOR, LR_DISCRIMINATORS = 7.0, 3e-2, 2e-2
WORDS = [
    "model.generator.auxiliary_emotion=true",
    "model.generator.auxiliary_mouth=true",
    "losses.perceptual.network=random",
    "losses.perceptual.width=0.04",
    f"losses.gradient_penalty={PENALTY}",
    "optim.betas=[0.6,0.95]",
    # Large beside the gradients: Adam's steps then tell how large they are, not only their signs.
    "optim.eps=0.1",
]


def close(ours: Tensor, theirs: Tensor) -> bool:
    return torch.allclose(ours, theirs, rtol=1e-9, atol=1e-11)


def update_of(network: str, losses: dict[str, float], lr: float) -> UpdateConfig:
    return UpdateConfig.model_validate({"network": network, "lr": lr, "losses": losses})


@dataclass
class Pair:
    """The project's networks and the plain step's, from the same weights."""

    config: TrainConfig
    networks: Networks
    plain: PlainStep
    x: ClipInputs

    def generator_step(
        self, *micro_batches: ClipInputs, losses: dict[str, float] = GENERATOR
    ) -> StepReport:
        update = update_of("generator", losses, LR_GENERATOR)
        valid = int(sum(float(x.valid_B.sum()) for x in micro_batches))
        mean = GlobalMean(valid, processes=1)
        return generator_step(micro_batches, self.networks, update, mean, update.lr)

    def discriminator_step(
        self, *micro_batches: ClipInputs, losses: dict[str, float] = DISCRIMINATORS
    ) -> StepReport:
        update = update_of("discriminators", losses, LR_DISCRIMINATORS)
        valid = int(sum(float(x.valid_B.sum()) for x in micro_batches))
        return discriminator_step(
            micro_batches, self.networks, update, GlobalMean(valid, 1), update.lr
        )  # fmt: skip

    @property
    def critics(self) -> nn.Module:
        assert self.networks.discriminators is not None
        return self.networks.discriminators.module


@contextmanager
def pair_of(folder: Path, *words: str) -> Iterator[Pair]:
    config = tiny_config(folder, *WORDS, f"stages.gan.updates.0.losses={GENERATOR}", *words)
    generator, critics = build_modules(config)
    features = build_features(config)
    assert critics is not None
    assert features is not None
    with runtime_here(config) as runtime:
        networks = build_networks(config, runtime)
        networks.generator.module.double()
        assert networks.discriminators is not None
        networks.discriminators.module.double()
        plain = PlainStep(
            generator.double(), critics.double(), features.double(),
            LR_GENERATOR, LR_DISCRIMINATORS, GENERATOR, DISCRIMINATORS, PENALTY,
            betas=config.optim.betas, eps=config.optim.eps, clip=config.optim.clip_grad_norm,
        )  # fmt: skip
        own = copy.deepcopy(features).requires_grad_(False)
        x = drawn_inputs(cast(Generator, networks.generator.module).noise_features)
        yield Pair(config, replace(networks, features=own), plain, x)


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[Pair]:
    with pair_of(tmp_path) as made:
        yield made


def assert_same_terms(report: StepReport, expected: Losses, clips: int = CLIPS) -> None:
    assert report.sums.keys() == expected.keys()
    for name, value in expected.items():
        assert float(report.sums[name]) / clips == pytest.approx(value, rel=1e-9), name


def assert_same_weights(ours: nn.Module, theirs: nn.Module) -> None:
    expected = dict(theirs.named_parameters())
    for name, parameter in ours.named_parameters():
        if name == "frame.out.2.bias":  # its exact gradient is zero; plainly it is rounding
            continue
        assert close(parameter, expected[name]), name


def assert_same_moments(engine: Any, adam: torch.optim.Adam, theirs: nn.Module) -> None:
    moments = engine.read_optimizer().moments
    for name, parameter in theirs.named_parameters():
        if name == "frame.out.2.bias":
            continue
        for moment in ("exp_avg", "exp_avg_sq"):
            expected = adam.state[parameter][moment]
            assert close(moments[f"{moment}.{name}"], expected), (moment, name)


def copies(module: nn.Module) -> dict[str, Tensor]:
    return {name: value.detach().clone() for name, value in module.state_dict().items()}


def assert_untouched(module: nn.Module, before: dict[str, Tensor]) -> None:
    for name, value in module.state_dict().items():
        assert torch.equal(value, before[name]), name


@pytest.mark.parametrize("words", [(), ("optim.clip_grad_norm=0.5",)], ids=["", "clipped"])
def test_two_rounds_of_every_term_are_the_plain_ones(
    words: tuple[str, ...], tmp_path: Path
) -> None:
    """Terms, norms, weights and moments; each network learns in its own step alone."""
    with pair_of(tmp_path, *words) as pair:
        networks, plain = pair.networks, pair.plain
        assert networks.discriminators is not None
        for seed in (0, 1):
            x = drawn_inputs(pair.x.noise_BTD.shape[2], seed=seed)
            critics = copies(pair.critics)
            report = pair.generator_step(x)
            assert_same_terms(report, plain.generator_step(x))
            assert report.grad_norm == pytest.approx(plain.grad_norm, rel=1e-9)
            assert report.grad_norm > pair.config.optim.clip_grad_norm, "the limit is in force"
            assert_same_weights(networks.generator.module, plain.generator)
            assert_same_moments(networks.generator, plain.adam_generator, plain.generator)
            assert_untouched(pair.critics, critics)
            generator = copies(networks.generator.module)
            report = pair.discriminator_step(x)
            assert_same_terms(report, plain.discriminator_step(x))
            assert report.grad_norm == pytest.approx(plain.grad_norm, rel=1e-6)
            assert_same_weights(pair.critics, plain.critics)
            assert_same_moments(networks.discriminators, plain.adam_critics, plain.critics)
            assert_untouched(networks.generator.module, generator)


@pytest.mark.parametrize("term", sorted(GENERATOR))
def test_each_term_of_the_generator_moves_it_as_the_plain_one_does(term: str, pair: Pair) -> None:
    pair.plain.weights = {term: GENERATOR[term]}
    report = pair.generator_step(pair.x, losses={term: GENERATOR[term]})
    assert_same_terms(report, pair.plain.generator_step(pair.x))
    assert report.weights == {term: GENERATOR[term]}
    assert_same_weights(pair.networks.generator.module, pair.plain.generator)


@pytest.mark.parametrize("term", sorted(DISCRIMINATORS))
def test_each_term_of_the_discriminators_trains_its_own_network_alone(
    term: str, pair: Pair
) -> None:
    before = copies(pair.critics)
    pair.plain.critic_weights = {term: DISCRIMINATORS[term]}
    report = pair.discriminator_step(pair.x, losses={term: DISCRIMINATORS[term]})
    assert_same_terms(report, pair.plain.discriminator_step(pair.x))
    assert_same_weights(pair.critics, pair.plain.critics)
    moved = {
        name.partition(".")[0]
        for name, value in pair.critics.state_dict().items()
        if not torch.equal(value, before[name])
    }
    assert moved == {term.removesuffix("_real")}


def test_a_term_of_weight_0_is_reported_and_trains_nothing(pair: Pair) -> None:
    pair.plain.weights = {"mouth_region": 20.0, "l1": 0.0, "speech_emotion": 0.0, "pair": 0.0}
    report = pair.generator_step(pair.x, losses=pair.plain.weights)
    assert_same_terms(report, pair.plain.generator_step(pair.x))
    assert_same_weights(pair.networks.generator.module, pair.plain.generator)
    steps = pair.networks.generator.read_optimizer().steps
    assert not any(name.startswith("speech_emotion.") for name in steps)
    pair.plain.critic_weights = {"frame": 1.0, "emotion": 0.0, "temporal": 0.0}
    before = copies(pair.critics)
    report = pair.discriminator_step(pair.x, losses=pair.plain.critic_weights)
    assert_same_terms(report, pair.plain.discriminator_step(pair.x))
    assert pair.networks.discriminators is not None
    steps = pair.networks.discriminators.read_optimizer().steps
    assert {name.partition(".")[0] for name in steps} == {"frame"}, "the others are at rest"
    for name in ("emotion", "pair", "temporal"):
        for key, value in pair.critics.get_submodule(name).state_dict().items():
            assert torch.equal(value, before[f"{name}.{key}"]), key


def test_micro_batches_make_the_step_of_the_whole_batch(pair: Pair) -> None:
    halves = chosen(pair.x, slice(0, 1)), chosen(pair.x, slice(1, 2))
    assert_same_terms(pair.generator_step(*halves), pair.plain.generator_step(pair.x))
    assert_same_weights(pair.networks.generator.module, pair.plain.generator)
    assert_same_terms(pair.discriminator_step(*halves), pair.plain.discriminator_step(pair.x))
    assert_same_weights(pair.critics, pair.plain.critics)


def test_the_place_of_a_faulty_clip_counts_for_nothing(pair: Pair) -> None:
    """One clip is valid of two: the step is that of it alone."""
    alone = chosen(pair.x, slice(1, 2))
    masked = joined(chosen(pair.x, slice(0, 1), valid=False), alone)
    assert_same_terms(pair.generator_step(masked), pair.plain.generator_step(alone), clips=1)
    assert_same_weights(pair.networks.generator.module, pair.plain.generator)
    report = pair.discriminator_step(masked)
    assert_same_terms(report, pair.plain.discriminator_step(alone), clips=1)
    assert_same_weights(pair.critics, pair.plain.critics)


def test_critics_can_learn_again_after_they_were_frozen(pair: Pair) -> None:
    pair.generator_step(pair.x)
    assert all(parameter.requires_grad for parameter in pair.critics.parameters())
    assert all(parameter.grad is None for parameter in pair.critics.parameters())


def test_a_sum_over_processes_counts_each_valid_clip_once() -> None:
    """Two processes, three valid clips: the engines' average of both shares is the mean of them."""
    mean = GlobalMean(valid=3, processes=2)
    x = drawn_inputs(4)
    first = mean.share(torch.tensor([3.0, 6.0]), x)
    second = mean.share(torch.tensor([9.0, 100.0]), replace(x, valid_B=torch.tensor([1.0, 0.0])))
    assert float(first + second) / 2 == pytest.approx((3 + 6 + 9) / 3)
    nothing = replace(x, valid_B=torch.zeros(2))
    assert float(GlobalMean(0, 1).share(torch.tensor([1.0, 1.0]), nothing)) == 0.0


def test_a_term_that_is_not_finite_is_named_with_its_clips_and_nothing_moves(pair: Pair) -> None:
    generator, critics = copies(pair.networks.generator.module), copies(pair.critics)
    video = pair.x.video_BTCHW.clone()
    video[1, 0, 0, 5, 5] = torch.nan
    x = replace(pair.x, video_BTCHW=video)
    with pytest.raises(NonFiniteUpdateError, match="update of the generator") as caught:
        pair.generator_step(x, losses={"mouth_region": 1.0, "l1": 0.0, "frame": 1.0})
    assert caught.value.clips == {"mouth_region": ["second"], "l1": ["second"]}
    with pytest.raises(NonFiniteUpdateError, match="update of the discriminators") as judged:
        pair.discriminator_step(x, losses={"temporal": 1.0})
    assert judged.value.engine == "discriminators"
    assert judged.value.clips == {"temporal": ["second"]}
    assert_untouched(pair.networks.generator.module, generator)
    assert_untouched(pair.critics, critics)


def test_a_stage_without_discriminators_trains_the_generator(tmp_path: Path) -> None:
    stage = "[{name: first, iterations: 1, updates: [{network: generator, lr: 0.1, "
    config = tiny_config(tmp_path, f"stages={stage}losses: {{l1: 1}}}}]}}]")
    with runtime_here(config) as runtime:
        networks = build_networks(config, runtime)
        assert networks.discriminators is None
        x = drawn_inputs(cast(Generator, networks.generator.module).noise_features)
        networks.generator.module.double()
        update = config.stages[0].updates[0]
        report = generator_step([x], networks, update, GlobalMean(2, 1), 0.1)
    assert report.grad_norm > 0


def test_the_plain_step_has_every_term_there_is() -> None:
    """A new term must be written out there too, or it is compared with nothing."""
    from emotalk.config.stages import DISCRIMINATOR_TERMS, generator_terms

    assert set(GENERATOR) == set(generator_terms())
    assert set(DISCRIMINATORS) == set(DISCRIMINATOR_TERMS)
    assert issubclass(Discriminators, nn.Module)
