"""Summarise what the judge of emotions saw in every clip."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from emotalk.evaluation.emotion_judges.judge import CLASSES
from emotalk.evaluation.report import EMOTION_ROWS, EmotionReport, Value, finite
from emotalk.metrics.bootstrap import bootstrap_over_actors
from emotalk.metrics.emotion import EmotionScores, emotion_scores
from emotalk.schema import EMOTIONS, Doubles, Floats

LEVELS = {"low": 0.45, "medium": 0.75, "high": 1.0}
"""Name of a level -> the largest intensity in it; CREMA-D's are 1/3, 2/3 and 1."""


@dataclass(frozen=True)
class EmotionPredictions:
    """The wanted emotion of a clip and what the judge saw in each video."""

    wanted: int  # index in EMOTIONS
    seen: Mapping[str, Floats]  # row of `EMOTION_ROWS` -> probability of each of CLASSES, (7,)
    # probability of the wanted emotion in videos of rising strength; None if none were made
    by_strength: Floats | None = None


class JudgedClip(NamedTuple):
    """Hold the label and the judgement of one clip's emotion."""

    actor: str
    intensity: float | None  # in [0, 1], or None if unknown
    predictions: EmotionPredictions


def summarise_emotions(clips: Sequence[JudgedClip], seed: int) -> EmotionReport | None:
    """Return accuracy, by intensity too, and confusion of the judged clips; None without any."""
    if not clips:
        return None
    wanted = [clip.predictions.wanted for clip in clips]
    rows = [row for row in EMOTION_ROWS if all(row in clip.predictions.seen for clip in clips)]
    scores = {row: _scores(clips, row) for row in rows}
    actors = [clip.actor for clip in clips]
    recall = [finite(float(share)) for share in scores["generated"].recall_E[: len(EMOTIONS)]]
    # the judge's class `other` gets a column where it was ever seen
    others = any(score.confusion_EE[:, len(EMOTIONS) :].any() for score in scores.values())
    seen = CLASSES if others else EMOTIONS
    confusion = {
        row: score.confusion_EE[: len(EMOTIONS), : len(seen)].tolist()
        for row, score in scores.items()
    }
    return EmotionReport(
        emotions=EMOTIONS,
        seen=seen,
        chance=float(np.bincount(wanted).max() / len(wanted)),
        accuracy={row: _mean(score.correct_B, actors, seed) for row, score in scores.items()},
        accuracy_by_intensity=_by_intensity(clips, scores, seed),
        confusion_generated=confusion["generated"],
        confusion_truth=confusion["truth"],
        recall_generated=dict(zip(EMOTIONS, recall, strict=True)),
    )


def level_of(intensity: float) -> str:
    """Return the name of an intensity's level."""
    return next(name for name, most in LEVELS.items() if intensity <= most + 1e-6)


def _scores(clips: Sequence[JudgedClip], row: str) -> EmotionScores:
    predicted = [int(clip.predictions.seen[row].argmax()) for clip in clips]
    return emotion_scores(predicted, [clip.predictions.wanted for clip in clips], len(CLASSES))


def _by_intensity(
    clips: Sequence[JudgedClip], scores: Mapping[str, EmotionScores], seed: int
) -> dict[str, dict[str, Value]]:
    """Return level -> row -> accuracy, for the levels that clips have."""
    levels = [None if clip.intensity is None else level_of(clip.intensity) for clip in clips]
    table: dict[str, dict[str, Value]] = {}
    for level in LEVELS:
        places = [place for place, of in enumerate(levels) if of == level]
        if places:
            actors = [clips[place].actor for place in places]
            table[level] = {
                row: _mean(score.correct_B[places], actors, seed) for row, score in scores.items()
            }
    return table


def _mean(values: Doubles, actors: Sequence[str], seed: int) -> Value:
    return Value.of(bootstrap_over_actors(values, actors, seed=seed))
