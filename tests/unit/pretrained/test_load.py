"""The pretrained networks do what their files say, on an actor they have not seen."""

from importlib.resources import files

import cv2
import numpy as np
import pytest

from emotalk.metrics.lip_sync import mouth_opening
from emotalk.pretrained import (
    DrawnFaceEmotionClassifier,
    DrawnFaceLandmarkModel,
    load_emotion_classifier,
    load_landmark_model,
)
from emotalk.pretrained.load import EMOTION_FILE, LANDMARK_FILE
from emotalk.schema import EMOTIONS, MOUTH, Bytes
from tests.helpers.drawn_shards import DrawnClip, drawn_clip

SENTENCES = ("IEO", "TIE", "IOM", "IWW", "TAI", "MTI")


@pytest.fixture(scope="module")
def clips() -> dict[str, DrawnClip]:
    return {
        emotion: drawn_clip(4321, index % 2, sentence, emotion, frames=24, begin=8)
        for index, (emotion, sentence) in enumerate(zip(EMOTIONS, SENTENCES, strict=True))
    }


@pytest.fixture(scope="module")
def landmark_model() -> DrawnFaceLandmarkModel:
    return load_landmark_model()


@pytest.fixture(scope="module")
def emotion_classifier() -> DrawnFaceEmotionClassifier:
    return load_emotion_classifier()


def soft(frames_THWC: Bytes) -> Bytes:
    return np.stack([cv2.GaussianBlur(frame, (0, 0), 1.2) for frame in frames_THWC])


@pytest.mark.parametrize("name", [LANDMARK_FILE, EMOTION_FILE])
def test_the_files_are_small(name: str) -> None:
    assert len(files("emotalk.pretrained").joinpath(name).read_bytes()) < 2_000_000


def test_landmarks_are_within_a_pixel(
    landmark_model: DrawnFaceLandmarkModel, clips: dict[str, DrawnClip]
) -> None:
    for clip in clips.values():
        found = landmark_model.landmarks(clip.frames_THWC)
        error_TL = np.linalg.norm(found - clip.landmarks_TLP, axis=-1)
        assert error_TL.mean() < 1.0
        assert error_TL[:, MOUTH].mean() < 1.0


def test_landmarks_follow_the_mouth_in_soft_pictures_too(
    landmark_model: DrawnFaceLandmarkModel, clips: dict[str, DrawnClip]
) -> None:
    for clip in clips.values():
        found = landmark_model.landmarks(soft(clip.frames_THWC))
        true = mouth_opening(clip.landmarks_TLP)
        assert np.corrcoef(mouth_opening(found), true)[0, 1] > 0.9


def test_the_file_states_its_own_error(landmark_model: DrawnFaceLandmarkModel) -> None:
    assert landmark_model.facts["seed"] >= 1000
    assert landmark_model.facts["error_px"] < 1
    assert landmark_model.facts["mouth_error_px"] < 1


def test_emotions_are_told_apart_sharp_and_soft(
    emotion_classifier: DrawnFaceEmotionClassifier, clips: dict[str, DrawnClip]
) -> None:
    for look in (lambda frames: frames, soft):
        seen = [emotion_classifier.predict(look(clips[name].frames_THWC)) for name in EMOTIONS]
        assert sum(index == place for place, index in enumerate(seen)) >= 5


def test_probabilities_are_of_the_frames_after_the_onset(
    emotion_classifier: DrawnFaceEmotionClassifier, clips: dict[str, DrawnClip]
) -> None:
    happy, sad = clips["happiness"].frames_THWC, clips["sadness"].frames_THWC
    shares = emotion_classifier.probabilities(np.concatenate([happy[:10], sad[:12]]))
    np.testing.assert_allclose(
        shares, emotion_classifier.probabilities(sad[[0] * 10 + [*range(12)]])
    )
    assert shares.sum() == pytest.approx(1, abs=1e-5)
    np.testing.assert_allclose(
        emotion_classifier.probabilities(happy[:3]),
        emotion_classifier.probabilities(happy[2:3]),
        atol=1e-6,
    )


def test_frames_of_another_size_are_refused(landmark_model: DrawnFaceLandmarkModel) -> None:
    with pytest.raises(ValueError, match="crops of drawn faces: shape"):
        landmark_model.landmarks(np.zeros((2, 64, 64, 3), np.uint8))
