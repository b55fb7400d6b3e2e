"""Compute the gradient penalty of the frame discriminator between real and generated videos."""

from collections.abc import Callable

import torch
from torch import Tensor

from emotalk.losses.checks import check_alike, check_floats

Critic = Callable[[Tensor, Tensor], Tensor]

_TINY = 1e-12  # keeps the square root differentiable at 0; the original's value


def gradient_norms(
    critic: Critic,
    real_BTCHW: Tensor,
    fake_BTCHW: Tensor,
    image_BCHW: Tensor,
    alpha_B: Tensor,
) -> Tensor:
    """Return the norm (B,) of the critic's gradient by the video, one a clip, at least 1e-6.

    The gradient of the sum of a clip's scores, taken at alpha * real + (1 - alpha) * fake, as ONE
    vector over all frames of the clip, as the original takes it (the usual WGAN-GP on single
    images would be one norm a frame; for T equal frames this one is sqrt(T) times larger).

    Args:
        critic: (video_BTCHW, image_BCHW) -> scores_BT. Twice differentiable, clips independent,
            and the bare module: neither DDP's nor DeepSpeed's wrapper, whose hooks a gradient
            taken inside the graph would fire.
        real_BTCHW: true frames in [-1, 1].
        fake_BTCHW: generated frames in [-1, 1]; taken as data, no gradient reaches the generator.
        image_BCHW: condition images.
        alpha_B: in [0, 1], one a clip, the same for its frames. Drawn by the caller.

    Raises:
        ValueError: a shape or type is not as stated.
    """
    sizes = check_floats(real_BTCHW, "B T C H W", "real_BTCHW")
    check_alike(real_BTCHW, fake_BTCHW, ("real_BTCHW", "fake_BTCHW"))
    check_floats(alpha_B, f"{sizes['B']}", "alpha_B")
    with torch.enable_grad():
        between_BTCHW = torch.lerp(
            fake_BTCHW.detach(), real_BTCHW.detach(), alpha_B.view(-1, 1, 1, 1, 1).to(real_BTCHW)
        ).requires_grad_()
        scores_BT = critic(between_BTCHW, image_BCHW)
        (gradient,) = torch.autograd.grad(scores_BT.sum(), between_BTCHW, create_graph=True)
        return (gradient.flatten(1).square().sum(dim=1) + _TINY).sqrt()


def gradient_penalty(
    critic: Critic,
    real_BTCHW: Tensor,
    fake_BTCHW: Tensor,
    image_BCHW: Tensor,
    alpha_B: Tensor,
) -> Tensor:
    """Return (norm - 1)^2 (B,), at least 0, with the clip's `gradient_norms`.

    One value a clip that depends on that clip alone: summed over all ranks and divided by the
    global number of clips it is the penalty of one process with the whole batch.

    Source: Gulrajani et al. 2017, eq. 3, with one norm a clip as in Eskimez et al. 2021,
    `compute_grad_penalty`. Weight 10 in both.
    """
    return (gradient_norms(critic, real_BTCHW, fake_BTCHW, image_BCHW, alpha_B) - 1).square()
