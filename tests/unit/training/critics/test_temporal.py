"""The temporal discriminator's terms are the least-squares ones, computed by hand."""

from pathlib import Path

import torch

from emotalk.training.critics import build_critics
from tests.helpers.drawn_inputs import drawn_inputs
from tests.helpers.tiny_training import tiny_config


def test_terms_are_squared_distances_from_1_of_true_and_0_of_generated_scores(
    tmp_path: Path,
) -> None:
    critic = build_critics(tiny_config(tmp_path), emotions=6)["temporal"]
    x = drawn_inputs(4)
    fake_B = torch.linspace(-1, 2, len(x.valid_B))
    real_B = fake_B.flip(0) + 0.5
    wanted_B = 0.5 * (real_B - 1).square() + 0.5 * fake_B.square()
    assert torch.allclose(critic.discriminator_term(torch.cat([real_B, fake_B]), x), wanted_B)
    assert torch.allclose(critic.generator_term(fake_B, x), 0.5 * (fake_B - 1).square())
