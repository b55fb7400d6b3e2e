"""Build the loader of a run's training clips."""

from functools import partial

import numpy as np

from emotalk.config.data import DataConfig
from emotalk.config.run import TrainConfig
from emotalk.config.shards import sources_of
from emotalk.data.loader import ClipLoader, build_loader
from emotalk.distributed import Runtime
from emotalk.errors import WrongUse, refused_name
from emotalk.runs.facts import model_facts
from emotalk.schema import NEUTRAL
from emotalk.shards.joined_set import AnyShardSet, open_shards
from emotalk.shards.remote_storage import folder_of
from emotalk.shards.sample_table import NO_EMOTION
from emotalk.training.critics import CRITICS
from emotalk.training.objective import terms_of_emotion

UNLABELLED = "configs/train/unlabelled.yaml"
"""The preset for clips without any emotion labels."""


def open_shards_together(config: TrainConfig, runtime: Runtime) -> AnyShardSet:
    """Return the shard set of a run with the samples of the splits that it reads.

    One process of each node reads manifests and indexes and looks at the sizes of the tars.

    Raises:
        WrongUse: as `open_shards`; a set has no training split, or an index is faulty.
    """
    once = runtime.read_once_a_node
    shard_set = open_shards(config.shards, config.data.remote, once)
    names = ("train", "val") if config.validation.clips else ("train",)
    for part in shard_set.sets:
        part.look_at_tars(names, once)
        for name in names:
            if name == "train" or name in part.split_names:
                split = once(partial(part.split, name))
                part.keep_split(name, split)
    return shard_set


def build_train_loader(
    config: TrainConfig, shard_set: AnyShardSet, rank: int = 0, world_size: int = 1
) -> ClipLoader:
    """Return the loader of a process's training clips, with another clip's speech where it serves.

    Discriminators compare with it.
    """
    trained = set().union(*(stage.terms for stage in config.stages))
    other_speech = any(
        critic.needs_other_speech and f"discriminators.{name}" in trained
        for name, critic in CRITICS.items()
    )
    data: DataConfig = config.data.model_copy(update={"other_speech": other_speech})
    return build_loader(
        data,
        shard_set,
        "train",
        seed=config.seed,
        emotions=model_facts(config).emotions,
        rank=rank,
        world_size=world_size,
    )


def unknown_emotions(loader: ClipLoader) -> list[str]:
    """Return a line about clips of unknown emotion, if there are any."""
    unknown = int(np.count_nonzero(loader.samples.emotion_N == NO_EMOTION))
    if unknown == 0:
        return []
    return [
        f"the emotion of {unknown} of {len(loader.samples)} clips is unknown: the generator gets "
        f"{NEUTRAL} for them, and losses of the emotion leave them out"
    ]


def unknown_intensities(config: TrainConfig, loader: ClipLoader) -> list[str]:
    """Return a line about clips of unknown intensity if the run uses intensities."""
    unknown = int(np.count_nonzero(np.isnan(loader.samples.intensity_N)))
    if not config.emotion.use_intensity or unknown == 0:
        return []
    return [
        f"emotion.use_intensity: {unknown} of {len(loader.samples)} clips do not say how strongly "
        "they feel; they count as 1"
    ]


def refuse_missing_shards(config: TrainConfig) -> None:
    """Raise `WrongUse` if a shard set is a local folder that does not exist."""
    for source in sources_of(config.shards):
        folder = folder_of(source.path)
        try:
            there = folder is None or folder.is_dir()
        except OSError as error:  # a name that is too long, a folder without permission
            refused = refused_name(error) or f"{folder}: {error.strerror}"
            raise WrongUse(f"shards: {refused}") from None
        if not there:
            raise WrongUse(
                f"shards={source.path}: no such folder; make a shard set with `python "
                "etl/shard.py configs/etl/crema_d.yaml source=DIR output=DIR` and give its output "
                "here"
            )


def refuse_unlabelled(config: TrainConfig, shard_set: AnyShardSet) -> None:
    """Raise `WrongUse` if the run has losses of the emotion and no training clip has a label.

    It comes before the run folder is claimed, so that the preset it names can have that folder.
    """
    asking = [
        f"stages.{stage.name}.updates.{number}.losses.{term}"
        for stage in config.stages
        for number, update in enumerate(stage.updates)
        for term in sorted(terms_of_emotion(update))
    ]
    if not asking:
        return
    if shard_set.split("train").samples.emotions() == (None,):
        raise WrongUse(
            f"{shard_set.location}: no training clip has a known emotion, but "
            f"{', '.join(asking)} learn from it; train with {UNLABELLED}, which has no such "
            "losses, or fill in the column emotion of clips.csv and make the shards again"
        )
