"""Small networks that judge videos of drawn faces: landmarks and emotions, nothing to download."""

from emotalk.pretrained.load import (
    EmotionJudge,
    LandmarkJudge,
    load_emotion_judge,
    load_landmark_judge,
)

__all__ = ["EmotionJudge", "LandmarkJudge", "load_emotion_judge", "load_landmark_judge"]
