"""The emotion discriminator's terms."""

from dataclasses import replace
from unittest import mock

import pytest
import torch

from emotalk.models import GeneratorOutput
from emotalk.training.input_preparation import ClipInputs
from emotalk.training.networks import Networks
from emotalk.training.objective import discriminate, discriminator_terms, generator_terms
from tests.helpers.drawn_inputs import CLIPS, FRAMES
from tests.helpers.objective import critics_of


def test_both_terms_of_the_emotion_share_one_call(networks: Networks, x: ClipInputs) -> None:
    wanted = ["emotion", "emotion_real"]
    outputs = discriminate(x, networks, wanted)
    both = discriminator_terms(x, outputs, critics_of(networks), wanted)
    alone = discriminator_terms(
        x, discriminate(x, networks, ["emotion_real"]), critics_of(networks), ["emotion_real"]
    )
    assert torch.allclose(both["emotion_real"], alone["emotion_real"])
    for term in wanted:
        assert list(critics_of(networks).computing([term])) == ["emotion"]


def test_generated_clips_are_wanted_to_show_the_emotion_of_their_clip(
    networks: Networks, x: ClipInputs, made: GeneratorOutput
) -> None:
    logits = torch.full((CLIPS, 7), -30.0, dtype=torch.float64)
    logits[0, 4] = logits[1, 1] = 30.0  # the emotions of both clips
    with mock.patch.object(Networks, "discriminate", return_value={"emotion": logits}):
        right = generator_terms(x, made, networks, critics_of(networks), ["emotion"])["emotion"]
        wrong = generator_terms(
            replace(x, emotion_B=x.emotion_B.flip(0)), made, networks, critics_of(networks),
            ["emotion"],
        )["emotion"]  # fmt: skip
    assert float(right.max()) < 1e-9
    assert float(wrong.min()) == pytest.approx(60.0)
    assert made.video_BTCHW.shape[1] == FRAMES
