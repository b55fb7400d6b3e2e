"""Define the pair discriminator, which classifies whether mouth and speech belong together."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from emotalk.models.discriminators.double_backward import LeakyReLU
from emotalk.models.discriminators.trunk import CHANNELS, FrameTrunk
from emotalk.models.speech_encoder import SpeechEncoder
from emotalk.schema import SAMPLES_PER_FRAME, check_shape


class PairDiscriminator(FrameTrunk):
    """Classify pairs of mouth and speech.

    Mouth-masked frames with the condition image pass convolutions, FC `features` and a
    bidirectional LSTM. The speech passes an encoder of its own and a second bidirectional LSTM. A
    third one reads both and gives a logit for each step. A clip's logit is their mean, so clips of
    any length have the same weight.

    Args:
        channels, slope, size: see `FrameTrunk`.
        features: units of the two inner LSTMs, both directions together; the third has twice that.
        speech_filters: of the speech encoder's four convolutions.

    Source: report 4.1.7 and figure 4.3 (512, 512, 1024 hidden neurons, both directions together, as
    in the original's `DISCPAIRED`, which is never called and cannot run). Where we differ from the
    original: zero padding 1 in the convolutions, one FC after the third LSTM (as in the report)
    instead of two, and one logit a clip instead of one a frame.
    """

    def __init__(
        self,
        *,
        channels: Sequence[int] = CHANNELS,
        features: int = 512,
        speech_filters: Sequence[int] = (64, 128, 256, 512),
        slope: float = 0.2,
        size: int = 128,
    ) -> None:
        super().__init__(in_channels=6, channels=channels, slope=slope, size=size)
        if features < 2 or features % 2:
            raise ValueError(f"features: got {features}, allowed are even numbers >= 2")
        self.speech_encoder = SpeechEncoder(features=features, filters=speech_filters)
        self.video_fc = nn.Sequential(nn.Linear(self.trunk_features, features), LeakyReLU(slope))
        half = features // 2
        self.rnn_1 = nn.LSTM(features, half, bidirectional=True, batch_first=True)
        self.rnn_2 = nn.LSTM(features, half, bidirectional=True, batch_first=True)
        self.rnn_3 = nn.LSTM(2 * features, features, bidirectional=True, batch_first=True)
        self.classifier = nn.Linear(2 * features, 1)

    def forward(
        self,
        masked_video_BTCHW: Tensor,
        image_BCHW: Tensor,
        speech_BS: Tensor,
        margin_frames: int = 0,
    ) -> Tensor:
        """Return logits (B,), above 0 where mouth and speech seem to belong together.

        Args:
            masked_video_BTCHW: frames in [-1, 1] times the mouth-region weights without floor, so
                that only the mouth is visible.
            image_BCHW: condition image of each clip in [-1, 1].
            speech_BS: (T + 2 * margin_frames) * 320 samples in [-1, 1].
            margin_frames: frames of speech before and after the video's. They pass the speech
                encoder and its LSTM, then are cropped.

        Raises:
            ValueError: a shape or type is wrong.
        """
        if margin_frames < 0:
            raise ValueError(f"margin_frames: got {margin_frames}, allowed are whole numbers >= 0")
        B, T = self._check_video(masked_video_BTCHW, channels=3)
        samples = (T + 2 * margin_frames) * SAMPLES_PER_FRAME
        check_shape(speech_BS, f"{B} {samples}", f"speech_BS with {margin_frames} margin frames")
        video_BTD, _ = self.rnn_1(
            self.video_fc(self.conditioned_trunk(masked_video_BTCHW, image_BCHW))
        )
        speech_BTD, _ = self.rnn_2(self.speech_encoder(speech_BS))
        speech_BTD = speech_BTD[:, margin_frames : margin_frames + T]
        joint_BTD, _ = self.rnn_3(torch.cat([speech_BTD, video_BTD], dim=-1))
        logits_BT1: Tensor = self.classifier(joint_BTD)
        return logits_BT1.mean(dim=(1, 2))
