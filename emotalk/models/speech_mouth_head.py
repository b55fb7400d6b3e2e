"""Define the auxiliary head that predicts the mouth's shape from the speech embedding."""

from torch import Tensor, nn

from emotalk.schema import MOUTH_POINTS


class SpeechMouthHead(nn.Module):
    """Predict the mouth's landmarks from the speech embedding by one linear layer.

    It is used in training alone, to make the embedding hold the shape of the mouth, which
    the pixels of the video teach only slowly.

    Args:
        speech_features: size of the speech embedding.

    Source: ours.
    """

    def __init__(self, *, speech_features: int = 512) -> None:
        super().__init__()
        self.fc = nn.Linear(speech_features, 2 * MOUTH_POINTS)

    def forward(self, speech_BTD: Tensor) -> Tensor:
        """Return landmarks 48..67 (B, T, 20, 2), of `losses.mouth_shape.mouth_shapes`."""
        points_BTD: Tensor = self.fc(speech_BTD)
        return points_BTD.view(*points_BTD.shape[:-1], MOUTH_POINTS, 2)
