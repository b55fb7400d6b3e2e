"""Emotion accuracy and confusion matrix."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class EmotionScores:
    """A classifier's answers against the wanted emotions.

    Attributes:
        correct_B: 1.0 where the classifier saw the wanted emotion, else 0.0.
        confusion_EE: number of clips, row = wanted, column = seen.
        recall_E: share of each emotion's clips that were seen as it; NaN without clips.
    """

    correct_B: NDArray[np.float64]
    confusion_EE: NDArray[np.int64]
    recall_E: NDArray[np.float64]

    @property
    def accuracy(self) -> float:
        """The share of all clips seen as wanted."""
        return float(self.correct_B.mean())


def emotion_scores(seen: Sequence[int], wanted: Sequence[int], emotions: int) -> EmotionScores:
    """Return accuracy, recall and confusion of the classes `seen` for the classes `wanted`.

    Args:
        seen: index of the emotion the classifier saw, one a clip.
        wanted: index of the emotion asked for.
        emotions: how many there are.

    Raises:
        ValueError: no clips, lengths differ or an index is out of range.
    """
    seen_B, wanted_B = np.asarray(seen, np.int64), np.asarray(wanted, np.int64)
    if len(seen_B) != len(wanted_B) or not len(seen_B):
        raise ValueError(f"emotions: {len(seen_B)} seen for {len(wanted_B)} wanted clips")
    both = np.concatenate([seen_B, wanted_B])
    if both.min() < 0 or both.max() >= emotions:
        raise ValueError(f"emotions: index {both.min()}..{both.max()}, allowed 0..{emotions - 1}")
    confusion = np.zeros((emotions, emotions), np.int64)
    np.add.at(confusion, (wanted_B, seen_B), 1)
    asked = confusion.sum(1)
    recall = np.full(emotions, np.nan)
    np.divide(np.diagonal(confusion), asked, out=recall, where=asked > 0)
    return EmotionScores((seen_B == wanted_B).astype(np.float64), confusion, recall)
