"""Define the temporal discriminator, which scores how real a video's motion looks."""

from collections.abc import Sequence

from torch import Tensor, nn

from emotalk.models.discriminators.double_backward import LeakyReLU
from emotalk.models.discriminators.trunk import CHANNELS, FrameTrunk, check_positive


class TemporalDiscriminator(FrameTrunk):
    """Score whole videos, for least-squares adversarial losses.

    Convolutions per frame, FC `features`, LSTM; FC `features` and FC 1 of its last step.

    Args:
        channels, slope, size: see `FrameTrunk`.
        features: units of the fully connected layers and of the LSTM.
        layers: of the LSTM.

    Source: report 4.1 (spatial-temporal discriminator); Eskimez et al. 2021, `DISCVIDEO`. Where we
    differ from it: zero padding, as in every discriminator, and no classification of the emotion,
    which the emotion discriminator does.
    """

    def __init__(
        self,
        *,
        channels: Sequence[int] = CHANNELS,
        features: int = 512,
        layers: int = 2,
        slope: float = 0.2,
        size: int = 128,
    ) -> None:
        super().__init__(in_channels=3, channels=channels, slope=slope, size=size)
        check_positive(features=features, layers=layers)
        self.video_fc = nn.Sequential(nn.Linear(self.trunk_features, features), LeakyReLU(slope))
        self.rnn_1 = nn.LSTM(features, features, layers, batch_first=True)
        self.classifier = nn.Sequential(
            nn.Linear(features, features), LeakyReLU(slope), nn.Linear(features, 1)
        )

    def forward(self, video_BTCHW: Tensor) -> Tensor:
        """Return scores (B,) of videos in [-1, 1], trained towards 1 for real, 0 for generated.

        Raises:
            ValueError: the shape or type is wrong.
        """
        h_BTD, _ = self.rnn_1(self.video_fc(self.trunk(video_BTCHW)))
        scores_B1: Tensor = self.classifier(h_BTD[:, -1])
        return scores_B1.squeeze(-1)
