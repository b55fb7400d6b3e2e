"""Make the baseline of other speech: a clip's video or mouth generated for another sentence."""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from heapq import nsmallest

import numpy as np

from emotalk.evaluation.quantities.lip_sync import lip_sync_figures
from emotalk.evaluation.results import Results
from emotalk.schema import SAMPLES_PER_FRAME, Floats
from emotalk.seeding import draw_seed
from emotalk.shards.clip import Clip
from emotalk.shards.sample_table import Sample


def choose_partners(
    samples: Sequence[Sample], sentences: Sequence[Hashable], *, seed: int
) -> dict[str, Sample]:
    """Return key -> the first of a sample's others, without the keys that have none."""
    others = choose_others(samples, sentences, count=1, seed=seed)
    return {key: found[0] for key, found in others.items()}


def choose_others(
    samples: Sequence[Sample], sentences: Sequence[Hashable], *, count: int, seed: int
) -> dict[str, list[Sample]]:
    """Return key -> up to `count` samples of other sentences, without the keys that have none.

    Samples of the same actor are preferred, since only the words differ then. Among equals a keyed
    draw decides, so that a new sample does not change the others' order. Keys are unique.
    """
    said = list(zip(samples, sentences, strict=True))
    chosen: dict[str, list[Sample]] = {}
    for sample, sentence in said:
        others = [other for other, words in said if words != sentence]
        if others:
            chosen[sample.key] = nsmallest(count, others, key=partial(_preference, sample, seed))
    return chosen


def _preference(sample: Sample, seed: int, other: Sample) -> tuple[bool, int]:
    return sample.actor != other.actor, draw_seed(seed, "partner", sample.key, other.key)


def fit_length(speech_S: Floats, clip: Clip) -> Floats:
    """Return another clip's speech, cut or padded with silence to the length of this clip."""
    wanted = len(clip.video_THWC) * SAMPLES_PER_FRAME
    return np.pad(speech_S[:wanted], (0, max(0, wanted - len(speech_S))))


def compare_curves(results: Results, partners: Mapping[str, Sample]) -> None:
    """Add the row of other speech: the mouth generated for the partner against the true mouth."""
    generated = {clip.key: clip.openings["generated"] for clip in results.clips}
    for place, clip in enumerate(results.clips):
        partner = partners.get(clip.key)
        if partner is None or partner.key not in generated:
            continue
        opening_T = generated[partner.key]
        figures = lip_sync_figures(opening_T, clip.openings["truth"], clip.voiced_T)
        rows = {**clip.rows, "other_speech": figures}
        openings = {**clip.openings, "other_speech": opening_T}
        results.clips[place] = replace(clip, rows=rows, openings=openings)
