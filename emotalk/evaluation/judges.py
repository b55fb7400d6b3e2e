"""Build the models that measure generated frames, and test them on true clips of the set first."""

from collections.abc import Sequence
from dataclasses import dataclass

from emotalk.config.evaluate import EvaluateConfig
from emotalk.errors import WrongUse
from emotalk.evaluation.ceilings import (
    LandmarkCheck,
    check_landmarks,
    drop_failed_metrics,
    emotion_warning,
    landmark_warning,
    without_emotions,
)
from emotalk.evaluation.emotion_judges import EmotionJudge, build_emotion_judge
from emotalk.evaluation.face_embedder import FaceEmbedder, build_face_embedder
from emotalk.evaluation.finder_files import other_files_warning
from emotalk.evaluation.landmark_models import LandmarkModel, average_of, build_landmark_model
from emotalk.evaluation.quantities import METRICS
from emotalk.evaluation.report import EmotionReport
from emotalk.evaluation.results import Results
from emotalk.pretrained import load_landmark_model
from emotalk.shards.clip import Clip
from emotalk.shards.joined_set import AnyShardSet

CHECKED_CLIPS = 6
"""So many true clips test the landmark model before anything is generated."""


@dataclass(frozen=True)
class Judges:
    """The models that measure, those that failed on true clips being None.

    Attributes:
        config: the configuration with `none` for those that failed, from which other processes
            can build the same judges.
        descriptions: task -> the model, for the report.
        warnings: what a reader must know before any figure.
    """

    config: EvaluateConfig
    landmark_model: LandmarkModel | None
    emotion_judge: EmotionJudge | None
    embedder: FaceEmbedder | None
    descriptions: dict[str, str]
    warnings: tuple[str, ...]


def build_judges(config: EvaluateConfig, shard_set: AnyShardSet, clips: Sequence[Clip]) -> Judges:
    """Return the judges that a configuration without `auto` names.

    Args:
        config: without `auto`.
        shard_set: its manifest, and its training split where a classifier is fitted to that.
        clips: a few true clips to be evaluated; the landmark model is tested on them.

    Raises:
        WrongUse: a model is missing or unfit.
    """
    descriptions: dict[str, str] = {}
    warnings: list[str] = []
    off: dict[str, object] = {}
    model = _landmark_model(config)
    if model is not None:
        check = check_landmarks(model, clips)
        if fault := check.fault(config.landmarks):
            warnings.append(landmark_warning(model.name, fault, config.landmarks))
            model, off["landmarks"] = None, "none"
        else:
            manifest = shard_set.sets[0].manifest
            descriptions["landmarks, NLMD, mouth opening"] = _described(model, check)
            other = other_files_warning(config.landmarks, config.finder, manifest)
            warnings += [other] if other else []
    judge, why = _emotion_judge(config, shard_set, clips)
    if why is not None:
        warnings.append(why)
        off["emotion"] = config.emotion.model_copy(update={"by": "none"})
    if judge is not None:
        descriptions["emotion"] = judge.name
    embedder = None
    if model is not None:
        embedder, descriptions["identity"] = build_face_embedder(
            config.identity, config.landmarks, config.finder
        )
    judged_by = config.model_copy(update=off)
    return Judges(judged_by, model, judge, embedder, descriptions, tuple(warnings))


def rebuild_judges(config: EvaluateConfig, shard_set: AnyShardSet) -> Judges:
    """Return the judges of `Judges.config` in another process, where nothing is tested again."""
    model = _landmark_model(config)
    embedder = None
    if model is not None:
        embedder, _ = build_face_embedder(config.identity, config.landmarks, config.finder)
    return Judges(config, model, build_emotion_judge(config.emotion, shard_set), embedder, {}, ())


def drop_failed_judges(
    results: Results, judges: Judges, seed: int
) -> tuple[Results, EmotionReport | None, tuple[str, ...]]:
    """Return the results and the emotions without the judges that fail on the true clips.

    The last part is the warnings, those of `judges` among them.
    """
    results, warnings = drop_failed_metrics(results, METRICS, seed)
    emotion = results.emotion(seed)
    if emotion is not None:
        assert judges.emotion_judge is not None, "somebody saw these emotions"
        if warning := emotion_warning(judges.emotion_judge.name, emotion):
            warnings.append(warning)
            results, emotion = without_emotions(results), None
    return results, emotion, (*judges.warnings, *warnings)


def _landmark_model(config: EvaluateConfig) -> LandmarkModel | None:
    """Return the landmark model of a configuration without `auto`; None for `none`."""
    if config.landmarks == "none":
        return None
    return build_landmark_model(
        config.landmarks, config.finder, average_of(config.landmarks, config.landmark_average)
    )


def _emotion_judge(
    config: EvaluateConfig, shard_set: AnyShardSet, clips: Sequence[Clip]
) -> tuple[EmotionJudge | None, str | None]:
    """Return the judge of emotions, or None and why it is not used."""
    if config.emotion.by == "fitted" and config.split == "train":
        raise WrongUse(
            "emotion.by=fitted: the classifier is fitted to the clips of split train, so it cannot "
            "judge them; evaluate --split test or val"
        )
    judge = build_emotion_judge(config.emotion, shard_set)
    if judge is not None and config.emotion.by == "drawn" and (fault := _not_drawn(clips)):
        return None, (
            f"NO FIGURES OF EMOTIONS: the judge of emotions ({judge.name}) knows plainly drawn "
            f"faces only, and the landmark model of drawn faces {fault}; use emotion.by=fitted "
            "or onnx."
        )
    return judge, None


def _described(model: LandmarkModel, check: LandmarkCheck) -> str:
    return (
        f"{model.name}; {check.error_px:.2f} px from the stored landmarks of this set's true frames"
    )


def _not_drawn(clips: Sequence[Clip]) -> str | None:
    """Return why these clips are no drawn faces, or None if they are."""
    return check_landmarks(load_landmark_model(), clips).fault("judge")
