"""Train by the schedule: make steps, log, validate and save, until the end or a signal."""

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from emotalk.checkpoints.background_writer import BackgroundWriter
from emotalk.checkpoints.best import remember_best
from emotalk.checkpoints.export import CONFIG
from emotalk.checkpoints.folder import CHECKPOINTS, latest_checkpoint
from emotalk.checkpoints.format import ModelFacts
from emotalk.checkpoints.mirror import Mirror
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
from emotalk.schema import UNKNOWN_EMOTION
from emotalk.tracking.tracker import Tracker
from emotalk.training.global_mean import GlobalMean
from emotalk.training.input_preparation import ClipInputs, InputPreparation
from emotalk.training.metric_sums import MetricSums
from emotalk.training.networks import Networks
from emotalk.training.not_finite import NonFiniteReport, NonFiniteTrainingError, describe
from emotalk.training.own_time import OwnTime, slowest_rank
from emotalk.training.schedule import DueUpdate, Schedule
from emotalk.training.speed import Speed
from emotalk.training.step_guard import NonFiniteUpdateError, StepGuard
from emotalk.training.steps import StepReport, discriminator_step, generator_step
from emotalk.training.utilisation import peak_tflops, utilisation
from emotalk.training.watchdog import Watchdog

LOG = logging.getLogger("emotalk.train")
MIRROR_S = {"done": 300.0, "preempted": 20.0}
"""Longest wait for the mirror at the end of a run; a scheduler kills a preempted one soon."""


@dataclass(frozen=True)
class Components:
    """Hold the parts that a trainer works with.

    Attributes:
        stop_requested: returns whether a signal has asked this process to save and exit.
        watchdog: is told when a step, a validation or a checkpoint begins.
        flops_of_clip: returns stage -> operations for one clip in one step; empty while unknown.
    """

    config: TrainConfig
    runtime: Runtime
    networks: Networks
    ema: Ema | None
    inputs: InputPreparation
    loader: ClipLoader
    validation: Validation | None
    tracker: Tracker
    facts: ModelFacts
    stop_requested: Callable[[], bool]
    watchdog: Watchdog
    flops_of_clip: Callable[[], Mapping[str, float]]


class Trainer:
    """Run the schedule from the step of `state` on."""

    def __init__(self, components: Components, state: TrainState) -> None:
        """Take the components, loaded with `state`."""
        self._components, self.state = components, state
        self._sums = MetricSums(components.runtime, state.sums)
        self._schedule = Schedule(
            components.config.stages,
            clips_per_epoch=components.loader.clips_per_epoch,
            batch_size=components.config.data.batch_size,
        )
        self._speed = Speed()
        self._own = OwnTime(components.runtime.device)
        for engine in components.networks.engines.values():
            engine.before_exchange = self._own.end
        self._batches = iter(components.loader)
        url, run_dir = components.config.checkpoint.mirror, components.config.run_dir
        self._mirror = None
        if url is not None:
            self._mirror = Mirror(url, run_dir / CHECKPOINTS, run_dir / CONFIG)
        self._saver = BackgroundWriter(
            components.config.run_dir / CHECKPOINTS,
            components.config.model,
            components.facts,
            keep_last=components.config.checkpoint.keep_last,
            written=self._upload,
            whole=state.step or None,
        )

    def run(self) -> str:
        """Train to the end; return `done`, or `preempted` where a signal stopped the run.

        Raises:
            NonFiniteTrainingError: a loss or a gradient became NaN or infinite.
            OSError: a checkpoint could not be written.
        """
        state = "done"
        if self.state.step >= self._schedule.steps and self._components.runtime.is_main:
            LOG.info(
                "all %d steps were made before; more iterations of the last stage, "
                "stages.%s.iterations=N, or stages after it make the run longer",
                self._schedule.steps,
                self._components.config.stages[-1].name,
            )
        while self.state.step < self._schedule.steps and state == "done":
            if self._train_one():
                self._save()
                state = "preempted"
        with self._components.watchdog.phase("checkpoint"):
            self._saver.finish()
            self._components.runtime.barrier()
            if self._mirror is not None:
                self._mirror.finish(MIRROR_S[state])
        return state

    def finish(self, state: str) -> None:
        """Send the run's final state to the trackers."""
        self._components.tracker.finish(state)

    def _train_one(self) -> bool:
        """Make one step and what is due after it, or return True if a signal asks the run to stop.

        Without a log line, a validation or a checkpoint the host waits for the device once, for the
        norms of the gradients.
        """
        components, state = self._components, self.state
        components.watchdog.enter("step")
        self._saver.check()
        with self._speed.waiting():
            batch = self._next_batch()
        valid, unlabelled, stopping = self._agree(batch)
        if stopping or batch is None:
            return True
        plan = self._schedule.plan(state.step)
        micro_batches = components.inputs.micro_batches(batch)
        mean = GlobalMean(valid, components.runtime.world_size, unlabelled)
        try:
            reports = self._make_updates(plan.updates, micro_batches, mean)
        except NonFiniteUpdateError as error:
            raise self._not_finite(error, batch) from error
        state.step += 1
        state.clips_seen += valid
        state.faults += components.config.data.batch_size - valid
        self._speed.add(valid, valid * batch.video_BTCHW.shape[1], plan.stage)
        for due, report in zip(plan.updates, reports, strict=True):
            self._sums.add(due.update.network, report, valid=valid)
        last = state.step == self._schedule.steps
        if last or state.step % components.config.tracking.log_every == 0:
            self._log()
        best = False
        if last or _is_due(state.step, components.config.validation.every):
            best = self._validate()
        if last or best or _is_due(state.step, components.config.checkpoint.every):
            self._save()
        return False

    def _next_batch(self) -> ClipBatch | None:
        """Return the next batch, or None where a signal interrupted the wait for it."""
        try:
            return next(self._batches)
        except Interrupted:
            return None

    def _agree(self, batch: ClipBatch | None) -> tuple[int, int, int]:
        """Return the numbers of valid clips, of those of unknown emotion, and of processes to stop.

        A signal asks a process to stop.
        """
        valid = unlabelled = 0
        if batch is not None:
            unknown_B = batch.valid_B & (batch.emotion_B == UNKNOWN_EMOTION)
            valid, unlabelled = torch.stack([batch.valid_B, unknown_B]).sum(dim=1).tolist()
        stop = batch is None or self._components.stop_requested()
        clips, without, stopped = self._components.runtime.sum_on_host(valid, unlabelled, int(stop))
        return clips, without, stopped

    def _make_updates(
        self, updates: Sequence[DueUpdate], micro_batches: Sequence[ClipInputs], mean: GlobalMean
    ) -> list[StepReport]:
        """Make the updates of a step; the last one waits for the device and checks them all.

        DeepSpeed, and a network that a step updates twice, check each update at once.
        """
        components = self._components
        networks = {due.update.network for due in updates}
        is_deepspeed = any(engine.is_deepspeed for engine in components.networks.engines.values())
        together = len(networks) == len(updates) and not is_deepspeed
        guard = StepGuard(deferred=len(updates) - 1 if together else 0)
        reports: list[StepReport] = []
        is_averaged = True
        for due in updates:
            reports.append(self._update(due, micro_batches, mean, guard))
            is_averaged = is_averaged and due.update.network != "generator"
            if guard.is_read and not is_averaged and components.ema is not None:
                components.ema.update(components.networks.generator.module)
                is_averaged = True
        norms = zip(reports, guard.totals, strict=True)
        return [replace(report, grad_norm=norm) for report, norm in norms]

    def _update(
        self,
        due: DueUpdate,
        micro_batches: Sequence[ClipInputs],
        mean: GlobalMean,
        guard: StepGuard,
    ) -> StepReport:
        networks = self._components.networks
        self._own.begin()
        if due.update.network == "discriminators":
            return discriminator_step(micro_batches, networks, due.update, mean, due.lr, guard)
        return generator_step(micro_batches, networks, due.update, mean, due.lr, guard)

    def _log(self) -> None:
        means = {name: total / count for name, (total, count) in self._sums.read().items()}
        self._sums.clear()
        speed = self._speed_figures()
        if self._components.runtime.is_main:
            counts = {
                "clips": float(self.state.clips_seen),
                "data/faults": float(self.state.faults),
            }
            self._components.tracker.log(self.state.step, {**counts, **means, **speed})

    def _speed_figures(self) -> dict[str, float]:
        """Return speed, the slowest process and the use of the devices since the last line."""
        runtime, since = self._components.runtime, self._speed.read()
        slowest = slowest_rank(
            runtime,
            own_s=self._own.read(),
            waited_s=since.waited_s,
            seconds=since.seconds,
            steps=since.steps,
        )
        flops = self._components.flops_of_clip()
        precision = self._components.config.runtime.precision
        used = utilisation(
            flops, since.clips, since.seconds, peak_of_all=_peak_of_all(runtime, precision)
        )
        return {**since.figures, **slowest, **used}

    def _validate(self) -> bool:
        """Validate the generator and write sample videos; return whether it is the best so far."""
        components, state = self._components, self.state
        if components.validation is None:
            return False
        samples = components.config.run_dir / "samples" / f"step-{state.step:06d}"
        generator = (
            components.networks.generator.module
            if components.ema is None
            else components.ema.module
        )
        assert isinstance(generator, Generator)
        watched = components.watchdog.phase("validation")
        with self._speed.paused(), evaluation_mode(generator), watched:
            figures = components.validation.measure(
                generator, components.runtime, samples if components.runtime.is_main else None
            )
        best = remember_best(state, figures, components.config)
        state.validation = {"step": float(state.step), **figures}
        if components.runtime.is_main:
            components.tracker.log(state.step, figures)
            for file in sample_files(samples):
                components.tracker.artifact(file, f"samples/{samples.name}")
        return best

    def _save(self) -> None:
        """Copy the current state; the main process writes it in the background."""
        components, began = self._components, time.monotonic()
        keep = components.runtime.is_main
        with components.watchdog.phase("checkpoint"):
            self.state.sums = self._sums.read()
            engines = components.networks.engines
            snapshot = take_snapshot(engines, components.ema, self.state, keep=keep)
            if snapshot is not None:
                self._saver.begin(snapshot, None if self.state.best is None else self.state.best[1])
        self._speed.held_s += time.monotonic() - began

    def _not_finite(self, error: NonFiniteUpdateError, batch: ClipBatch) -> NonFiniteTrainingError:
        """Save the state before the step and return the error that names every process's faults.

        Where another update of the same step was made before, the state is not that between two
        steps: it is not saved, and the last checkpoint stands.

        Args:
            error: of this process.
            batch: of this process.
        """
        components = self._components
        reports = components.runtime.gather(
            [NonFiniteReport(error.clips, error.parameters, batch.keys)]
        )
        if error.place == 0:
            self._save()
            self._saver.finish()
            components.runtime.barrier()
        before = latest_checkpoint(components.config.run_dir / CHECKPOINTS)
        return NonFiniteTrainingError(
            describe(error.engine, self.state.step, self._schedule, reports, before)
        )

    def _upload(self, checkpoint: Path) -> None:
        if self._mirror is not None:
            self._mirror.begin(checkpoint)
        if self._components.config.tracking.mlflow.log_checkpoints:
            for file in sorted(checkpoint.iterdir()):
                self._components.tracker.artifact(file, f"checkpoints/{checkpoint.name}")


def _peak_of_all(runtime: Runtime, precision: str) -> float | None:
    """Return the TFLOP/s that the GPUs of all processes could do; None if unknown or on CPUs."""
    if runtime.device.type != "cuda":
        return None
    peak = peak_tflops(torch.cuda.get_device_name(runtime.device), precision)
    return None if peak is None else peak * runtime.world_size


def _is_due(step: int, every: int) -> bool:
    return every > 0 and step % every == 0
