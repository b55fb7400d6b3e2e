"""Build the validation of a run."""

import logging

from emotalk.checkpoints.format import ModelFacts
from emotalk.config.run import TrainConfig
from emotalk.config.validation import ValidationConfig
from emotalk.distributed import Runtime
from emotalk.evaluation.validation import (
    FindLandmarks,
    Validation,
    choose_clips,
    read_clips,
    read_other_speech,
    shown_keys,
)
from emotalk.shards.shard_set import ShardSet

LOG = logging.getLogger("emotalk.train")


def build_validation(
    config: TrainConfig, runtime: Runtime, shard_set: ShardSet, facts: ModelFacts
) -> Validation | None:
    """Return the validation of this process's share of the clips, or None without any."""
    wanted = config.validation
    if wanted.clips == 0:
        return None
    if "val" not in shard_set.manifest.split_names:
        LOG.warning("the shard set has no validation split; nothing is validated")
        return None
    chosen = choose_clips(shard_set.split("val").samples, wanted.clips, config.seed)
    mine = chosen[runtime.rank :: runtime.world_size]
    clips = read_clips(shard_set, mine, wanted, config.data.condition)
    return Validation(
        clips=clips,
        other_speech=read_other_speech(shard_set, chosen, clips, config.seed),
        shown=shown_keys(chosen, wanted.samples, config.data.condition),
        config=wanted,
        model=config.model,
        facts=facts,
        find_landmarks=landmark_finder(wanted),
        seed=config.seed,
    )


def landmark_finder(config: ValidationConfig) -> FindLandmarks | None:
    """Return the landmark model for generated frames, or None if validation uses none.

    Raises:
        WrongUse: the models are not there.
    """
    if config.landmarks == "none":
        return None
    if config.landmarks == "judge":
        from emotalk.pretrained import load_landmark_judge  # noqa: PLC0415  on request

        return load_landmark_judge().landmarks
    from emotalk.faces.crop_landmarks import CropLandmarks  # noqa: PLC0415  on request
    from emotalk.faces.landmarks import build_finder  # noqa: PLC0415

    finder = config.finder.model_copy(update={"backend": config.landmarks})
    return CropLandmarks(build_finder(finder))
