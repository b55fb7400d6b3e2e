"""Describe a run before it is made, with the same refusals as the run itself."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path

import psutil
from torch._subclasses.fake_tensor import FakeTensorMode

from emotalk.checkpoints.folder import CHECKPOINTS, latest_checkpoint
from emotalk.checkpoints.warm_start import check_start
from emotalk.config.run import TrainConfig
from emotalk.config.stages import StageConfig
from emotalk.distributed.full_state import full_shapes
from emotalk.errors import WrongUse
from emotalk.masking import COMMAND, masked, masked_command, masked_setting
from emotalk.runs.facts import model_facts
from emotalk.runs.folder import check_run_folder
from emotalk.runs.loader import build_train_loader, refuse_missing_shards, unknown_intensities
from emotalk.runs.memory_estimate import FLOAT, Shadow, shadow_run
from emotalk.runs.networks import build_modules, engine_names, refuse_beside_zero
from emotalk.runs.validation import landmark_finder
from emotalk.shards.shard_set import ShardSet
from emotalk.training.networks import build_features

GIB = 2**30
# Of what the backward pass keeps: so much more is taken at the peak. On CPUs 0.55 to 0.91 of it at
# widths of 0.25 to 1 and 25 or 50 frames (tests/benchmarks/bench_memory.py).
PASSING = 0.8
Row = tuple[str, float]


def describe(config: TrainConfig, *, before_shards: bool = False) -> str:
    """Return data, networks, memory, steps and files of a run, a page of text.

    Nothing is written, no network is made; weights that a file brings are read and compared.

    Args:
        config: of the run.
        before_shards: the shard set is yet to be made: nothing is said of it, nor of what follows
            from its number of clips.

    Raises:
        WrongUse: what the run itself would refuse before its first step.
    """
    if not before_shards:
        refuse_missing_shards(config)
    unseen = before_shards or config.shards.startswith(COMMAND)  # a dry run runs no command
    check_run_folder(config, before_shards=unseen)
    _check_files(config)
    zero = zero_stages(config)
    refuse_beside_zero(config, zero)
    landmark_finder(config.validation)
    _check_weights(config)
    data, clips_per_epoch = ([], None) if before_shards else _shards(config)
    shadow = shadow_run(config, model_facts(config))
    lines = [
        *data,
        *_networks(shadow),
        *_memory(config, shadow, zero),
        *_steps(config, clips_per_epoch),
        *_files(config),
    ]
    return "\n".join(lines)


def _shards(config: TrainConfig) -> tuple[list[str], int | None]:
    """Return what is said of the shard set, and the clips of a pass over its training part.

    A dry run runs no command: where one must tell, the clips are not known.
    """
    if config.shards.startswith(COMMAND):
        shown = masked_command(config.shards)
        return [f"shards   {shown}", "         a command; a dry run runs none", ""], None
    shard_set = ShardSet.open(config.shards, config.data.remote)
    _check_tars(shard_set)
    loader = build_train_loader(config, world_size=config.runtime.processes)
    described = [*loader.describe(), *unknown_intensities(config, loader)]
    return [*_data(config, shard_set, described)], loader.clips_per_epoch


def zero_stages(config: TrainConfig) -> dict[str, int | None]:
    """Return each engine's ZeRO stage; None where DDP or a single process drives it.

    Raises:
        WrongUse: a ZeRO file that training would refuse.
    """
    names = engine_names(config)
    if config.runtime.engine != "deepspeed":
        return dict.fromkeys(names)
    from emotalk.distributed.zero import (  # noqa: PLC0415  seconds, where it is asked
        engine_settings,
        stage_of,
    )

    settings = engine_settings(config.runtime.deepspeed, names)
    return {name: stage_of(one) for name, one in settings.items()}


def _check_files(config: TrainConfig) -> None:
    """Refuse files named by the configuration that are not there."""
    named: dict[str, Path | None] = {
        "losses.perceptual.weights": config.losses.perceptual.weights,
        "start_from": config.start_from,
    }
    for key, path in named.items():
        if path is not None and not path.exists():
            raise WrongUse(f"{key}={path}: no such file; give the one that is there")


def _check_weights(config: TrainConfig) -> None:
    """Refuse weights that the run would begin with or compare by, and that are of other sizes."""
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
    """Refuse tars on disk that are missing or of another length than the manifest says."""
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


def _data(config: TrainConfig, shard_set: ShardSet, described: list[str]) -> Iterator[str]:
    yield f"shards   {masked_setting(config.shards)}"
    splits: dict[str, int] = {}
    for shard in shard_set.manifest.shards:
        splits[shard.split] = splits.get(shard.split, 0) + shard.samples
    yield "         " + ", ".join(f"{name} {count:,} clips" for name, count in splits.items())
    for line in described:
        yield f"         training: {line}"
    if config.validation.clips and "val" not in splits:
        yield "         no validation split: nothing is validated"
    yield ""


def _networks(shadow: Shadow) -> Iterator[str]:
    yield f"{'networks':36}{'parameters':>14}"
    for name, count in shadow.parameters.items():
        title = name if name == "generator" else f"{name} discriminator"
        yield f"  {title:34}{count:>14,}"
    yield f"  {'together':34}{sum(shadow.parameters.values()):>14,}"
    if shadow.features:
        yield f"  {'perceptual features (frozen)':34}{shadow.features:>14,}"
    yield ""


def _memory(config: TrainConfig, shadow: Shadow, zero: Mapping[str, int | None]) -> Iterator[str]:
    rows = memory_rows(config, shadow, zero)
    how = ", ".join(
        f"{name} {'DDP' if stage is None else f'ZeRO-{stage}'}" for name, stage in zero.items()
    )
    processes = config.runtime.processes
    many = f"{processes} processes, {how}" if processes > 1 or how.count("ZeRO") else "one process"
    yield f"{f'memory of a process ({many})':46}{'GiB':>8}"
    for name, size in rows:
        yield f"  {name:44}{size / GIB:>8.2f}"
    yield f"  {'together, estimated':44}{sum(size for _, size in rows) / GIB:>8.2f}"
    yield ""


def memory_rows(config: TrainConfig, shadow: Shadow, zero: Mapping[str, int | None]) -> list[Row]:
    """Return what fills a process's memory: (name, bytes).

    ZeRO spreads Adam's moments from stage 1 on, gradients from 2, weights at 3; it keeps a float32
    copy of its part of the weights.
    """
    processes = config.runtime.processes
    sizes = {"generator": shadow.parameters["generator"]}
    if len(shadow.parameters) > 1:
        sizes["discriminators"] = sum(shadow.parameters.values()) - sizes["generator"]

    def total(copies: int, spread_from: int) -> float:
        parts = (
            count / (processes if (zero.get(name) or 0) >= spread_from else 1)
            for name, count in sizes.items()
        )
        return sum(parts) * FLOAT * copies

    own = sum(n / processes for name, n in sizes.items() if (zero.get(name) or 0) >= 1) * FLOAT
    average = sizes["generator"] * FLOAT if config.optim.ema else 0
    saved = sum(sizes.values()) * FLOAT * 3 + average
    kept = max(shadow.activations.values())
    rows = [
        ("weights", total(1, 3)),
        ("gradients", total(1, 2)),
        ("Adam's moments", total(2, 1)),
        ("ZeRO's own copy of its part", own),
        ("running average", average),
        ("perceptual features", shadow.features * FLOAT),
        ("kept for the backward pass, at most", kept),
        ("passing results, and gaps between pieces", PASSING * kept),
        ("copy while a checkpoint is written (rank 0)", saved),
        ("the program itself", psutil.Process().memory_info().rss),
    ]
    return [(name, float(size)) for name, size in rows if size]


def _steps(config: TrainConfig, clips_per_epoch: int | None) -> Iterator[str]:
    runtime, batch = config.runtime, config.data.batch_size
    if clips_per_epoch is None:
        yield f"steps    of {batch} clips"
    else:
        total = config.total_steps(clips_per_epoch)
        epochs = total * batch / max(clips_per_epoch, 1)
        yield f"steps    {total:,} of {batch} clips: {epochs:.1f} passes over the training clips"
    yield (
        f"         a step: {runtime.processes} process(es) x {runtime.accumulate} micro-batch(es) "
        f"x {config.clips_a_micro_batch} clip(s) x {config.data.frames} frames"
    )
    for stage in config.stages:
        known = stage.iterations is not None or clips_per_epoch is not None
        length = f"{stage.steps(clips_per_epoch or 0, batch):,} steps"
        yield from _stage(stage, length if known else f"{stage.epochs:g} passes over the clips")
    yield ""


def _stage(stage: StageConfig, length: str) -> Iterator[str]:
    yield f"  {stage.name}: {length}"
    for update in stage.updates:
        when = "every step" if update.every == 1 else f"step {update.offset} of {update.every}"
        yield f"    {update.network}, {when}, lr {update.lr:g}"
        for term, weight in update.losses.items():
            yield f"      {weight:>8g}  {term}" + ("" if weight else "  (reported, not trained)")


def _files(config: TrainConfig) -> Iterator[str]:
    folder, every = config.run_dir, config.checkpoint.every
    newest = latest_checkpoint(folder / CHECKPOINTS)
    yield f"run_dir  {folder}: " + (f"goes on from {newest.name}" if newest else "a new run")
    yield "  config.yaml, status.json"
    if config.tracking.mlflow.enabled:
        yield "  mlflow.json, artifacts.jsonl"
    yield f"  metrics.jsonl               a line every {config.tracking.log_every} steps"
    when = f"every {every} steps and at the end" if every else "at the end, and on a signal"
    kept = f"last {config.checkpoint.keep_last}"
    kept += (
        "" if config.checkpoint.keep_best == "none" else f" and best {config.checkpoint.keep_best}"
    )
    yield f"  checkpoints/step-XXXXXX/    {when}; kept: {kept}"
    if config.validation.clips:
        shown = config.validation.samples
        when = f"every {config.validation.every} steps" if config.validation.every else "at the end"
        yield f"  samples/step-XXXXXX/        {shown} videos and grid.png {when}"
    if config.tracking.mlflow.enabled:
        from emotalk.tracking.mlflow import tracking_uri  # noqa: PLC0415

        names = json.dumps(config.tracking.mlflow.experiment)
        yield f"MLflow   {masked(tracking_uri(config.tracking.mlflow))}, experiment {names}"
