"""Choose the landmark model and the judge of emotions by the shard set's manifest."""

import re
from pathlib import Path
from typing import Any, Literal

from emotalk.config.etl import LandmarksConfig
from emotalk.config.evaluate import EvaluateConfig
from emotalk.config.shards import shards_text
from emotalk.errors import WrongUse
from emotalk.evaluation.finder_files import find_files
from emotalk.evaluation.fitted_emotions.training_clips import LEAST_EMOTIONS
from emotalk.schema import EMOTIONS
from emotalk.shards.joined_set import AnyShardSet
from emotalk.shards.manifest import Manifest

Detector = Literal["insightface", "onnx"]

DETECTORS: tuple[Detector, ...] = ("insightface", "onnx")
"""Back ends that detect faces in photographs; drawn faces come with side-car files."""

PACK_NAME = re.compile(r"\w[\w.-]{0,99}", re.ASCII)


def choose_models(config: EvaluateConfig, manifest: Manifest) -> tuple[EvaluateConfig, str]:
    """Return the configuration without `auto`, and one sentence on the faces and the models.

    If a detector found the set's own landmarks, its faces are photographs. Then the same detector
    is used, with the same files where they are still there. Emotions are then judged by the judge
    that the configuration names, by its ONNX model where it gives one, else by none: to fit one
    takes minutes, so the sentence says how to ask for it.

    Raises:
        WrongUse: the configuration names a model of drawn faces for photographs.
    """
    facts = _landmark_facts(manifest)
    detector = _detector(facts)
    if detector is None:
        chosen = _without_auto(config, landmarks="judge", emotion="drawn")
        faces = "taken for drawn ones, no detector found their landmarks"
    else:
        _refuse_models_of_drawn_faces(config, detector)
        named = config.emotion.model is not None and bool(config.emotion.labels)
        chosen = _without_auto(config, landmarks=detector, emotion="onnx" if named else "none")
        if chosen.landmarks == detector:
            finder = _finder(chosen.finder, detector, facts, manifest)
            chosen = chosen.model_copy(update={"finder": finder})
        faces = f"photographs, in which {detector} found the landmarks"
    return chosen, _sentence(chosen, faces, _to_judge_emotions(manifest))


def refuse_different_faces(shard_set: AnyShardSet) -> None:
    """Refuse sets whose landmarks come from different detectors, or only some from one.

    Raises:
        WrongUse: names two of the sets.
    """
    first, *others = shard_set.sets
    detector = _detector(_landmark_facts(first.manifest))
    for other in others:
        found = _detector(_landmark_facts(other.manifest))
        if found != detector:
            raise WrongUse(
                f"shards: the landmarks of {first.location} are from {detector or 'no detector'}, "
                f"those of {other.location} from {found or 'no detector'}: no one landmark model "
                "measures both alike; evaluate each set by itself"
            )


def _landmark_facts(manifest: Manifest) -> dict[str, Any]:
    landmarks: Any = manifest.config.get("landmarks")
    return landmarks if isinstance(landmarks, dict) else {}


def _detector(facts: dict[str, Any]) -> Detector | None:
    """Return the detector that found the set's landmarks; None if there was none."""
    return next((name for name in DETECTORS if facts.get("backend") == name), None)


def _finder(
    finder: LandmarksConfig, detector: Detector, facts: dict[str, Any], manifest: Manifest
) -> LandmarksConfig:
    """Return the section with what the manifest says in place of what the user did not give."""
    said: dict[str, Any] = {}
    pack = facts.get("pack")
    if detector == "insightface" and isinstance(pack, str) and PACK_NAME.fullmatch(pack):
        said["pack"] = pack
    said |= find_files(detector, manifest.run.get("landmarks"), said.get("pack", finder.pack))
    given = finder.model_fields_set
    return finder.model_copy(update={name: v for name, v in said.items() if name not in given})


def _refuse_models_of_drawn_faces(config: EvaluateConfig, detector: Detector) -> None:
    named = ["landmarks=judge"] if config.landmarks == "judge" else []
    named += ["emotion.by=drawn"] if config.emotion.by == "drawn" else []
    if named:
        raise WrongUse(
            f"{shards_text(config.shards)}: its landmarks were found by {detector}, so its faces "
            f"are photographs, and {', '.join(named)} knows drawn faces only; leave "
            f"{' and '.join(name.split('=')[0] for name in named)} at auto, or use "
            f"landmarks={detector} and emotion.by=none, fitted or onnx"
        )


def _without_auto(config: EvaluateConfig, *, landmarks: str, emotion: str) -> EvaluateConfig:
    update: dict[str, Any] = {}
    if config.landmarks == "auto":
        update["landmarks"] = landmarks
    if config.emotion.by == "auto":
        update["emotion"] = config.emotion.model_copy(update={"by": emotion})
    return config.model_copy(update=update)


def _to_judge_emotions(manifest: Manifest) -> str:
    """Return how emotions can be judged on this set."""
    train = manifest.splits.get("train", {}).get("emotions")
    shown = len(set(train) & set(EMOTIONS)) if isinstance(train, dict) else 0
    if shown < LEAST_EMOTIONS:
        return (
            f"name a model of expressions (emotion.by=onnx); none can be fitted, for the training "
            f"split shows {shown or 'no'} known {'emotion' if shown == 1 else 'emotions'}"
        )
    return (
        "fit a judge to the training split, in minutes (--fit-classifier), or name a model of "
        "expressions (emotion.by=onnx)"
    )


def _sentence(config: EvaluateConfig, faces: str, to_judge_emotions: str) -> str:
    landmarker: Path | None = config.finder.landmarker
    models = {
        "judge": "the shipped model of drawn faces",
        "insightface": f"insightface, pack {config.finder.pack}",
        "onnx": f"onnx, {landmarker.name if landmarker else 'no file'}",
        "none": "no model, so there are no figures of landmarks and lips",
    }
    judges = {
        "none": f"no model, so there is no emotion accuracy: {to_judge_emotions}",
        "drawn": "the shipped model of drawn faces",
        "fitted": "a classifier fitted to the training split's true clips",
        "onnx": f"onnx, {config.emotion.model.name if config.emotion.model else 'no file'}",
    }
    return (
        f"Faces: {faces}. Landmarks by {models[config.landmarks]}; emotions by "
        f"{judges[config.emotion.by]}."
    )
