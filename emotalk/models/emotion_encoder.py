"""Define the emotion encoder, and the auxiliary classifier of the speech's emotion."""

from torch import Tensor, nn

from emotalk.models.activation import leaky_relu


class EmotionEncoder(nn.Module):
    """Encode intensity x one-hot by two fully connected layers.

    Args:
        emotions: number of emotions E.
        features: size of the vector.

    Source: report 4.1.4; Eskimez et al. 2021.
    """

    def __init__(self, *, emotions: int = 6, features: int = 512) -> None:
        super().__init__()
        self.fc_1 = nn.Linear(emotions, features)
        self.fc_2 = nn.Linear(features, features)

    def forward(self, emotion: Tensor) -> Tensor:
        """Return vectors (..., D) of emotions (..., E)."""
        h = leaky_relu(self.fc_1(emotion))
        return leaky_relu(self.fc_2(h))


class SpeechEmotionHead(nn.Module):
    """Classify a clip's emotion from the speech embedding: two LSTM layers, two FC.

    Args:
        emotions: number of emotions E.
        speech_features: size of the speech embedding.
        features: hidden size.

    Source: Eskimez et al. 2021 (code only): an auxiliary term that keeps emotion in the embedding.
    """

    def __init__(
        self, *, emotions: int = 6, speech_features: int = 512, features: int = 512
    ) -> None:
        super().__init__()
        self.lstm = nn.LSTM(speech_features, features, 2, batch_first=True)
        self.fc_1 = nn.Linear(features, features)
        self.fc_2 = nn.Linear(features, emotions)

    def forward(self, speech_BTD: Tensor) -> Tensor:
        """Return logits (B, E) of the last frame's state."""
        h_BTD, _ = self.lstm(speech_BTD)
        logits_BE: Tensor = self.fc_2(leaky_relu(self.fc_1(h_BTD[:, -1])))
        return logits_BE
