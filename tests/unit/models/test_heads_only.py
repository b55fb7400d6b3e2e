"""The generator's auxiliary heads without a video, and updates that read nothing else."""

import pytest
import torch

from emotalk.models import Generator
from emotalk.schema import SAMPLES_PER_FRAME
from emotalk.training.objective import reads_heads_only
from tests.helpers.generators import small_generator

FRAMES, MARGIN = 5, 2


def generator() -> Generator:
    torch.manual_seed(0)
    return small_generator(auxiliary_mouth=True, auxiliary_emotion=True)


def grad(parameter: torch.Tensor | torch.nn.Module) -> torch.Tensor:
    assert isinstance(parameter, torch.Tensor)
    assert parameter.grad is not None, "one backward pass must reach every parameter"
    return parameter.grad


def inputs(made: Generator) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor, int]:
    draws = torch.Generator().manual_seed(1)
    samples = (FRAMES + 2 * MARGIN) * SAMPLES_PER_FRAME
    return (
        torch.rand(2, 3, 128, 128, generator=draws),
        torch.randn(2, samples, generator=draws) * 0.1,
        torch.eye(6)[[0, 4]],
        torch.randn(2, FRAMES, made.noise_features, generator=draws),
        MARGIN,
    )


def test_the_heads_say_the_same_with_and_without_the_video() -> None:
    made = generator()
    whole, heads = made(*inputs(made)), made(*inputs(made), heads_only=True)
    assert torch.equal(whole.mouth_BTLP, heads.mouth_BTLP)
    assert torch.equal(whole.emotion_logits_BE, heads.emotion_logits_BE)
    assert whole.mouth_BTLP.shape == (2, FRAMES, 20, 2)
    assert heads.video_BTCHW.shape == (2, 0, 3, 128, 128)


def test_one_backward_pass_reaches_every_parameter_and_moves_the_speech_path_alone() -> None:
    made = generator()
    heads = made(*inputs(made), heads_only=True)
    loss = heads.mouth_BTLP.square().sum() + heads.video_BTCHW.sum() * 0
    loss = loss + heads.emotion_logits_BE.sum() * 0
    torch.autograd.backward(loss)
    moved = {name.split(".")[0] for name, p in made.named_parameters() if grad(p).any()}
    assert moved == {"speech_encoder", "speech_lstm", "speech_mouth"}


def test_the_gradients_are_those_of_the_whole_generator() -> None:
    found = []
    for heads_only in (False, True):
        made = generator()
        mouth_BTLP = made(*inputs(made), heads_only=heads_only).mouth_BTLP
        torch.autograd.backward(mouth_BTLP.square().sum())
        found.append(grad(made.speech_lstm.weight_ih_l0))
    assert torch.equal(found[0], found[1])


@pytest.mark.parametrize(
    ("losses", "alone"),
    [
        (["speech_mouth"], True),
        (["speech_mouth", "speech_emotion"], True),
        (["speech_mouth", "l1"], False),
        (["speech_mouth", "frame"], False),
    ],
)
def test_an_update_goes_without_the_video_only_if_no_term_sees_it(
    losses: list[str], alone: bool
) -> None:
    assert reads_heads_only(losses) is alone
