"""Define the report of an evaluation: its rows, its figures and what is known of its inputs."""

import math
import time
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, field_validator

from emotalk.evaluation.comparison import Direction
from emotalk.metrics.bootstrap import Estimate, Resampled

FORMAT = "emotalk-report/1"

ROWS: dict[str, str] = {
    "truth": "true clips",
    "generated": "generated",
    "baseline": "baseline model",
    "repeat": "condition frame repeated",
    "other_speech": "speech of another sentence",
    "reencoded": "true video, re-encoded",
}

BETTER: dict[Direction, str] = {
    "higher": "higher",
    "lower": "lower",
    "near_1": "near 1",
    "near_truth": "as the true clips",
}

EMOTION_ROWS: dict[str, str] = {
    "generated": "generated from the neutral still",
    "still": "neutral still repeated",
    "truth": "true clips (the classifier's ceiling)",
}
EMOTION_FIGURE = "emotion seen as wanted, from a neutral still"


class Part(BaseModel):
    """A frozen model without unknown fields, for a part of the report."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Value(Part):
    """A mean over clips and its 95 % interval; None if it is undefined."""

    mean: float | None
    low: float | None
    high: float | None
    clips: int
    undefined: int
    actors: int
    over: Resampled = "actors"  # what was resampled for the interval

    @classmethod
    def of(cls, estimate: Estimate) -> "Value":
        """Return the estimate with None in place of NaN, which JSON does not have."""
        numbers = asdict(estimate)
        return cls(**numbers | {name: finite(numbers[name]) for name in ("mean", "low", "high")})

    def text(self, digits: int) -> str:
        """Return `mean [low, high]`; the mean alone for one clip, which has no interval."""
        if self.mean is None or self.low is None or self.high is None:
            return "undefined"
        if self.clips == 1:
            return f"{self.mean:.{digits}f}"
        return f"{self.mean:.{digits}f} [{self.low:.{digits}f}, {self.high:.{digits}f}]"

    def half_interval(self, digits: int) -> str:
        """Return half of the interval's width; empty where there is no interval."""
        if self.low is None or self.high is None or self.clips == 1:
            return ""
        return f"{(self.high - self.low) / 2:.{digits}f}"


class StrengthReport(Part):
    """Compares the asked strength of an emotion with the strength that is seen."""

    strengths: tuple[float, ...]  # at which some clips were generated; empty if none was
    seen: tuple[float | None, ...]  # mean probability of the wanted emotion at each strength
    by_strength: Value | None  # mean over these clips of the rank correlation of both
    # row -> rank correlation, over clips within each emotion, of their own intensity and
    # the probability of the wanted emotion; `truth` is the ceiling
    by_label: dict[str, Value]
    notes: tuple[str, ...] = ()


class EmotionReport(Part):
    """Accuracy of the emotion classifier: share of clips predicted as the wanted emotion."""

    emotions: tuple[str, ...]  # names of the rows of a confusion matrix
    seen: tuple[str, ...] = ()  # names of its columns; empty in older reports: the emotions
    chance: float | None = None  # accuracy of who always says the most frequent emotion
    accuracy: dict[str, Value]  # row of `EMOTION_ROWS` -> share of clips
    # level (low, medium, high) -> row -> share of clips, of clips whose intensity is known
    accuracy_by_intensity: dict[str, dict[str, Value]] = Field(default_factory=dict)
    strength: StrengthReport | None = None  # None in older reports
    confusion_generated: tuple[tuple[int, ...], ...]  # clips, row = wanted, column = predicted
    confusion_truth: tuple[tuple[int, ...], ...]
    recall_generated: dict[str, float | None]  # emotion -> share of its clips predicted as it


class BaselineReport(Part):
    """The comparison with another model on the same clips."""

    model: str  # what it is, in words
    clips: int  # that both made
    differences: dict[str, Value]  # quantity -> generated minus baseline, paired by clip


class NoiseCurve(Part):
    """Figures of videos made from speech with noise."""

    kind: str  # of the noise
    clips: int
    levels: tuple[str, ...]  # `clean` and the signal-to-noise ratios
    figures: dict[str, dict[str, Value]]  # quantity -> level -> value


class DriftLoss(Part):
    """The share by which a figure is worse in a long video than in another; negative: better."""

    share: float
    low: float | None  # 95 % interval over clips; None: without limit on this side
    high: float | None
    clips: int  # with a value; 0: an older report, which has no interval


class DriftReport(Part):
    """Figures of one long video, by the time in it, beside the same clips in shorter ones.

    `worse` of older reports compares with the clip alone; they have no `worse_than_alone`.
    """

    actor: str  # the person whose clips were joined
    seconds: float  # length of the joined video
    clips: int
    different_clips: int  # fewer, where the person has too few and they came again
    windows: dict[str, dict[str, dict[str, Value]]]  # window -> quantity -> row -> value
    worse: dict[str, DriftLoss]  # quantity -> how much worse beyond 8 s than at the end of 8 s
    worse_than_alone: dict[str, DriftLoss] | None = None  # ... than the clip alone

    @property
    def losses(self) -> dict[str, dict[str, DriftLoss]]:
        """Return row of the shorter video, `short` or `alone` -> quantity -> loss beyond 8 s."""
        if self.worse_than_alone is None:
            return {"alone": self.worse}
        return {"short": self.worse, "alone": self.worse_than_alone}

    @field_validator("worse", mode="before")
    @classmethod
    def _of_older_reports(cls, worse: Any) -> Any:
        """Take in the shares without intervals that older reports hold."""
        if not isinstance(worse, dict):
            return worse
        unknown = {"low": None, "high": None, "clips": 0}
        return {
            name: {"share": loss, **unknown} if isinstance(loss, int | float) else loss
            for name, loss in worse.items()
        }


class Report(Part):
    """The report of one evaluation."""

    format: str = FORMAT
    inputs: dict[str, Any]  # hashes and settings that determine the figures
    where: dict[str, Any]  # paths and times, which do not change the figures
    judges: dict[str, str]  # task -> description of the model that was used
    clips: int  # number of evaluated clips
    actors: tuple[str, ...]
    condition: str  # the picture that the generator got
    warnings: tuple[str, ...] = ()  # what a reader must know before any figure
    faces: str = ""  # their kind and the models; reports of older versions do not have it
    about: dict[str, str] = Field(default_factory=dict)  # the evaluated model: word -> what it is
    figures: dict[str, dict[str, Value]]  # quantity -> row -> value
    # name of each of several shard sets -> its own figures; not written for a single set
    sets: dict[str, dict[str, dict[str, Value]]] = Field(
        default_factory=dict, exclude_if=lambda sets: not sets
    )
    emotion: EmotionReport | None  # None if emotions were not classified
    identity_floor: Value | None = None  # identity of true clips with other actors
    as_reported: dict[str, Value] | None  # faulty figures of the original report, if requested
    baseline: BaselineReport | None = None  # None without one, and in older reports
    noise_curve: NoiseCurve | None = None  # None unless `noise_db` asks for it
    drift: DriftReport | None = None  # None unless `drift_seconds` asks for it
    left_out: dict[str, str]  # key -> why the clip, or its emotion, was not evaluated
    # of pairs of videos: key -> what differs between the two files; not written for shards
    pair_notes: dict[str, tuple[str, ...]] = Field(
        default_factory=dict, exclude_if=lambda notes: not notes
    )
    caveats: tuple[str, ...]
    per_clip: dict[str, dict[str, dict[str, float | str | None]]]  # key -> row -> quantity -> value


def with_times(report: Report, begun_s: float) -> Report:
    """Return the report with the time at which it is finished, and how long it took.

    `begun_s` is `time.monotonic()` at its beginning.
    """
    times = {
        "finished": datetime.now(UTC).isoformat(timespec="seconds"),
        "seconds": round(time.monotonic() - begun_s, 1),
    }
    return report.model_copy(update={"where": {**report.where, **times}})


def finite(value: float) -> float | None:
    """Return the number, or None if it is NaN or infinite."""
    return value if math.isfinite(value) else None
