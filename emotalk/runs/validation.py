"""Build the validation of a run."""

import logging

from emotalk.checkpoints.format import ModelFacts
from emotalk.config.run import TrainConfig
from emotalk.config.validation import ValidationConfig
from emotalk.distributed import Runtime
from emotalk.evaluation.clips import spread_clips
from emotalk.evaluation.landmark_models import LandmarkModel, build_landmark_model
from emotalk.evaluation.validation import Validation, read_clips, read_other_speech, sample_keys
from emotalk.shards.joined_set import AnyShardSet, JoinedSet
from emotalk.shards.reader import SampleReader

LOG = logging.getLogger("emotalk.train")


def build_validation(
    config: TrainConfig, runtime: Runtime, shard_set: AnyShardSet, facts: ModelFacts
) -> Validation | None:
    """Return the validation of this process's share of the clips, or None without any."""
    wanted, seed = config.validation, config.seed
    if wanted.clips == 0:
        return None
    without = [part.location for part in shard_set.sets if "val" not in part.split_names]
    if len(without) == len(shard_set.sets):
        LOG.warning("the shard set has no validation split; nothing is validated")
        return None
    for location in without:
        LOG.warning("%s has no validation split; only the other sets are validated", location)
    found = [part for _, part in shard_set.splits("val", of_all=False)]
    samples = spread_clips(
        [sample for part in found for sample in part.samples],
        wanted.clips,
        seed=seed,
        purpose="validation",
        over_actors=False,
    )
    mine = samples[runtime.rank :: runtime.world_size]
    reader = SampleReader(shard_set)
    clips = read_clips(reader, mine, wanted.max_frames, facts.condition)
    return Validation(
        clips=clips,
        other_speech=read_other_speech(reader, samples, clips, seed=seed),
        sample_keys=sample_keys(samples, wanted.samples, facts.condition),
        model=config.model,
        facts=facts,
        landmark_model=validation_landmark_model(wanted),
        seed=seed,
        set_names=shard_set.names if isinstance(shard_set, JoinedSet) else (),
    )


def validation_landmark_model(config: ValidationConfig) -> LandmarkModel | None:
    """Return the landmark model for generated frames, or None if validation uses none.

    Raises:
        WrongUse: the model's files are missing.
    """
    if config.landmarks == "none":
        return None
    return build_landmark_model(config.landmarks, config.finder)
