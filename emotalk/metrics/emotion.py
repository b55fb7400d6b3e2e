"""Compute emotion accuracy, recall and the confusion matrix."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class EmotionScores:
    """A classifier's predictions compared with the wanted emotions."""

    correct_B: NDArray[np.float64]  # 1.0 where the prediction is the wanted emotion, else 0.0
    confusion_EE: NDArray[np.int64]  # number of clips, row = wanted, column = predicted
    recall_E: NDArray[np.float64]  # share of its clips predicted as it; NaN without clips

    @property
    def accuracy(self) -> float:
        """Return the share of correct predictions."""
        return float(self.correct_B.mean())


def emotion_scores(predicted: Sequence[int], wanted: Sequence[int], emotions: int) -> EmotionScores:
    """Return accuracy, recall and confusion matrix of the emotion indices of all clips.

    Raises:
        ValueError: there are no clips, lengths differ or an index is out of range.
    """
    predicted_B, wanted_B = np.asarray(predicted, np.int64), np.asarray(wanted, np.int64)
    if len(predicted_B) != len(wanted_B) or not len(predicted_B):
        raise ValueError(f"emotions: {len(predicted_B)} seen for {len(wanted_B)} wanted clips")
    both = np.concatenate([predicted_B, wanted_B])
    if both.min() < 0 or both.max() >= emotions:
        raise ValueError(f"emotions: index {both.min()}..{both.max()}, allowed 0..{emotions - 1}")
    confusion = np.zeros((emotions, emotions), np.int64)
    np.add.at(confusion, (wanted_B, predicted_B), 1)
    clips = confusion.sum(1)
    recall = np.full(emotions, np.nan)
    np.divide(np.diagonal(confusion), clips, out=recall, where=clips > 0)
    return EmotionScores((predicted_B == wanted_B).astype(np.float64), confusion, recall)
