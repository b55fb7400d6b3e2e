"""Read the true clips that a classifier of emotions is fitted to."""

import logging
from collections import Counter
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from emotalk.errors import WrongUse
from emotalk.evaluation.clips import spread_clips
from emotalk.evaluation.fitted_emotions.frames import look
from emotalk.evaluation.progress import progress
from emotalk.schema import EMOTIONS, Bytes
from emotalk.shards.clip import read_window
from emotalk.shards.joined_set import AnyShardSet
from emotalk.shards.reader import DataFault, SampleReader
from emotalk.shards.sample_table import Sample

LEAST_CLIPS = 24
LEAST_OF_EMOTION = 6  # an emotion with fewer clips cannot be learnt
LEAST_EMOTIONS = 2
ADVICE = "judge by a model of your own (emotion.by=onnx), or leave emotions out (emotion.by=none)"

LOG = logging.getLogger(__name__)


class TrainingClips(NamedTuple):
    """Clips as the classifier sees them, and whom they show."""

    looks: list[Bytes]  # grey frames (T, 64, 64) of each clip
    emotion_B: NDArray[np.int64]  # indices in `schema.EMOTIONS`
    actors: int


def choose_training_clips(shard_set: AnyShardSet, count: int, seed: int) -> list[Sample]:
    """Return clips of the training split, spread over emotions and actors.

    Raises:
        WrongUse: there is no training split, or it has too few emotions, clips or people.
    """
    samples = [s for s in shard_set.split("train").samples if s.emotion in EMOTIONS]
    counts = Counter(sample.emotion for sample in samples)
    found = ", ".join(f"{name} {count}" for name, count in sorted(counts.items(), key=str))
    begin = f"emotion.by=fitted: the training split of {shard_set.location} has"
    known = [name for name, clips in counts.items() if clips >= LEAST_OF_EMOTION]
    if len(known) < LEAST_EMOTIONS:
        raise WrongUse(
            f"{begin} {found or 'no clip of a known emotion'}: at least {LEAST_EMOTIONS} emotions "
            f"with {LEAST_OF_EMOTION} clips each are needed to fit a classifier; {ADVICE}"
        )
    samples = [sample for sample in samples if sample.emotion in known]
    if len(samples) < LEAST_CLIPS:
        raise WrongUse(
            f"{begin} {len(samples)} clips of known emotion ({found}): at least {LEAST_CLIPS} are "
            f"needed to fit a classifier; {ADVICE}"
        )
    _refuse_one_person(shard_set, {sample.actor for sample in samples}, begin)
    for name in sorted(set(EMOTIONS) - set(known)):
        LOG.warning(
            "the fitted judge never says %s: the training split has %d clips of it, fewer than %d",
            name, counts[name], LEAST_OF_EMOTION,
        )  # fmt: skip
    return spread_clips(samples, count, seed=seed, purpose="fitted emotions", over_actors=True)


def read_training_clips(shard_set: AnyShardSet, samples: list[Sample]) -> TrainingClips:
    """Return the clips of the samples; damaged ones are named and left out."""
    reader = SampleReader(shard_set)
    looks: list[Bytes] = []
    kept: list[Sample] = []
    with progress() as bar:
        task = bar.add_task("reading training clips", total=len(samples))
        for sample in samples:
            try:
                clip = read_window(reader, sample, start=0, frames=sample.frames, extras=())
            except DataFault as fault:
                LOG.warning("%s is left out: %s", sample.key, fault)
            else:
                looks.append(look(clip.video_THWC))
                kept.append(sample)
            bar.advance(task)
    emotions = [EMOTIONS.index(sample.emotion) for sample in kept if sample.emotion is not None]
    actors = len({sample.actor for sample in kept})
    return TrainingClips(looks, np.array(emotions, np.int64), actors)


def _refuse_one_person(shard_set: AnyShardSet, actors: set[str], begin: str) -> None:
    """Refuse a single person, unless the set shows nobody else."""
    others = {
        sample.actor
        for name in ("val", "test")
        if name in shard_set.split_names
        for _, split in shard_set.splits(name, of_all=False)
        for sample in split.samples
    } - actors
    if len(actors) == 1 and others:
        raise WrongUse(
            f"{begin} one actor, {next(iter(actors))}, and the classifier would judge others "
            f"({', '.join(sorted(others)[:3])}): its ceiling would say nothing; {ADVICE}"
        )
