"""Measure how far noise in the speech spoils the mouth: the same clips at falling levels.

The noise is added to the speech that the generator hears. The figures compare with the true clip,
whose own speech stays clean.
"""

from collections.abc import Mapping, Sequence
from types import MappingProxyType

import torch

from emotalk.augment.audio import SpeechAugment
from emotalk.config.augment import SpeechAugmentConfig
from emotalk.evaluation.comparison import SpeechFacts
from emotalk.evaluation.evaluator import Evaluator
from emotalk.evaluation.quantities import quantities
from emotalk.evaluation.report import NoiseCurve
from emotalk.evaluation.requests import clip_request
from emotalk.evaluation.results import Figures, Results, mean_over_actors
from emotalk.inference.generate import generate_clips
from emotalk.schema import Bytes, Floats
from emotalk.shards.clip import Clip

CLEAN = "clean"


def measure_noise(
    evaluator: Evaluator,
    clips: Sequence[Clip],
    levels_db: Sequence[float],
    kind: str,
    facts: Mapping[str, SpeechFacts] = MappingProxyType({}),
) -> list[dict[str, Figures]]:
    """Return level -> figures of each clip's video, made from its speech with noise.

    Args:
        evaluator: generates and measures.
        clips: any.
        levels_db: signal-to-noise ratios.
        kind: of the noise, a value of `noise_kind`.
        facts: key -> what is known of the clip's own clean speech.
    """
    if not clips or not levels_db:
        return [{} for _ in clips]
    loaded, seed = evaluator.loaded, evaluator.seed
    videos: list[dict[str, Bytes]] = [{} for _ in clips]
    for level_db in levels_db:
        requests = [
            clip_request(
                loaded,
                clip,
                evaluator.condition_image(clip),
                add_noise(clip.audio_S, level_db, kind, seed=seed, key=clip.key),
            )
            for clip in clips
        ]
        made = generate_clips(loaded, requests, seed=seed, batch_size=evaluator.batch_size)
        for of_clip, video_THWC in zip(videos, made, strict=True):
            of_clip[level_name(level_db)] = video_THWC
    names = [level_name(level_db) for level_db in levels_db]
    figures = evaluator.measure_videos(clips, videos, facts)
    return [{name: rows[name] for name in names} for rows in figures]


def add_noise(speech_S: Floats, snr_db: float, kind: str, *, seed: int, key: str) -> Floats:
    """Return speech with noise as training's augmentation adds it.

    Seed and key draw the noise, so a clip hears the same noise at every level.
    """
    config = SpeechAugmentConfig.model_validate(
        {"noise": {"p": 1.0, "snr_db": [snr_db, snr_db], "kinds": [kind]}, "gain": {"p": 0.0}}
    )
    speech_BS = torch.from_numpy(speech_S)[None]
    noisy_BS = SpeechAugment(config)(speech_BS, keys=(key,), places=(0,), seed=seed)
    noisy_S: Floats = noisy_BS[0].numpy()
    return noisy_S


def describe_noise(results: Results, kind: str, seed: int) -> NoiseCurve | None:
    """Return the means of all clips that were measured with noise; None if there are none."""
    noisy = results.noisy
    clips = [clip for clip in results.clips if clip.key in noisy]
    if not clips:
        return None
    levels = (CLEAN, *next(iter(noisy.values())))
    rows = [{CLEAN: clip.rows["generated"], **noisy[clip.key]} for clip in clips]
    actors = [clip.actor for clip in clips]
    # Figures of the whole set, such as the rate of closure, are not measured with noise.
    known = [name for name in quantities() if any(name in row[CLEAN] for row in rows)]
    known = [name for name in known if any(name in row[levels[-1]] for row in rows)]
    return NoiseCurve(
        kind=kind,
        clips=len(clips),
        levels=levels,
        figures={
            name: {
                level: mean_over_actors(
                    [row[level].get(name, float("nan")) for row in rows], actors, seed
                )
                for level in levels
            }
            for name in known
        },
    )


def level_name(level_db: float) -> str:
    """Return the name of a level, e.g. `10 dB`."""
    return f"{level_db:g} dB"
