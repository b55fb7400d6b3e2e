"""The four discriminators: their outputs, gradients, sizes and refusals."""

from collections.abc import Callable, Iterator

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from emotalk.losses.adversarial import wasserstein_critic
from emotalk.losses.gradient_penalty import gradient_penalty
from emotalk.models import (
    EmotionDiscriminator,
    FrameDiscriminator,
    PairDiscriminator,
    TemporalDiscriminator,
    fast_forms,
)
from emotalk.models.discriminators.double_backward import LeakyReLU, conv2d
from tests.helpers.original import formula_weights, reference
from tests.helpers.plain_discriminators import plain_frame_scores

SMALL = (4, 6, 8)
SIDE = 16


@pytest.fixture(autouse=True)
def seeded() -> Iterator[None]:
    with torch.random.fork_rng():
        torch.manual_seed(3)
        yield


def small_frame(**changes: object) -> FrameDiscriminator:
    return FrameDiscriminator(**{"channels": SMALL, "hidden": 10, "size": SIDE} | changes)  # type: ignore[arg-type]


def small_pair() -> PairDiscriminator:
    return PairDiscriminator(channels=SMALL, features=8, speech_filters=(2, 3, 4, 5), size=SIDE)


def small_emotion(**changes: object) -> EmotionDiscriminator:
    sizes = {"channels": SMALL, "hidden": 10, "features": 6, "size": SIDE}
    return EmotionDiscriminator(**sizes | changes)  # type: ignore[arg-type]


def small_temporal() -> TemporalDiscriminator:
    return TemporalDiscriminator(channels=SMALL, features=6, size=SIDE)


def clips(*, B: int = 2, T: int = 3, size: int = SIDE) -> Tensor:
    return torch.rand(B, T, 3, size, size) * 2 - 1


def images(value_u8: Tensor) -> Tensor:
    return value_u8.float() / 127.5 - 1


def parameters(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


def test_frame_scores_are_those_of_the_original() -> None:
    meta, arrays = reference()
    critic = FrameDiscriminator(slope=0.3)
    critic.load_state_dict(formula_weights(meta, "disc_frame"))
    scores = critic(images(arrays["in.video_a_u8"]), images(arrays["in.image_u8"]))
    expected = arrays["out.disc_frame_logits_a"].view(2, 5)
    torch.testing.assert_close(scores, expected, atol=2e-5, rtol=1e-5)


def test_emotion_logits_are_those_of_the_original() -> None:
    meta, arrays = reference()
    critic = EmotionDiscriminator(slope=0.3)
    critic.load_state_dict(formula_weights(meta, "disc_emotion"))
    logits = critic(images(arrays["in.video_a_u8"]))
    torch.testing.assert_close(logits, arrays["out.disc_emotion_logits_a"], atol=2e-5, rtol=1e-5)


def test_parameter_counts_are_those_of_the_documentation() -> None:
    with torch.device("meta"):
        counts = {
            "frame": parameters(FrameDiscriminator()),
            "pair": parameters(PairDiscriminator()),
            "emotion": parameters(EmotionDiscriminator()),
            "temporal": parameters(TemporalDiscriminator()),
        }
    assert counts == {
        "frame": 20_693_825,
        "pair": 19_853_009,
        "emotion": 23_843_975,
        "temporal": 12_571_265,
    }


def test_frame_parameter_count_follows_from_the_sizes() -> None:
    a, b, c = SMALL
    convs = (6 * 9 + 1) * a + (a * 9 + 1) * b + (b * 9 + 1) * c
    assert parameters(small_frame()) == convs + (c * 2 * 2 + 1) * 10 + 10 + 1


def penalty_gradients(
    scores: Callable[[Tensor, Tensor], Tensor], critic: nn.Module, video: Tensor, image: Tensor
) -> list[Tensor]:
    """Gradients by all parameters of a score plus the squared norm of its own gradient."""
    video = video.clone().requires_grad_()
    out = scores(video, image)
    (gradient,) = torch.autograd.grad(out.sum(), video, create_graph=True)
    loss = out.square().sum() + gradient.square().sum()
    return list(torch.autograd.grad(loss, list(critic.parameters())))


@pytest.mark.parametrize("plain_devices", [frozenset(), frozenset({"cpu"})])
def test_scores_and_second_derivatives_equal_the_plain_formulation(
    plain_devices: frozenset[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fast_forms, "PLAIN_DEVICES", plain_devices)
    critic = small_frame().double()
    video, image = clips().double(), clips(T=1)[:, 0].double()
    plain = plain_frame_scores(critic, video, image)
    torch.testing.assert_close(critic(video, image), plain, atol=1e-13, rtol=1e-12)
    ours = penalty_gradients(critic, critic, video, image)
    theirs = penalty_gradients(lambda v, i: plain_frame_scores(critic, v, i), critic, video, image)
    for mine, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(mine, other, atol=1e-13, rtol=1e-10)


def test_convolution_and_slope_pass_gradcheck_and_gradgradcheck() -> None:
    x = torch.randn(2, 2, 5, 6, dtype=torch.float64, requires_grad=True)
    weight = torch.randn(3, 2, 3, 3, dtype=torch.float64, requires_grad=True)
    bias = torch.randn(3, dtype=torch.float64, requires_grad=True)

    def network(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        y: Tensor = LeakyReLU(0.3)(conv2d(x, weight, bias))
        return y.square()

    assert torch.autograd.gradcheck(network, (x, weight, bias))
    assert torch.autograd.gradgradcheck(network, (x, weight, bias))
    assert torch.autograd.gradgradcheck(conv2d, (x, weight))


def test_a_gradient_by_the_video_alone_leaves_the_parameters_gradients_empty() -> None:
    critic = small_frame()
    video = clips().requires_grad_()
    torch.autograd.backward(critic(video, clips(T=1)[:, 0]).sum(), inputs=[video])
    assert video.grad is not None
    assert video.grad.abs().sum() > 0
    assert all(parameter.grad is None for parameter in critic.parameters())


def test_no_clip_sees_another_one() -> None:
    video, image, speech = clips(), clips(T=1)[:, 0], torch.rand(2, 3 * 320)
    frame, pair, emotion, temporal = small_frame(), small_pair(), small_emotion(), small_temporal()
    for together, alone in (
        (frame(video, image)[1:], frame(video[1:], image[1:])),
        (pair(video, image, speech)[1:], pair(video[1:], image[1:], speech[1:])),
        (emotion(video)[1:], emotion(video[1:])),
        (temporal(video)[1:], temporal(video[1:])),
    ):
        torch.testing.assert_close(together, alone, atol=1e-6, rtol=1e-5)


def test_every_parameter_of_every_discriminator_is_trained() -> None:
    video, image, speech = clips(), clips(T=1)[:, 0], torch.rand(2, 5 * 320)
    frame, pair, emotion, temporal = small_frame(), small_pair(), small_emotion(), small_temporal()
    torch.autograd.backward(frame(video, image).sum())
    torch.autograd.backward(pair(video, image, speech, margin_frames=1).sum())
    torch.autograd.backward(emotion(video).square().sum())
    torch.autograd.backward(temporal(video).sum())
    for network in (frame, pair, emotion, temporal):
        for name, parameter in network.named_parameters():
            assert parameter.grad is not None, name
            stands_still = network is frame and name == "out.2.bias"
            assert bool((parameter.grad == 0).all()) == stands_still, name


def test_the_frame_critics_loss_does_not_see_the_constant_that_stands_still() -> None:
    """So that its exact gradient is zero, of the Wasserstein loss and of the penalty alike."""
    critic = small_frame().double()
    real, fake = clips().double(), clips().double()
    image, alpha = clips(T=1)[:, 0].double(), torch.tensor([0.3, 0.8], dtype=torch.float64)

    def loss_and_gradients() -> tuple[Tensor, list[Tensor]]:
        loss = wasserstein_critic(critic(real, image), critic(fake, image)).sum()
        loss = loss + 10 * gradient_penalty(critic, real, fake, image, alpha).sum()
        return loss, list(torch.autograd.grad(loss, list(critic.parameters())))

    before = loss_and_gradients()
    last = critic.out[2]
    assert isinstance(last, nn.Linear)
    last.bias.data += 7
    after = loss_and_gradients()
    assert float((after[0] - before[0]).detach().abs()) < 1e-12
    torch.testing.assert_close(after[1], before[1], atol=1e-12, rtol=1e-10)


def test_shapes_are_one_score_a_frame_or_one_a_clip() -> None:
    video, image, speech = clips(B=3, T=4), clips(B=3, T=1)[:, 0], torch.rand(3, 4 * 320)
    assert small_frame()(video, image).shape == (3, 4)
    assert small_pair()(video, image, speech).shape == (3,)
    assert small_emotion(emotions=8)(video).shape == (3, 9)
    assert small_temporal()(video).shape == (3,)


def test_speech_margins_are_heard_but_score_no_frames_of_their_own() -> None:
    pair = small_pair()
    video, image = clips(), clips(T=1)[:, 0]
    speech = torch.rand(2, 7 * 320) - 0.5
    other = speech.clone()
    other[:, :320] = 0.3
    with_margin = pair(video, image, speech, margin_frames=2)
    assert not torch.equal(with_margin, pair(video, image, other, margin_frames=2))
    cropped = pair.rnn_2(pair.speech_encoder(speech))[0][:, 2:5]
    seen = pair.rnn_1(pair.video_fc(pair.conditioned_trunk(video, image)))[0]
    expected = pair.classifier(pair.rnn_3(torch.cat([cropped, seen], dim=-1))[0]).mean(dim=(1, 2))
    torch.testing.assert_close(with_margin, expected)


def test_a_pair_discriminator_learns_which_speech_belongs_to_which_mouth() -> None:
    """Loud speech with bright mouths, silence with dark ones: told apart after a few steps."""
    pair = small_pair()
    bright, dark = torch.ones(2, 3, 3, SIDE, SIDE), -torch.ones(2, 3, 3, SIDE, SIDE)
    loud = torch.sin(torch.arange(960) * 0.7).expand(2, -1)
    video = torch.cat([bright, dark, bright, dark])
    speech = torch.cat([loud, loud * 0, loud * 0, loud])
    target = torch.tensor([1.0] * 4 + [0.0] * 4)
    optimiser = torch.optim.Adam(pair.parameters(), lr=0.02)
    for _ in range(120):
        loss = F.binary_cross_entropy_with_logits(pair(video, video[:, 0], speech), target)
        optimiser.zero_grad()
        torch.autograd.backward(loss)
        optimiser.step()
    assert loss.item() < 0.1


def test_bf16_autocast_and_channels_last_agree_with_fp32() -> None:
    critic = small_frame()
    video, image = clips(), clips(T=1)[:, 0]
    plain = penalty_gradients(critic, critic, video, image)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        scores_bf16 = critic(video, image)
        mixed = penalty_gradients(critic, critic, video, image)
    torch.testing.assert_close(scores_bf16.float(), critic(video, image), atol=5e-3, rtol=2e-2)
    for low, high in zip(mixed, plain, strict=True):
        assert (low.float() - high).norm() <= 0.05 * high.norm() + 1e-4
    last = small_frame().to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    last.load_state_dict(critic.state_dict())
    for mine, other in zip(penalty_gradients(last, last, video, image), plain, strict=True):
        torch.testing.assert_close(mine, other, atol=1e-5, rtol=1e-4)


def test_a_compiled_discriminator_gives_the_same_scores_and_gradients() -> None:
    critic = small_frame()
    compiled = torch.compile(critic, backend="aot_eager")
    video, image = clips(), clips(T=1)[:, 0]
    torch.testing.assert_close(compiled(video, image), critic(video, image))
    torch.autograd.backward(compiled(video, image).sum())
    through = [parameter.grad for parameter in critic.parameters()]
    critic.zero_grad()
    torch.autograd.backward(critic(video, image).sum())
    torch.testing.assert_close(through, [parameter.grad for parameter in critic.parameters()])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: small_frame(slope=1.2), r"slope: got 1.2, allowed is 0 < slope < 1"),
        (lambda: small_frame(hidden=0), r"hidden: got 0"),
        (lambda: small_frame(channels=()), r"channels: got \(\)"),
        (lambda: PairDiscriminator(features=7), r"features: got 7, allowed are even"),
        (lambda: small_frame()(clips()[:, 0], clips()[:, 0]), r"video_BTCHW: shape"),
        (lambda: small_frame()(clips(size=8), clips()[:, 0]), r"axis 16 is 8, expected 16"),
        (lambda: small_frame()(clips(), clips(B=3)[:, 0]), r"image_BCHW"),
        (lambda: small_emotion()(clips().to(torch.uint8)), r"got torch.uint8, expected floating"),
        (lambda: small_temporal()(clips(T=0)), r"got 0 frames"),
        (
            lambda: small_pair()(clips(), clips()[:, 0], torch.rand(2, 959)),
            r"speech_BS with 0 margin frames: shape \(2, 959\), axis 960",
        ),
        (
            lambda: small_pair()(clips(), clips()[:, 0], torch.rand(2, 960), margin_frames=-1),
            r"margin_frames: got -1",
        ),
    ],
)
def test_wrong_inputs_are_named_with_what_is_allowed(
    call: Callable[[], object], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        call()
