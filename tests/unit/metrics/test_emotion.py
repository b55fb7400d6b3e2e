"""Accuracy, recall and confusion by hand and by scikit-learn."""

import warnings

import numpy as np
import pytest

from emotalk.metrics.emotion import emotion_scores


def test_scores_by_hand() -> None:
    scores = emotion_scores([0, 1, 1, 2, 0], [0, 1, 2, 2, 2], 4)
    assert scores.accuracy == pytest.approx(0.6)
    assert scores.correct_B.tolist() == [1, 1, 0, 1, 0]
    assert scores.confusion_EE.tolist() == [[1, 0, 0, 0], [0, 1, 0, 0], [1, 1, 1, 0], [0] * 4]
    np.testing.assert_allclose(scores.recall_E, [1, 1, 1 / 3, np.nan])


@pytest.mark.parametrize(
    ("seen", "wanted", "message"),
    [([], [], "0 seen"), ([0], [0, 1], "1 seen for 2"), ([4], [0], r"allowed 0\.\.3")],
)
def test_wrong_classes_are_named(seen: list[int], wanted: list[int], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        emotion_scores(seen, wanted, 4)


def test_an_emotion_without_clips_has_no_recall_and_costs_no_warning() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        scores = emotion_scores([0, 2], [0, 0], 3)
    assert scores.recall_E[0] == 0.5
    assert np.isnan(scores.recall_E[1:]).all()
