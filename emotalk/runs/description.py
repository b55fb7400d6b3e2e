"""Describe a run in text: data, networks, memory, steps and files."""

import json
from collections.abc import Iterator, Mapping

import psutil

from emotalk.checkpoints.folder import CHECKPOINTS, latest_checkpoint
from emotalk.config.run import TrainConfig
from emotalk.config.shards import shards_text
from emotalk.config.stages import StageConfig
from emotalk.counted import counted
from emotalk.redaction import redact
from emotalk.runs.memory_estimate import RunSizes
from emotalk.shards.joined_set import AnyShardSet
from emotalk.tracking.mlflow import tracking_uri

GIB = 2**30
FLOAT = 4  # bytes; weights, gradients and moments are float32
Row = tuple[str, float]


def data_lines(config: TrainConfig, shard_set: AnyShardSet, described: list[str]) -> Iterator[str]:
    """Return lines about the shard set, or the sets together."""
    yield f"shards   {shards_text(config.shards)}"
    splits: dict[str, int] = {}
    for shard in (shard for part in shard_set.sets for shard in part.manifest.shards):
        splits[shard.split] = splits.get(shard.split, 0) + shard.samples
    parts = (f"{name} {counted(count, 'clip', form=',')}" for name, count in splits.items())
    yield "         " + ", ".join(parts)
    for line in described:
        yield f"         training: {line}"
    if config.validation.clips and "val" not in splits:
        yield "         no validation split: nothing is validated"
    yield ""


def network_lines(sizes: RunSizes) -> Iterator[str]:
    """Return lines about the sizes of the networks."""
    yield f"{'networks':36}{'parameters':>14}"
    for name, count in sizes.parameters.items():
        title = name if name == "generator" else f"{name} discriminator"
        yield f"  {title:34}{count:>14,}"
    yield f"  {'together':34}{sum(sizes.parameters.values()):>14,}"
    if sizes.features:
        yield f"  {'perceptual features (frozen)':34}{sizes.features:>14,}"
    yield ""


def memory_lines(
    config: TrainConfig, sizes: RunSizes, zero: Mapping[str, int | None]
) -> Iterator[str]:
    """Return lines about the memory of a process."""
    rows = memory_rows(config, sizes, zero)
    how = ", ".join(
        f"{name} {'DDP' if stage is None else f'ZeRO-{stage}'}" for name, stage in zero.items()
    )
    processes = config.runtime.processes
    many = f"{processes} processes, {how}" if processes > 1 or how.count("ZeRO") else "one process"
    yield f"{f'memory of a process ({many})':46}{'GiB':>8}"
    for name, size in rows:
        yield f"  {name:44}{size / GIB:>8.2f}"
    yield f"  {'together, estimated':44}{sum(size for _, size in rows) / GIB:>8.2f}"
    yield "  (on a CPU, kernels' buffers and allocator gaps can take the activations once more)"
    yield ""


def memory_rows(
    config: TrainConfig, measured: RunSizes, zero: Mapping[str, int | None]
) -> list[Row]:
    """Return the parts of a process's memory: (name, bytes).

    ZeRO shards Adam's moments from stage 1 on, gradients from stage 2 on and weights at stage 3. It
    keeps a float32 copy of its shard of the weights.
    """
    processes = config.runtime.processes
    sizes = {"generator": measured.parameters["generator"]}
    if len(measured.parameters) > 1:
        sizes["discriminators"] = sum(measured.parameters.values()) - sizes["generator"]

    def total(copies: int, sharded_from: int) -> float:
        parts = (
            count / (processes if (zero.get(name) or 0) >= sharded_from else 1)
            for name, count in sizes.items()
        )
        return sum(parts) * FLOAT * copies

    own = sum(n / processes for name, n in sizes.items() if (zero.get(name) or 0) >= 1) * FLOAT
    average = sizes["generator"] * FLOAT if config.optim.ema else 0
    saved = sum(sizes.values()) * FLOAT * 3 + average
    rows = [
        ("weights", total(1, 3)),
        ("gradients", total(1, 2)),
        ("Adam's moments", total(2, 1)),
        ("ZeRO's own copy of its part", own),
        ("running average", average),
        ("perceptual features", measured.features * FLOAT),
        ("activations, at the peak of a step", max(measured.activations.values())),
        ("copy while a checkpoint is written (rank 0)", saved),
        ("the program itself", psutil.Process().memory_info().rss),
    ]
    return [(name, float(size)) for name, size in rows if size]


def step_lines(config: TrainConfig, clips_per_epoch: int | None) -> Iterator[str]:
    """Return lines about steps, batches and stages."""
    runtime, batch = config.runtime, config.data.batch_size
    size = counted(batch, "clip")
    if clips_per_epoch is None:
        yield f"steps    of {size}"
    else:
        total = config.total_steps(clips_per_epoch)
        epochs = total * batch / max(clips_per_epoch, 1)
        yield f"steps    {total:,} of {size}: {epochs:.1f} passes over the training clips"
    yield (
        f"         a step: {runtime.processes} process(es) x {runtime.accumulate} micro-batch(es) "
        f"x {config.clips_a_micro_batch} clip(s) x {config.data.frames} frames"
    )
    for stage in config.stages:
        known = stage.iterations is not None or clips_per_epoch is not None
        length = counted(stage.steps(clips_per_epoch or 0, batch), "step", form=",")
        yield from _stage_lines(
            stage, length if known else f"{stage.epochs:g} passes over the clips"
        )
    yield ""


def _stage_lines(stage: StageConfig, length: str) -> Iterator[str]:
    yield f"  {stage.name}: {length}"
    for update in stage.updates:
        when = "every step" if update.every == 1 else f"step {update.offset} of {update.every}"
        yield f"    {update.network}, {when}, lr {update.lr:g}"
        for term, weight in update.losses.items():
            yield f"      {weight:>8g}  {term}" + ("" if weight else "  (reported, not trained)")


def file_lines(config: TrainConfig) -> Iterator[str]:
    """Return lines about the files that the run writes."""
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
        names = json.dumps(config.tracking.mlflow.experiment)
        yield f"MLflow   {redact(tracking_uri(config.tracking.mlflow))}, experiment {names}"
