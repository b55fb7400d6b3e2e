"""Compute the adversarial losses of the discriminators and of the generator.

Three kinds: Wasserstein (frames), least squares (temporal), binary cross-entropy (pair). Every
function returns one value a clip (B,); the caller sums or averages them.
"""

import torch
from torch import Tensor
from torch.nn import functional as F

from emotalk.losses.checks import check_floats


def wasserstein_generator(fake_scores_BT: Tensor) -> Tensor:
    """Return -mean over frames of the critic's scores (B,), unbounded.

    Args:
        fake_scores_BT: scores of generated frames.

    Source: Arjovsky et al. 2017, eq. 2, as Eskimez et al. 2021 use it.
    """
    check_floats(fake_scores_BT, "B T", "fake_scores_BT")
    return -fake_scores_BT.mean(dim=1)


def wasserstein_critic(real_scores_BT: Tensor, fake_scores_BT: Tensor) -> Tensor:
    """Return mean fake score - mean real score (B,): minus the estimated Wasserstein distance.

    Args:
        real_scores_BT: scores of true frames.
        fake_scores_BT: scores of generated frames.

    Source: Arjovsky et al. 2017, eq. 2. Add 10 x `gradient_penalty` to it.
    """
    check_floats(real_scores_BT, "B T", "real_scores_BT")
    check_floats(fake_scores_BT, "B T", "fake_scores_BT")
    return fake_scores_BT.mean(dim=1) - real_scores_BT.mean(dim=1)


def least_squares(scores_B: Tensor, target: float | Tensor) -> Tensor:
    """Return (score - target)^2 / 2 (B,), at least 0.

    Args:
        scores_B: scores of whole clips.
        target: one number, or one a clip (B,).

    Source: Mao et al. 2017, eq. 2.
    """
    check_floats(scores_B, "B", "scores_B")
    if isinstance(target, Tensor) and target.shape != scores_B.shape:
        raise ValueError(
            f"target: got shape {tuple(target.shape)}, expected a number or {tuple(scores_B.shape)}"
        )
    return (scores_B - target).square() / 2


def least_squares_generator(fake_scores_B: Tensor) -> Tensor:
    """Return (score - 1)^2 / 2 of generated clips (B,), at least 0."""
    return least_squares(fake_scores_B, 1.0)


def least_squares_critic(
    real_scores_B: Tensor,
    fake_scores_B: Tensor,
    *,
    real_target: float | Tensor = 1.0,
    fake_target: float | Tensor = 0.0,
) -> Tensor:
    """Return (real - real_target)^2 / 2 + (fake - fake_target)^2 / 2 (B,), at least 0.

    Args:
        real_scores_B: scores of true clips.
        fake_scores_B: scores of generated clips.
        real_target: the original draws it from U(0.7, 1) for every clip; drawing is the caller's.
        fake_target: the original draws it from U(0, 0.3).

    Source: Mao et al. 2017, eq. 2; Eskimez et al. 2021, `DISCVIDEO.optStep`, without its emotion
    term.
    """
    return least_squares(real_scores_B, real_target) + least_squares(fake_scores_B, fake_target)


def binary_cross_entropy(logits_B: Tensor, target: float) -> Tensor:
    """Return -log of the probability given to `target` (B,), at least 0, in nats.

    Args:
        logits_B: of the class "belongs together".
        target: probability in [0, 1].
    """
    check_floats(logits_B, "B", "logits_B")
    if not 0 <= target <= 1:
        raise ValueError(f"target: got {target}, allowed is 0 <= target <= 1")
    targets_B = torch.full_like(logits_B, target)
    return F.binary_cross_entropy_with_logits(logits_B, targets_B, reduction="none")


def pair_generator(fake_logits_B: Tensor) -> Tensor:
    """Return the cross-entropy of generated video with its own speech against 1 (B,), in nats."""
    return binary_cross_entropy(fake_logits_B, 1.0)


def pair_critic(true_logits_B: Tensor, *untrue_logits_B: Tensor) -> Tensor:
    """Return (cross-entropy of true pairs against 1 + mean of the untrue ones' against 0) / 2 (B,).

    Args:
        true_logits_B: true video with its own speech.
        untrue_logits_B: one tensor for each kind of untrue pair: generated video with its speech,
            true video with another clip's speech (left out where a batch has no other clip).

    Source: report 4.1.7; the mismatched pair as in Reed et al. 2016 (matching-aware
    discriminator), from where the equal weight of true and untrue comes.
    """
    if not untrue_logits_B:
        raise ValueError("untrue_logits_B: got none, at least one kind of untrue pair is needed")
    untrue = torch.stack([binary_cross_entropy(logits, 0.0) for logits in untrue_logits_B])
    return (binary_cross_entropy(true_logits_B, 1.0) + untrue.mean(dim=0)) / 2
