"""Describe the models that detect landmarks and classify emotions in an evaluation."""

from collections.abc import Sequence

from emotalk.config.evaluate import EvaluateConfig
from emotalk.evaluation.evaluator import Evaluator
from emotalk.evaluation.landmark_models import check_drawn_faces
from emotalk.shards.clip import Clip

CHECKED_CLIPS = 6


def describe_models(
    evaluator: Evaluator, clips: Sequence[Clip], config: EvaluateConfig
) -> dict[str, str]:
    """Return task -> description of its model, after checking the models of drawn faces.

    Raises:
        WrongUse: a model of drawn faces does not fit the faces of these clips.
    """
    assert evaluator.landmark_model is not None, "every evaluation has a landmark model"
    landmarks = evaluator.landmark_model.name
    if "judge" in {config.landmarks, config.emotion}:
        error_px = check_drawn_faces(clips[:CHECKED_CLIPS], config)
        if config.landmarks == "judge":
            landmarks += f"; {error_px:.2f} px from the stored landmarks of this set's true frames"
    models = {"landmarks, NLMD, mouth opening": landmarks}
    if evaluator.emotion_classifier is not None:
        models["emotion"] = evaluator.emotion_classifier.name
    return models
