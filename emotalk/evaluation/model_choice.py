"""Choose the landmark model and the emotion classifier by the shard set's manifest."""

import re
from typing import Any

from emotalk.config.evaluate import EvaluateConfig
from emotalk.config.shards import shards_text
from emotalk.errors import WrongUse
from emotalk.shards.joined_set import AnyShardSet
from emotalk.shards.manifest import Manifest

DETECTORS = ("insightface", "onnx")
"""Back ends that detect faces in photographs; drawn faces come with side-car files."""

PACK_NAME = re.compile(r"\w[\w.-]{0,99}", re.ASCII)


def choose_models(config: EvaluateConfig, manifest: Manifest) -> tuple[EvaluateConfig, str]:
    """Return the configuration without `auto`, and one sentence on the faces and the models.

    If a detector found the set's own landmarks, its faces are photographs. Then the same detector
    is used, and emotions are not classified.

    Raises:
        WrongUse: the configuration names a model of drawn faces for photographs.
    """
    detector, pack = _detector(manifest)
    if detector is None:
        chosen = _without_auto(config, landmarks="judge", emotion="drawn")
        return chosen, _sentence(chosen, "taken for drawn ones, no detector found their landmarks")
    _refuse_models_of_drawn_faces(config, detector)
    chosen = _without_auto(config, landmarks=detector, emotion="none")
    if config.landmarks == "auto" and "pack" not in config.finder.model_fields_set and pack:
        finder = chosen.finder.model_copy(update={"pack": pack})
        chosen = chosen.model_copy(update={"finder": finder})
    return chosen, _sentence(chosen, f"photographs, in which {detector} found the landmarks")


def refuse_different_faces(shard_set: AnyShardSet) -> None:
    """Refuse sets whose landmarks come from different detectors, or only some from one.

    Raises:
        WrongUse: names two of the sets.
    """
    first, *others = shard_set.sets
    detector = _detector(first.manifest)[0]
    for other in others:
        found = _detector(other.manifest)[0]
        if found != detector:
            raise WrongUse(
                f"shards: the landmarks of {first.location} are from {detector or 'no detector'}, "
                f"those of {other.location} from {found or 'no detector'}: no one landmark model "
                "measures both alike; evaluate each set by itself"
            )


def _detector(manifest: Manifest) -> tuple[str | None, str | None]:
    """Return the detector that found the set's landmarks, and its pack; None if there is none."""
    landmarks: Any = manifest.config.get("landmarks")
    facts = landmarks if isinstance(landmarks, dict) else {}
    backend, pack = facts.get("backend"), facts.get("pack")
    usable = isinstance(pack, str) and PACK_NAME.fullmatch(pack) is not None
    return (backend if backend in DETECTORS else None), (pack if usable else None)


def _refuse_models_of_drawn_faces(config: EvaluateConfig, detector: str) -> None:
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


def _sentence(config: EvaluateConfig, faces: str) -> str:
    models = {
        "judge": "the shipped model of drawn faces",
        "insightface": f"insightface, pack {config.finder.pack}",
        "onnx": f"onnx, {config.finder.landmarker}",
    }
    judges = {
        "none": "no model, so there is no emotion accuracy",
        "drawn": "the shipped model of drawn faces",
        "fitted": "a classifier fitted to the training split's true clips",
        "onnx": f"onnx, {config.emotion.model}",
    }
    return (
        f"Faces: {faces}. Landmarks by {models[config.landmarks]}; emotions by "
        f"{judges[config.emotion.by]}."
    )
