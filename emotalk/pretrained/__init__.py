"""Provide pretrained networks for drawn faces: landmarks and emotions, without a download."""

from emotalk.pretrained.load import (
    DrawnFaceEmotionClassifier,
    DrawnFaceLandmarkModel,
    load_emotion_classifier,
    load_landmark_model,
)

__all__ = [
    "DrawnFaceEmotionClassifier",
    "DrawnFaceLandmarkModel",
    "load_emotion_classifier",
    "load_landmark_model",
]
