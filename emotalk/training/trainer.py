"""The loop: batches in, steps made, figures out, state saved, until done or told to stop."""

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil
import torch

from emotalk.checkpoint_format import CHECKPOINTS, ModelFacts
from emotalk.config.run import TrainConfig
from emotalk.data.batch import ClipBatch
from emotalk.data.loader import ClipLoader
from emotalk.distributed import Runtime
from emotalk.models import Generator
from emotalk.schema import FPS
from emotalk.tracking.tracker import Tracker
from emotalk.training.checkpoint import (
    TrainState,
    remove_old,
    take_snapshot,
    write_checkpoint,
)
from emotalk.training.ema import Ema
from emotalk.training.inputs import ClipInputs, InputMaker
from emotalk.training.networks import Networks
from emotalk.training.preemption import Preemption
from emotalk.training.schedule import DueUpdate, Schedule
from emotalk.training.steps import Divisor, StepReport, discriminator_step, generator_step
from emotalk.training.validation import Point, Validation

LOG = logging.getLogger("emotalk.train")


@dataclass(frozen=True)
class Parts:
    """Everything a run is made of, built from outside."""

    config: TrainConfig
    runtime: Runtime
    networks: Networks
    ema: Ema | None
    inputs: InputMaker
    loader: ClipLoader
    validation: Validation | None
    tracker: Tracker
    facts: ModelFacts
    preemption: Preemption


class Trainer:
    """Runs the schedule from where `state` stands."""

    def __init__(self, parts: Parts, state: TrainState) -> None:
        """Take the parts and the state they were brought to."""
        self._parts, self.state = parts, state
        self._schedule = Schedule(parts.config.stages)
        self._speed = Speed()
        self._batches = iter(parts.loader)

    def run(self) -> str:
        """Train to the end; return `done`, or `preempted` when a signal asked for it."""
        while self.state.step < self._schedule.steps:
            if self._train_one():
                self._save()
                return "preempted"
        return "done"

    def finish(self, state: str) -> None:
        """Tell the trackers how the run ended."""
        self._parts.tracker.finish(state)

    def _train_one(self) -> bool:
        """Make one step and what is due after it; return whether a signal came to any process."""
        parts, state = self._parts, self.state
        with self._speed.waiting():
            batch = next(self._batches)
        valid, signals = self._count(batch)
        plan = self._schedule.plan(state.step)
        micro_batches = parts.inputs.micro_batches(batch, state.step)
        divisor = Divisor(valid, parts.runtime.world_size)
        reports = [self._update(due, micro_batches, divisor) for due in plan.updates]
        state.step += 1
        state.clips_seen += valid
        self._speed.add(valid, valid * batch.video_BTCHW.shape[1])
        figures = self._collect(plan.updates, reports, valid)
        last = state.step == self._schedule.steps
        if last or state.step % parts.config.tracking.log_every == 0:
            self._log(figures)
        if last or _is_due(state.step, parts.config.validation.every):
            self._validate()
        if signals == 0 and (last or _is_due(state.step, parts.config.checkpoint.every)):
            self._save()
        return signals > 0

    def _count(self, batch: ClipBatch) -> tuple[int, int]:
        """Return the step's valid clips and the processes a signal came to, over all of them."""
        mine = [float(batch.valid_B.sum()), float(self._parts.preemption.asked)]
        numbers = torch.tensor(mine, device=self._parts.runtime.device)
        valid, signals = self._parts.runtime.sum(numbers).tolist()
        return int(valid), int(signals)

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
    ) -> Point:
        """Add the step's terms to the running sums; return what is told as it is."""
        as_is: Point = {}
        for due, report in zip(updates, reports, strict=True):
            prefix = f"train/{due.update.network}"
            as_is[f"{prefix}/grad_norm"] = report.grad_norm
            as_is[f"{prefix}/lr"] = report.lr
            totals = self._parts.runtime.sum(torch.stack(list(report.sums.values()))).tolist()
            total = 0.0
            for name, value in zip(report.sums, totals, strict=True):
                mean = value / max(valid, 1)
                weight = report.weights.get(name, 0.0)
                total += weight * mean
                self._add(f"{prefix}/{name}", mean)
                self._add(f"{prefix}/{name}_weighted", weight * mean)
            self._add(f"{prefix}/total", total)
        return as_is

    def _add(self, name: str, value: float) -> None:
        total, count = self.state.sums.get(name, (0.0, 0))
        self.state.sums[name] = (total + value, count + 1)

    def _log(self, as_is: Point) -> None:
        means = {name: total / count for name, (total, count) in self.state.sums.items()}
        self.state.sums.clear()
        runtime = self._parts.runtime
        mine = float(sum(self._parts.loader.faults.values()))
        faults = float(runtime.sum(torch.tensor(mine, device=runtime.device)))
        if runtime.is_main:
            counts = {"clips": float(self.state.clips_seen), "data/faults": faults}
            figures = {**counts, **means, **as_is}
            self._parts.tracker.log(self.state.step, figures | self._speed.read())

    def _validate(self) -> None:
        parts, state = self._parts, self.state
        if parts.validation is None:
            return
        samples = parts.config.run_dir / "samples" / f"step-{state.step:06d}"
        generator = parts.networks.generator.module if parts.ema is None else parts.ema.module
        assert isinstance(generator, Generator)
        generator.eval()
        with self._speed.paused():
            figures = parts.validation.measure(
                generator, parts.runtime, samples if parts.runtime.is_main else None
            )
        self._remember_best(figures)
        if parts.runtime.is_main:
            parts.tracker.log(state.step, figures)
            for video in sorted(samples.glob("*.mp4")):
                parts.tracker.artifact(video, f"samples/{samples.name}")

    def _remember_best(self, figures: Point) -> None:
        name = self._parts.config.checkpoint.keep_best
        if name not in figures:
            return
        value = figures[name] if "psnr" in name else -figures[name]
        if self.state.best is None or value > self.state.best[0]:
            self.state.best = (value, self.state.step)

    def _save(self) -> None:
        parts, config = self._parts, self._parts.config
        snapshot = take_snapshot(parts.networks, parts.ema, self.state)
        if parts.runtime.is_main:
            folder = config.run_dir / CHECKPOINTS
            written = write_checkpoint(folder, snapshot, config.model, parts.facts)
            best = None if self.state.best is None else self.state.best[1]
            remove_old(folder, keep_last=config.checkpoint.keep_last, best_step=best)
            self._upload(written)
            LOG.info("saved %s", written)
        parts.runtime.barrier()

    def _upload(self, checkpoint: Path) -> None:
        if self._parts.config.tracking.mlflow.log_checkpoints:
            for file in sorted(checkpoint.iterdir()):
                self._parts.tracker.artifact(file, f"checkpoints/{checkpoint.name}")


class Speed:
    """Clips a second, share of time spent waiting for data, memory; since the last reading."""

    def __init__(self) -> None:
        """Start the clock."""
        self._process = psutil.Process()
        self._clear()

    def waiting(self) -> "Timer":
        """Time what is spent waiting for data."""
        return Timer(self, "_waited_s")

    def paused(self) -> "Timer":
        """Time what is not training: validation."""
        return Timer(self, "_paused_s")

    def add(self, clips: int, frames: int) -> None:
        """Count a step's clips and frames, over all processes."""
        self._clips += clips
        self._frames += frames

    def read(self) -> Point:
        """Return the figures since the last reading and start anew."""
        seconds = max(time.monotonic() - self._start - self._paused_s, 1e-9)
        figures = {
            "speed/clips_per_s": self._clips / seconds,
            "speed/frames_per_s": self._frames / seconds,
            "speed/video_seconds_per_s": self._frames / FPS / seconds,
            "speed/data_wait_share": min(self._waited_s / seconds, 1.0),
            "memory/process_gib": self._process.memory_info().rss / 2**30,
        }
        if torch.cuda.is_available():
            figures["memory/cuda_peak_gib"] = torch.cuda.max_memory_allocated() / 2**30
        self._clear()
        return figures

    def _clear(self) -> None:
        self._start = time.monotonic()
        self._waited_s = self._paused_s = 0.0
        self._clips = self._frames = 0


class Timer:
    """Adds the time of a `with` block to one of `Speed`'s counters."""

    def __init__(self, speed: Speed, counter: str) -> None:
        """Time nothing yet."""
        self._speed, self._counter = speed, counter

    def __enter__(self) -> None:
        self._start = time.monotonic()

    def __exit__(self, *error: object) -> None:
        spent = time.monotonic() - self._start
        setattr(self._speed, self._counter, getattr(self._speed, self._counter) + spent)


def _is_due(step: int, every: int) -> bool:
    return every > 0 and step % every == 0
