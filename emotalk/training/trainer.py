"""The loop: batches in, steps made, figures out, state saved, until done or told to stop."""

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from emotalk.checkpoints.background_writer import BackgroundWriter
from emotalk.checkpoints.best import remember_best
from emotalk.checkpoints.folder import CHECKPOINTS, latest_checkpoint
from emotalk.checkpoints.format import ModelFacts
from emotalk.checkpoints.snapshot import take_snapshot
from emotalk.checkpoints.train_state import TrainState
from emotalk.config.run import TrainConfig
from emotalk.data.batch import ClipBatch
from emotalk.data.loader import ClipLoader
from emotalk.data.workers import Interrupted
from emotalk.distributed import Runtime
from emotalk.evaluation.sample_videos import sample_files
from emotalk.evaluation.validation import Validation
from emotalk.models import Generator
from emotalk.models.ema import Ema
from emotalk.models.modes import evaluation_mode
from emotalk.tracking.tracker import Tracker
from emotalk.training.input_preparation import ClipInputs, InputPreparation
from emotalk.training.networks import Networks
from emotalk.training.not_finite import NonFiniteTrainingError, describe
from emotalk.training.schedule import DueUpdate, Schedule
from emotalk.training.speed import Speed
from emotalk.training.steps import (
    Divisor,
    NonFiniteUpdateError,
    StepReport,
    discriminator_step,
    generator_step,
)

LOG = logging.getLogger("emotalk.train")


@dataclass(frozen=True)
class Parts:
    """Everything a run is made of, built from outside."""

    config: TrainConfig
    runtime: Runtime
    networks: Networks
    ema: Ema | None
    inputs: InputPreparation
    loader: ClipLoader
    validation: Validation | None
    tracker: Tracker
    facts: ModelFacts
    stop_asked: Callable[[], bool]


class Trainer:
    """Runs the schedule from where `state` stands."""

    def __init__(self, parts: Parts, state: TrainState) -> None:
        """Take the parts and the state they were brought to."""
        self._parts, self.state = parts, state
        self._schedule = Schedule(
            parts.config.stages,
            clips_per_epoch=parts.loader.clips_per_epoch,
            batch_size=parts.config.data.batch_size,
        )
        self._speed = Speed()
        self._batches = iter(parts.loader)
        self._saver = BackgroundWriter(
            parts.config.run_dir / CHECKPOINTS,
            parts.config.model,
            parts.facts,
            keep_last=parts.config.checkpoint.keep_last,
            written=self._upload,
            whole=state.step or None,
        )

    def run(self) -> str:
        """Train to the end; return `done`, or `preempted` when a signal asked for it.

        Raises:
            NonFiniteTrainingError: a loss or a gradient became NaN or infinite.
            OSError: a checkpoint could not be written.
        """
        state = "done"
        if self.state.step >= self._schedule.steps and self._parts.runtime.is_main:
            LOG.info(
                "all %d steps were made before; more iterations of the last stage, "
                "stages.%s.iterations=N, or stages after it make the run longer",
                self._schedule.steps,
                self._parts.config.stages[-1].name,
            )
        while self.state.step < self._schedule.steps and state == "done":
            if self._train_one():
                self._save()
                state = "preempted"
        self._saver.finish()
        self._parts.runtime.barrier()
        return state

    def finish(self, state: str) -> None:
        """Tell the trackers how the run ended."""
        self._parts.tracker.finish(state)

    def _train_one(self) -> bool:
        """Make one step and what is due after it, or return True: a process was told to stop."""
        parts, state = self._parts, self.state
        self._saver.check()
        with self._speed.waiting():
            batch = self._next_batch()
        valid, signals = self._count(batch)
        if signals or batch is None:
            return True
        plan = self._schedule.plan(state.step)
        micro_batches = parts.inputs.micro_batches(batch, state.step)
        divisor = Divisor(valid, parts.runtime.world_size)
        reports: list[StepReport] = []
        for due in plan.updates:
            try:
                reports.append(self._update(due, micro_batches, divisor))
            except NonFiniteUpdateError as error:
                raise self._not_finite(error, batch, changed=bool(reports)) from error
        state.step += 1
        state.clips_seen += valid
        state.faults += parts.config.data.batch_size - valid
        self._speed.add(valid, valid * batch.video_BTCHW.shape[1])
        self._collect(plan.updates, reports, valid)
        last = state.step == self._schedule.steps
        if last or state.step % parts.config.tracking.log_every == 0:
            self._log()
        best = False
        if last or _is_due(state.step, parts.config.validation.every):
            best = self._validate()
        if last or best or _is_due(state.step, parts.config.checkpoint.every):
            self._save()
        return False

    def _next_batch(self) -> ClipBatch | None:
        """Return the next batch, or None where a signal came while it was waited for."""
        try:
            return next(self._batches)
        except Interrupted:
            return None

    def _count(self, batch: ClipBatch | None) -> tuple[int, int]:
        """Return the step's valid clips and the processes a signal came to, over all of them."""
        valid = 0.0 if batch is None else float(batch.valid_B.sum())
        mine = [valid, float(batch is None or self._parts.stop_asked())]
        numbers = torch.tensor(mine, device=self._parts.runtime.device)
        clips, signals = self._parts.runtime.sum(numbers).tolist()
        return int(clips), int(signals)

    def _update(
        self, due: DueUpdate, micro_batches: Sequence[ClipInputs], divisor: Divisor
    ) -> StepReport:
        networks, config = self._parts.networks, self._parts.config
        if due.update.network == "discriminators":
            penalty = config.losses.gradient_penalty
            return discriminator_step(
                micro_batches, networks, due.update, divisor, due.lr, penalty_weight=penalty
            )
        report = generator_step(micro_batches, networks, due.update, divisor, due.lr)
        if self._parts.ema is not None:
            self._parts.ema.update(networks.generator.module)
        return report

    def _collect(
        self, updates: Sequence[DueUpdate], reports: Sequence[StepReport], valid: int
    ) -> None:
        """Add the step's figures to the running sums; of the learning rate the latest is kept.

        An alternating stage makes one network's update in a step, and log lines may all fall on the
        other's: what is logged is of every update since the last line.
        """
        for due, report in zip(updates, reports, strict=True):
            prefix = f"train/{due.update.network}"
            self._add(f"{prefix}/grad_norm", report.grad_norm)
            self.state.sums[f"{prefix}/lr"] = (report.lr, 1)
            totals = self._parts.runtime.sum(torch.stack(list(report.sums.values()))).tolist()
            total = 0.0
            for name, value in zip(report.sums, totals, strict=True):
                mean = value / max(valid, 1)
                weight = report.weights.get(name, 0.0)
                total += weight * mean
                self._add(f"{prefix}/{name}", mean)
                self._add(f"{prefix}/{name}_weighted", weight * mean)
            self._add(f"{prefix}/total", total)

    def _add(self, name: str, value: float) -> None:
        total, count = self.state.sums.get(name, (0.0, 0))
        self.state.sums[name] = (total + value, count + 1)

    def _log(self) -> None:
        means = {name: total / count for name, (total, count) in self.state.sums.items()}
        self.state.sums.clear()
        if self._parts.runtime.is_main:
            counts = {
                "clips": float(self.state.clips_seen),
                "data/faults": float(self.state.faults),
            }
            figures = {**counts, **means, **self._speed.read()}
            self._parts.tracker.log(self.state.step, figures)

    def _validate(self) -> bool:
        """Measure and show what the generator makes; return whether it was never better."""
        parts, state = self._parts, self.state
        if parts.validation is None:
            return False
        samples = parts.config.run_dir / "samples" / f"step-{state.step:06d}"
        generator = parts.networks.generator.module if parts.ema is None else parts.ema.module
        assert isinstance(generator, Generator)
        with self._speed.paused(), evaluation_mode(generator):
            figures = parts.validation.measure(
                generator, parts.runtime, samples if parts.runtime.is_main else None
            )
        best = remember_best(state, figures, parts.config)
        state.validation = {"step": float(state.step), **figures}
        if parts.runtime.is_main:
            parts.tracker.log(state.step, figures)
            for file in sample_files(samples):
                parts.tracker.artifact(file, f"samples/{samples.name}")
        return best

    def _save(self) -> None:
        """Copy the present state; the main process goes on to write it beside the training."""
        parts, began = self._parts, time.monotonic()
        snapshot = take_snapshot(
            parts.networks.engines, parts.ema, self.state, keep=parts.runtime.is_main
        )
        if snapshot is not None:
            self._saver.begin(snapshot, None if self.state.best is None else self.state.best[1])
        self._speed.held_s += time.monotonic() - began

    def _not_finite(
        self, error: NonFiniteUpdateError, batch: ClipBatch, *, changed: bool
    ) -> NonFiniteTrainingError:
        """Return what every process says, after the state before the step is on disk.

        Args:
            error: this process's part of it.
            batch: this process's clips.
            changed: whether another update of this very step was made before: the state is then
                that of no moment between two steps, and the last checkpoint stands.
        """
        parts = self._parts
        told = parts.runtime.gather([(error.clips, error.parameters, batch.keys)])
        if not changed:
            self._save()
            self._saver.finish()
            parts.runtime.barrier()
        before = latest_checkpoint(parts.config.run_dir / CHECKPOINTS)
        return NonFiniteTrainingError(
            describe(error.engine, self.state.step, self._schedule, told, before)
        )

    def _upload(self, checkpoint: Path) -> None:
        if self._parts.config.tracking.mlflow.log_checkpoints:
            for file in sorted(checkpoint.iterdir()):
                self._parts.tracker.artifact(file, f"checkpoints/{checkpoint.name}")


def _is_due(step: int, every: int) -> bool:
    return every > 0 and step % every == 0
