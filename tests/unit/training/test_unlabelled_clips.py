"""Clips of unknown emotion: losses of the emotion are means over the others."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import nn

from emotalk.schema import UNKNOWN_EMOTION
from emotalk.training.global_mean import GlobalMean
from emotalk.training.input_preparation import ClipInputs
from emotalk.training.objective import terms_of_emotion
from emotalk.training.steps import StepReport, discriminator_step, generator_step
from tests.helpers.drawn_inputs import chosen, joined
from tests.unit.training.test_steps import (
    DISCRIMINATORS,
    GENERATOR,
    LR_DISCRIMINATORS,
    LR_GENERATOR,
    Pair,
    assert_same_terms,
    assert_same_weights,
    assert_untouched,
    copies,
    pair_of,
    update_of,
)

OF_EMOTION = {
    "generator": {"emotion", "speech_emotion"},
    "discriminators": {"emotion", "emotion_real"},
}
LOSSES = {"generator": GENERATOR, "discriminators": DISCRIMINATORS}
NETWORKS = sorted(LOSSES)


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[Pair]:
    with pair_of(tmp_path) as made:
        yield made


def step(
    pair: Pair, network: str, x: ClipInputs, losses: dict[str, float], mean: GlobalMean
) -> StepReport:
    lr = LR_GENERATOR if network == "generator" else LR_DISCRIMINATORS
    made = generator_step if network == "generator" else discriminator_step
    return made([x], pair.networks, update_of(network, losses, lr), mean, lr)


def networks_of(pair: Pair, network: str) -> nn.Module:
    return pair.critics if network == "discriminators" else pair.networks.generator.module


def test_the_terms_that_need_an_emotion_are_known_by_network() -> None:
    for network, losses in LOSSES.items():
        assert terms_of_emotion(update_of(network, losses, 1.0)) == OF_EMOTION[network]
    assert terms_of_emotion(update_of("generator", {"l1": 1.0, "pair": 1.0}, 1.0)) == set()


def test_values_are_unchanged_to_the_bit_where_every_clip_has_a_label() -> None:
    values_B = torch.rand(5)
    assert GlobalMean(3, 2).over_labelled(values_B) is values_B
    assert torch.equal(GlobalMean(6, 1, unlabelled=2).over_labelled(values_B), values_B * 1.5)


@pytest.mark.parametrize("network", NETWORKS)
def test_an_unlabelled_clip_counts_for_nothing_in_losses_of_the_emotion(
    network: str, pair: Pair
) -> None:
    """Two clips, one labelled: terms and update are the plain ones of the labelled one alone."""
    losses = {
        name: weight for name, weight in LOSSES[network].items() if name in OF_EMOTION[network]
    }
    first, second = chosen(pair.x, slice(0, 1)), chosen(pair.x, slice(1, 2))
    unlabelled = replace(second, emotion_B=torch.tensor([UNKNOWN_EMOTION]))
    report = step(pair, network, joined(first, unlabelled), losses, GlobalMean(2, 1, 1))
    if network == "generator":
        pair.plain.weights = losses
        expected = pair.plain.generator_step(first)
        assert_same_weights(pair.networks.generator.module, pair.plain.generator)
    else:
        pair.plain.critic_weights = losses
        expected = pair.plain.discriminator_step(first)
        assert_same_weights(pair.critics, pair.plain.critics)
    assert_same_terms(report, expected)
    assert report.grad_norm == pytest.approx(pair.plain.grad_norm, rel=1e-6)


def test_the_other_losses_see_unlabelled_clips(pair: Pair) -> None:
    x = replace(pair.x, emotion_B=torch.full((2,), UNKNOWN_EMOTION))
    losses = {"l1": 3.0, "temporal": 0.6}
    pair.plain.weights = losses
    report = step(pair, "generator", x, losses, GlobalMean(2, 1, 2))
    assert report.sums.keys() == losses.keys()
    for name, value in pair.plain.generator_step(pair.x).items():
        assert float(report.sums[name]) / 2 == pytest.approx(value, rel=1e-9), name


@pytest.mark.parametrize("network", NETWORKS)
def test_a_step_without_any_label_is_finite_trains_nothing_and_reports_no_value(
    network: str, pair: Pair
) -> None:
    x = replace(pair.x, emotion_B=torch.full((2,), UNKNOWN_EMOTION))
    losses = dict.fromkeys(OF_EMOTION[network], 1.0)
    before = copies(networks_of(pair, network))
    report = step(pair, network, x, losses, GlobalMean(2, 1, 2))
    assert report.grad_norm == 0.0
    assert report.sums == {}
    assert_untouched(networks_of(pair, network), before)
