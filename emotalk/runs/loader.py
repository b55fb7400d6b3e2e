"""Build the loader of a run's training clips."""

from emotalk.config.data import DataConfig
from emotalk.config.run import TrainConfig
from emotalk.data.loader import ClipLoader, build_loader
from emotalk.errors import WrongUse, refused_name
from emotalk.runs.facts import model_facts
from emotalk.shards.remote_storage import folder_of
from emotalk.shards.shard_set import ShardSet
from emotalk.training.critics import CRITICS


def build_train_loader(
    config: TrainConfig, shard_set: ShardSet, rank: int = 0, world_size: int = 1
) -> ClipLoader:
    """Return the loader of a process's training clips, with the inputs of the discriminators."""
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


def unknown_intensities(config: TrainConfig, loader: ClipLoader) -> list[str]:
    """Return a line about clips of unknown intensity if the run uses intensities."""
    unknown = sum(sample.intensity is None for sample in loader.samples)
    if not config.emotion.use_intensity or unknown == 0:
        return []
    return [
        f"emotion.use_intensity: {unknown} of {len(loader.samples)} clips do not say how strongly "
        "they feel; they count as 1"
    ]


def refuse_missing_shards(config: TrainConfig) -> None:
    """Raise `WrongUse` if the shard set is a local folder that does not exist."""
    folder = folder_of(config.shards)
    try:
        there = folder is None or folder.is_dir()
    except OSError as error:  # a name that is too long, a folder without permission
        refused = refused_name(error) or f"{folder}: {error.strerror}"
        raise WrongUse(f"shards: {refused}") from None
    if not there:
        raise WrongUse(
            f"shards={config.shards}: no such folder; make a shard set with `python etl/shard.py "
            "configs/etl/crema_d.yaml source=DIR output=DIR` and give its output here"
        )
