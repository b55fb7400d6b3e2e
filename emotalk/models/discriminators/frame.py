"""Define the frame discriminator, which scores how real single frames of a person look."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from emotalk.models.discriminators.double_backward import LeakyReLU
from emotalk.models.discriminators.trunk import CHANNELS, FrameTrunk, check_positive


class FrameDiscriminator(FrameTrunk):
    """Score single frames beside the condition image, for WGAN-GP.

    Convolutions, FC `hidden`, FC 1. Without recurrence and normalisation it can be differentiated
    twice everywhere, and no clip's scores depend on other clips.

    The last bias adds a constant to all scores, which cancels in WGAN-GP's loss and penalty: its
    exact gradient is zero. A hook sets it to zero, since Adam would turn the rounding errors of a
    computed one into steps of full size.

    Args:
        channels, slope, size: see `FrameTrunk`.
        hidden: units of the first fully connected layer.

    Source: report 4.1.6; Eskimez et al. 2021, `DISCFRAME`, whose parameter names it keeps.
    """

    def __init__(
        self,
        *,
        channels: Sequence[int] = CHANNELS,
        hidden: int = 2048,
        slope: float = 0.2,
        size: int = 128,
    ) -> None:
        super().__init__(in_channels=6, channels=channels, slope=slope, size=size)
        check_positive(hidden=hidden)
        self.out = nn.Sequential(
            nn.Linear(self.trunk_features, hidden), LeakyReLU(slope), nn.Linear(hidden, 1)
        )
        constant = self.out[2].bias
        assert isinstance(constant, Tensor)
        constant.register_hook(torch.zeros_like)  # type: ignore[no-untyped-call]

    def forward(self, video_BTCHW: Tensor, image_BCHW: Tensor) -> Tensor:
        """Return scores (B, T), unbounded, higher for frames that look real.

        Args:
            video_BTCHW: frames in [-1, 1], real or generated.
            image_BCHW: condition image of each clip in [-1, 1].

        Raises:
            ValueError: a shape or type is wrong.
        """
        scores_BT1: Tensor = self.out(self.conditioned_trunk(video_BTCHW, image_BCHW))
        return scores_BT1.squeeze(-1)
