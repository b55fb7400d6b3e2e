"""Define the emotion discriminator, which classifies a video's emotion, or it as generated."""

from collections.abc import Sequence

from torch import Tensor, nn

from emotalk.models.discriminators.double_backward import LeakyReLU
from emotalk.models.discriminators.trunk import CHANNELS, FrameTrunk, check_positive


class EmotionDiscriminator(FrameTrunk):
    """Classify whole videos into the emotions and one more class, "generated".

    Convolutions per frame, FC `hidden`, FC `features`, LSTM; its last step gives the classes.

    Args:
        emotions: number of emotions E; the logits have E + 1 places, the last is "generated".
        channels, slope, size: see `FrameTrunk`.
        hidden: units of the first fully connected layer.
        features: units of the second one and of the LSTM.

    Source: report 4.1.8; Eskimez et al. 2021, `DISCEMO`, whose parameter names it keeps.
    """

    def __init__(
        self,
        *,
        emotions: int = 6,
        channels: Sequence[int] = CHANNELS,
        hidden: int = 2048,
        features: int = 512,
        slope: float = 0.2,
        size: int = 128,
    ) -> None:
        super().__init__(in_channels=3, channels=channels, slope=slope, size=size)
        check_positive(emotions=emotions, hidden=hidden, features=features)
        self.projector = nn.Sequential(
            nn.Linear(self.trunk_features, hidden), LeakyReLU(slope), nn.Linear(hidden, features)
        )
        self.rnn_1 = nn.LSTM(features, features, batch_first=True)
        self.cls = nn.Sequential(nn.Linear(features, emotions + 1))

    def forward(self, video_BTCHW: Tensor) -> Tensor:
        """Return logits (B, E + 1) of the emotions and, last, of "generated"; video in [-1, 1].

        Raises:
            ValueError: the shape or type is wrong.
        """
        h_BTD, _ = self.rnn_1(self.projector(self.trunk(video_BTCHW)))
        logits_BK: Tensor = self.cls(h_BTD[:, -1])
        return logits_BK
