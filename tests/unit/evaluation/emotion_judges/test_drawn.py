"""The judge of drawn faces names the six emotions in their order, and never another expression."""

import numpy as np
import pytest

from emotalk.evaluation.emotion_judges.drawn import DrawnFaceJudge
from emotalk.evaluation.emotion_judges.judge import CLASSES, OTHER
from emotalk.pretrained import load_emotion_classifier
from emotalk.schema import EMOTIONS
from tests.helpers.drawn_shards import drawn_clip


@pytest.fixture(scope="module")
def judge() -> DrawnFaceJudge:
    return DrawnFaceJudge(load_emotion_classifier())


@pytest.mark.parametrize("emotion", ["anger", "happiness", "neutral"])
def test_a_drawn_face_is_seen_as_the_emotion_that_was_drawn(
    judge: DrawnFaceJudge, emotion: str
) -> None:
    clip = drawn_clip(77, 0, "IEO", emotion, frames=30)
    seen_E = judge.probabilities(clip.frames_THWC)
    assert CLASSES[int(seen_E.argmax())] == emotion
    assert seen_E.shape == (len(CLASSES),)
    assert seen_E[CLASSES.index(OTHER)] == 0
    assert seen_E.sum() == pytest.approx(1, abs=1e-5)


def test_the_classes_begin_with_the_emotions_in_their_order() -> None:
    assert CLASSES[: len(EMOTIONS)] == EMOTIONS
    assert np.unique(CLASSES).size == len(EMOTIONS) + 1


def test_the_report_names_the_data_that_it_knows(judge: DrawnFaceJudge) -> None:
    assert "drawn faces" in judge.name
