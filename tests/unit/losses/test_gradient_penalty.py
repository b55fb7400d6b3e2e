"""The gradient penalty: by hand, against the original, and however clips are spread."""

from collections.abc import Iterator

import pytest
import torch
from torch import Tensor

from emotalk.losses.gradient_penalty import gradient_norms, gradient_penalty
from emotalk.models import FrameDiscriminator
from tests.helpers.original import formula_weights, reference

SIDE = 8


@pytest.fixture(autouse=True)
def seeded() -> Iterator[None]:
    with torch.random.fork_rng():
        torch.manual_seed(11)
        yield


def batch(*, B: int = 3, T: int = 2, dtype: torch.dtype = torch.float32) -> tuple[Tensor, ...]:
    real, fake = (torch.rand(B, T, 3, SIDE, SIDE, dtype=dtype) * 2 - 1 for _ in range(2))
    return real, fake, real[:, 0], torch.rand(B, dtype=dtype)


def critic_of(dtype: torch.dtype = torch.float32) -> FrameDiscriminator:
    return FrameDiscriminator(channels=(3, 4), hidden=5, size=SIDE).to(dtype)


def test_a_linear_critic_has_the_norm_of_its_weights_over_all_frames_of_the_clip() -> None:
    weights = torch.zeros(3, SIDE, SIDE)
    weights[0, 0, :2] = torch.tensor([3.0, 4.0])  # norm 5

    def critic(video: Tensor, image: Tensor) -> Tensor:
        return (video * weights).sum(dim=(2, 3, 4)) + image.sum()

    real, fake, image, alpha = batch(T=4)
    norms = gradient_norms(critic, real, fake, image, alpha)
    torch.testing.assert_close(norms, torch.full((3,), 10.0))  # sqrt(4 frames * 25)
    penalty = gradient_penalty(critic, real, fake, image, alpha)
    torch.testing.assert_close(penalty, torch.full((3,), 81.0))


def test_the_point_lies_at_alpha_between_fake_and_real_video() -> None:
    def critic(video: Tensor, image: Tensor) -> Tensor:
        del image
        return video.square().sum(dim=(2, 3, 4)) / 2  # its gradient is the point itself

    real, fake, image, _ = batch()
    for share in (0.0, 0.25, 1.0):
        norms = gradient_norms(critic, real, fake, image, torch.full((3,), share))
        expected = (share * real + (1 - share) * fake).flatten(1).norm(dim=1)
        torch.testing.assert_close(norms, expected)


def test_penalty_and_norm_are_those_of_the_original() -> None:
    meta, arrays = reference()
    critic = FrameDiscriminator(slope=0.3)
    critic.load_state_dict(formula_weights(meta, "disc_frame"))
    real, fake, image = (
        arrays[f"in.{name}_u8"].float() / 127.5 - 1 for name in ("video_a", "video_b", "image")
    )
    norms = gradient_norms(critic, real, fake, image, arrays["in.alpha"].flatten()).detach()
    torch.testing.assert_close(norms.mean(), arrays["out.grad_norm_mean"], atol=0, rtol=1e-4)
    penalty = (norms - 1).square().mean()
    torch.testing.assert_close(penalty, arrays["out.grad_penalty"], atol=0, rtol=1e-4)


def test_gradients_by_the_critics_weights_pass_gradcheck() -> None:
    critic = critic_of(torch.float64)
    names = [name for name, _ in critic.named_parameters() if name.endswith("weight")]
    real, fake, image, alpha = batch(B=2, dtype=torch.float64)

    def penalty(*weights: Tensor) -> Tensor:
        def changed(video: Tensor, image: Tensor) -> Tensor:
            state = dict(zip(names, weights, strict=True))
            scores: Tensor = torch.func.functional_call(critic, state, (video, image))
            return scores

        return gradient_penalty(changed, real, fake, image, alpha)

    state = dict(critic.named_parameters())
    inputs = tuple(state[name].detach().requires_grad_() for name in names)
    assert torch.autograd.gradcheck(penalty, inputs)


def test_the_sum_over_two_halves_is_that_of_the_whole_batch() -> None:
    """What makes the penalty the same on one process and on many."""
    critic = critic_of(torch.float64)
    whole = batch(B=4, dtype=torch.float64)
    gradients = []
    for parts in ([slice(0, 4)], [slice(0, 1), slice(1, 4)]):
        critic.zero_grad()
        for part in parts:
            torch.autograd.backward(gradient_penalty(critic, *(x[part] for x in whole)).sum() / 4)
        gradients.append([parameter.grad for parameter in critic.parameters()])
    torch.testing.assert_close(gradients[1], gradients[0], atol=1e-12, rtol=1e-9)


def test_no_gradient_reaches_the_videos_and_no_grad_around_it_does_not_matter() -> None:
    critic = critic_of()
    real, fake, image, alpha = batch()
    fake.requires_grad_()
    penalty = gradient_penalty(critic, real, fake, image, alpha)
    torch.autograd.backward(penalty.sum())
    assert fake.grad is None
    with torch.no_grad():
        torch.testing.assert_close(gradient_penalty(critic, real, fake, image, alpha), penalty)


def test_a_flat_critic_costs_one_and_its_gradient_is_finite() -> None:
    critic = critic_of()
    torch.nn.init.zeros_(critic.out[2].weight)  # type: ignore[arg-type]
    penalty = gradient_penalty(critic, *batch())
    torch.autograd.backward(penalty.sum())
    torch.testing.assert_close(penalty, torch.ones(3), atol=1e-5, rtol=0)
    assert all(p.grad is None or p.grad.isfinite().all() for p in critic.parameters())


def test_bf16_autocast_agrees_with_fp32() -> None:
    critic = critic_of()
    inputs = batch()
    exact = gradient_penalty(critic, *inputs)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        mixed = gradient_penalty(critic, *inputs)
    assert mixed.dtype == torch.float32
    torch.testing.assert_close(mixed, exact, atol=1e-2, rtol=2e-2)


def test_wrong_inputs_are_named() -> None:
    real, fake, image, alpha = batch()
    with pytest.raises(ValueError, match=r"fake_BTCHW: got shape \(3, 1, 3, 8, 8\)"):
        gradient_penalty(critic_of(), real, fake[:, :1], image, alpha)
    with pytest.raises(ValueError, match=r"alpha_B: shape \(3, 1\) has 2 axes"):
        gradient_penalty(critic_of(), real, fake, image, alpha[:, None])
