"""Check and describe a run without starting it."""

from pathlib import Path

from torch._subclasses.fake_tensor import FakeTensorMode

from emotalk.checkpoints.folder import CHECKPOINTS, latest_checkpoint
from emotalk.checkpoints.warm_start import check_start
from emotalk.config.run import TrainConfig
from emotalk.config.shards import shards_text, sources_of
from emotalk.distributed.full_state import full_shapes
from emotalk.errors import WrongUse
from emotalk.redaction import COMMAND
from emotalk.runs.description import (
    data_lines,
    file_lines,
    memory_lines,
    network_lines,
    step_lines,
)
from emotalk.runs.folder import check_run_folder
from emotalk.runs.leakage import leakage_lines
from emotalk.runs.loader import (
    build_train_loader,
    refuse_missing_shards,
    refuse_unlabelled,
    unknown_emotions,
    unknown_intensities,
)
from emotalk.runs.memory_estimate import measure_sizes
from emotalk.runs.networks import build_modules, engine_names, refuse_sharded_generator
from emotalk.runs.validation import validation_landmark_model
from emotalk.shards.joined_set import AnyShardSet, open_shards
from emotalk.shards.shard_set import ShardSet
from emotalk.training.networks import build_features


def describe(config: TrainConfig, *, before_shards: bool = False) -> str:
    """Return a page of text about a run: data, networks, memory, steps and files.

    Nothing is written and no network is allocated. Weights from files are read and checked. With
    `before_shards` the shard set does not exist yet; nothing that depends on it is reported.

    Raises:
        WrongUse: the run itself would be refused before its first step.
    """
    if not before_shards:
        refuse_missing_shards(config)
    commands = any(source.path.startswith(COMMAND) for source in sources_of(config.shards))
    unseen = before_shards or commands  # a dry run executes no command
    shard_set = None if unseen else open_shards(config.shards, config.data.remote)
    check_run_folder(config, shard_set)
    _check_files(config)
    zero = zero_stages(config)
    refuse_sharded_generator(config, zero)
    validation_landmark_model(config.validation)
    _check_weights(config)
    data, clips_per_epoch = ([], None) if before_shards else _shards(config, shard_set)
    sizes = measure_sizes(config)
    lines = [
        *data,
        *network_lines(sizes),
        *memory_lines(config, sizes, zero),
        *step_lines(config, clips_per_epoch),
        *file_lines(config),
    ]
    return "\n".join(lines)


def _shards(config: TrainConfig, shard_set: AnyShardSet | None) -> tuple[list[str], int | None]:
    """Return lines about the shard set and the number of its training clips.

    The number is None where a command lists the shards, because a dry run executes no command.
    """
    if shard_set is None:
        return [
            f"shards   {shards_text(config.shards)}",
            "         a command; a dry run runs none",
            "",
        ], None
    for part in shard_set.sets:
        _check_tars(part)
    refuse_unlabelled(config, shard_set)
    loader = build_train_loader(config, shard_set, world_size=config.runtime.processes)
    described = [
        *loader.describe(),
        *leakage_lines(shard_set),
        *unknown_emotions(loader),
        *unknown_intensities(config, loader),
    ]
    return [*data_lines(config, shard_set, described)], loader.clips_per_epoch


def zero_stages(config: TrainConfig) -> dict[str, int | None]:
    """Return each engine's ZeRO stage, or None for DDP and a single process.

    Raises:
        WrongUse: training would refuse a ZeRO file.
    """
    names = engine_names(config)
    if config.runtime.engine != "deepspeed":
        return dict.fromkeys(names)
    from emotalk.distributed.zero import (  # noqa: PLC0415  takes seconds
        engine_settings,
        stage_of,
    )

    settings = engine_settings(config.runtime.deepspeed, names)
    return {name: stage_of(one) for name, one in settings.items()}


def _check_files(config: TrainConfig) -> None:
    """Raise `WrongUse` if a file that the configuration names does not exist."""
    named: dict[str, Path | None] = {
        "losses.perceptual.weights": config.losses.perceptual.weights,
        "start_from": config.start_from,
    }
    for key, path in named.items():
        if path is not None and not path.exists():
            raise WrongUse(f"{key}={path}: no such file; give the one that is there")


def _check_weights(config: TrainConfig) -> None:
    """Raise `WrongUse` if weights that the run would read do not fit its networks."""
    if config.losses.perceptual.network == "vgg19":
        build_features(config)
    newest = latest_checkpoint(config.run_dir / CHECKPOINTS)
    if config.start_from is None or newest is not None:
        return
    with FakeTensorMode():
        generator, critics = build_modules(config)
    check_start(
        config.start_from,
        full_shapes(generator),
        None if critics is None else full_shapes(critics),
    )


def _check_tars(shard_set: ShardSet) -> None:
    """Raise `WrongUse` if a tar on disk is missing or its size differs from the manifest."""
    folder = Path(shard_set.location)
    if not folder.is_dir():
        return
    for shard in shard_set.manifest.shards:
        path = folder / shard.file
        size = path.stat().st_size if path.is_file() else None
        if size != shard.bytes:
            found = "missing" if size is None else f"{size} bytes"
            raise WrongUse(
                f"{path}: {found}, the manifest says {shard.bytes} bytes; `emotalk inspect "
                f"{folder}` tells more, etl/shard.py makes the set anew"
            )
