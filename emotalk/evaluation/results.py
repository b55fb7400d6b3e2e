"""Collect the figures of every clip and summarise them."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from emotalk.evaluation.emotion_judges.judge import CLASSES
from emotalk.evaluation.emotion_results import EmotionPredictions, JudgedClip, summarise_emotions
from emotalk.evaluation.identity_reference import FaceVectors, likeness_to_others
from emotalk.evaluation.quantities import quantities
from emotalk.evaluation.report import ROWS, EmotionReport, Value, finite
from emotalk.metrics.bootstrap import bootstrap_over_actors
from emotalk.schema import EMOTIONS, Bytes, Doubles
from emotalk.speech.phones import Phone

Figures = dict[str, float]


@dataclass(frozen=True)
class ClipResults:
    """The label of one clip, and its figures."""

    key: str
    actor: str
    emotion: str | None  # None if unknown
    intensity: float | None
    rows: dict[str, Figures]  # row of the report -> figure -> value
    openings: dict[str, Doubles]  # `truth` and rows of the report -> mouth opening (T,)
    voiced_T: NDArray[np.bool_]  # mask of its voiced frames
    predictions: EmotionPredictions | None  # None if its emotions were not classified
    as_reported: Figures  # the faulty figures; empty unless requested
    face_vectors: FaceVectors | None = None  # of the true clip; None: identity was not measured
    phones: tuple[Phone, ...] | None = None  # its sounds with their times; None where not known


@dataclass
class Results:
    """The figures of all clips.

    Attributes:
        clips: the clips in the order of their keys.
        examples: emotion -> `true`, `generated` and, with a baseline model, `baseline` -> frames of
            one clip, for the picture.
        noisy: key -> level of the noise in the speech -> figures.
    """

    clips: list[ClipResults] = field(default_factory=list)
    examples: dict[str, dict[str, Bytes]] = field(default_factory=dict)
    noisy: dict[str, dict[str, Figures]] = field(default_factory=dict)

    def add(self, more: "Results") -> None:
        """Take in the results of further clips."""
        self.clips += more.clips
        self.examples |= more.examples
        self.noisy |= more.noisy

    def figures(self, seed: int) -> dict[str, dict[str, Value]]:
        """Return quantity -> row -> mean with its interval, for rows that have the quantity."""
        table: dict[str, dict[str, Value]] = {}
        for quantity in quantities():
            holders = [
                row for row in ROWS if any(quantity in c.rows.get(row, {}) for c in self.clips)
            ]
            table[quantity] = {row: self.value(quantity, row, seed) for row in holders}
        return table

    def value(self, quantity: str, row: str, seed: int) -> Value:
        """Return the mean of a quantity in a row; clips without it count as undefined."""
        return self._mean(
            [c.rows.get(row, {}).get(quantity, float("nan")) for c in self.clips], seed
        )

    def by_set(self, names: Sequence[str], seed: int) -> dict[str, dict[str, dict[str, Value]]]:
        """Return the figures of each shard set's own clips, whose keys begin with its name."""
        parts = {name: [c for c in self.clips if c.key.startswith(f"{name}.")] for name in names}
        return {name: Results(clips).figures(seed) for name, clips in parts.items()}

    def emotion(self, seed: int) -> EmotionReport | None:
        """Return the summary of the predicted emotions, or None if no clip was classified."""
        judged = [
            JudgedClip(clip.actor, clip.intensity, clip.predictions)
            for clip in self.clips
            if clip.predictions is not None
        ]
        return summarise_emotions(judged, seed)

    def identity_floor(self, seed: int) -> Value | None:
        """Return the identity of true clips with other actors; None if there is none to measure."""
        cosines = likeness_to_others(
            [clip.face_vectors for clip in self.clips], [clip.actor for clip in self.clips]
        )
        return self._mean(cosines, seed) if np.isfinite(cosines).any() else None

    def as_reported(self, seed: int) -> dict[str, Value]:
        """Return the faulty figures' means."""
        return {
            name: self._mean([clip.as_reported[name] for clip in self.clips], seed)
            for name in self.clips[0].as_reported
        }

    def per_clip(self) -> dict[str, dict[str, dict[str, float | str | None]]]:
        """Return every value of every clip, None where it is undefined."""
        return {clip.key: _one_clip(clip) for clip in self.clips}

    def _mean(self, values: Sequence[float], seed: int) -> Value:
        return mean_over_actors(values, [clip.actor for clip in self.clips], seed)


def mean_over_actors(
    values: Sequence[float] | NDArray[np.float64], actors: Sequence[str], seed: int
) -> Value:
    """Return the mean over clips with its interval over actors, or over one actor's clips."""
    return Value.of(bootstrap_over_actors(values, actors, seed=seed))


def _one_clip(clip: ClipResults) -> dict[str, dict[str, float | str | None]]:
    rows: dict[str, dict[str, float | str | None]] = {
        "clip": {"actor": clip.actor, "emotion": clip.emotion, "intensity": clip.intensity}
    }
    for row, figures in clip.rows.items():
        rows[row] = {name: finite(value) for name, value in figures.items()}
    if clip.predictions is not None:
        seen = clip.predictions.seen.items()
        rows["emotion"] = {
            "wanted": EMOTIONS[clip.predictions.wanted],
            **{row: CLASSES[int(shares.argmax())] for row, shares in seen},
        }
    return rows
