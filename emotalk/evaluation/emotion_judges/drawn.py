"""Judge drawn faces by the classifier that comes with the package."""

from dataclasses import dataclass

import numpy as np

from emotalk.config.evaluate_emotion import EmotionJudgeConfig
from emotalk.pretrained import DrawnFaceEmotionClassifier, load_emotion_classifier
from emotalk.schema import Bytes, Floats
from emotalk.shards.joined_set import AnyShardSet


def build(_config: EmotionJudgeConfig, _shard_set: AnyShardSet) -> "DrawnFaceJudge":
    """Return the judge of drawn faces."""
    return DrawnFaceJudge(load_emotion_classifier())


@dataclass(frozen=True)
class DrawnFaceJudge:
    """Judge drawn faces; it knows the six emotions and no other expression."""

    classifier: DrawnFaceEmotionClassifier

    @property
    def name(self) -> str:
        """Return the classifier's description."""
        return self.classifier.name

    def probabilities(self, frames_THWC: Bytes) -> Floats:
        """Return the probability of each of `judge.CLASSES`; that of `other` is 0."""
        return np.append(self.classifier.probabilities(frames_THWC), np.float32(0))
