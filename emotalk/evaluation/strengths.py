"""Measure whether the strength of an emotion that is asked for is seen."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from emotalk.config.evaluate_emotion import EmotionJudgeConfig
from emotalk.evaluation.clips import spread_clips
from emotalk.evaluation.emotion_results import JudgedClip
from emotalk.evaluation.evaluator import Evaluator
from emotalk.evaluation.report import EmotionReport, StrengthReport, Value, finite
from emotalk.evaluation.requests import clip_request
from emotalk.evaluation.results import ClipResults
from emotalk.inference.generate import generate_clips
from emotalk.metrics.bootstrap import Estimate, Resampled, bootstrap_over_actors
from emotalk.metrics.rank_correlation import grouped_spearman_interval, spearman
from emotalk.schema import EMOTIONS, NEUTRAL, Floats
from emotalk.shards.clip import Clip
from emotalk.shards.names import NEUTRAL_MEMBER
from emotalk.shards.sample_table import Sample

ROWS = ("generated", "truth")


def choose_strength_clips(
    evaluator: Evaluator, samples: Sequence[Sample], config: EmotionJudgeConfig, seed: int
) -> frozenset[str]:
    """Return the keys of the clips that are generated at several strengths.

    There is none if the generator takes no intensity, or if emotions are not judged.
    """
    if not evaluator.loaded.facts.use_intensity or evaluator.emotion_judge is None:
        return frozenset()
    felt = [
        sample
        for sample in samples
        if sample.emotion in EMOTIONS
        and sample.emotion != NEUTRAL
        and NEUTRAL_MEMBER in sample.members
    ]
    if not felt or not config.strength_clips:
        return frozenset()
    chosen = spread_clips(
        felt, config.strength_clips, seed=seed, purpose="strengths", over_actors=True
    )
    return frozenset(sample.key for sample in chosen)


def see_strengths(
    evaluator: Evaluator, clips: Sequence[Clip], strengths: Sequence[float]
) -> dict[str, Floats]:
    """Return key -> probability of the wanted emotion at each strength.

    Every clip is generated from its neutral still with its own speech and noise; nothing but the
    strength changes.
    """
    if not clips:
        return {}
    judge, loaded = evaluator.emotion_judge, evaluator.loaded
    assert judge is not None, "strengths are chosen only where a judge is"
    requests = []
    for clip in clips:
        assert clip.neutral_HWC is not None, "strengths are chosen only where a still is"
        request = clip_request(loaded, clip, clip.neutral_HWC, clip.audio_S)
        full_E = (request.emotion > 0).astype(np.float32)
        requests += [request._replace(emotion=full_E * np.float32(s)) for s in strengths]
    videos = generate_clips(loaded, requests, seed=evaluator.seed, batch_size=evaluator.batch_size)
    seen = np.array([judge.probabilities(video) for video in videos], np.float32)
    wanted = [EMOTIONS.index(clip.emotion) for clip in clips if clip.emotion is not None]
    by_clip = seen.reshape(len(clips), len(strengths), -1)
    return {clip.key: by_clip[place, :, wanted[place]] for place, clip in enumerate(clips)}


def add_strengths(found: ClipResults, seen: Mapping[str, Floats]) -> ClipResults:
    """Return a clip's results with what was seen at each strength, if it was chosen for that."""
    if found.key not in seen or found.predictions is None:
        return found
    predictions = replace(found.predictions, by_strength=seen[found.key])
    return replace(found, predictions=predictions)


def with_strengths(
    emotion: EmotionReport | None,
    clips: Sequence[ClipResults],
    strengths: Sequence[float],
    *,
    takes_intensity: bool,
    seed: int,
) -> EmotionReport | None:
    """Return the report of emotions with that of their strength."""
    if emotion is None:
        return None
    judged = [
        JudgedClip(clip.actor, clip.intensity, clip.predictions)
        for clip in clips
        if clip.predictions is not None
    ]
    return emotion.model_copy(
        update={"strength": _summarise(judged, strengths, takes_intensity, seed)}
    )


def _summarise(
    clips: Sequence[JudgedClip], strengths: Sequence[float], takes_intensity: bool, seed: int
) -> StrengthReport:
    asked = [clip for clip in clips if clip.predictions.by_strength is not None]
    seen_BN = np.array([clip.predictions.by_strength for clip in asked], np.float64)
    notes = []
    if not takes_intensity:
        notes.append(
            "The model takes no intensity, so it cannot show a strength that is asked for."
        )
    elif not asked:
        notes.append("No clip was generated at several strengths.")
    by_label = _by_label(clips, seed)
    if not by_label:
        notes.append("The judged clips do not state intensities that differ within an emotion.")
    return StrengthReport(
        strengths=tuple(strengths) if asked else (),
        seen=tuple(finite(float(mean)) for mean in seen_BN.mean(0)) if asked else (),
        by_strength=_by_strength(asked, strengths, seed) if asked else None,
        by_label=by_label,
        notes=tuple(notes),
    )


def _by_strength(clips: Sequence[JudgedClip], strengths: Sequence[float], seed: int) -> Value:
    """Return the mean over clips of each clip's rank correlation."""
    values = []
    for clip in clips:
        assert clip.predictions.by_strength is not None, "only such clips were given"
        values.append(spearman(strengths, clip.predictions.by_strength.astype(np.float64)))
    return Value.of(bootstrap_over_actors(values, [clip.actor for clip in clips], seed=seed))


def _by_label(clips: Sequence[JudgedClip], seed: int) -> dict[str, Value]:
    """Return row -> rank correlation over clips of their intensity and what is seen of it."""
    felt = [
        clip
        for clip in clips
        if clip.intensity is not None and EMOTIONS[clip.predictions.wanted] != NEUTRAL
    ]
    table: dict[str, Value] = {}
    for row in ROWS:
        seen = [float(clip.predictions.seen[row][clip.predictions.wanted]) for clip in felt]
        mean, low, high = grouped_spearman_interval(
            [clip.intensity for clip in felt if clip.intensity is not None],
            seen,
            [EMOTIONS[clip.predictions.wanted] for clip in felt],
            [clip.actor for clip in felt],
            seed=seed,
        )
        if np.isfinite(mean):
            actors = len({clip.actor for clip in felt})
            over: Resampled = "actors" if actors > 1 else "clips"
            table[row] = Value.of(Estimate(mean, low, high, len(felt), 0, actors, over))
    return table
