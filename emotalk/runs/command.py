"""Run the command `accelerate launch train.py CONFIG.yaml [key=value ...]`."""

import argparse
import atexit
import logging
import os
import sys
import time
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from emotalk.config.load import dump_config, load_config
from emotalk.config.run import TrainConfig
from emotalk.errors import EXIT_DONE, EXIT_FAILED, EXIT_WRONG_USE, Stopped, WrongUse
from emotalk.logging_setup import set_up_logging
from emotalk.redaction import redact
from emotalk.runs.failure import may_pass
from emotalk.runs.process_count import fitting_advice, refuse_misfit_launch
from emotalk.runs.rank_log import keep_rank_log
from emotalk.runs.signals import StopSignals, named_run_dir
from emotalk.runs.status import (
    CODES,
    LOGS,
    STATUS,
    State,
    failed_since,
    write_end,
    write_status,
)

if TYPE_CHECKING:  # torch takes seconds that --help need not wait for
    from emotalk.distributed import Runtime
    from emotalk.shards.joined_set import AnyShardSet
    from emotalk.training.watchdog import Watchdog

LOG = logging.getLogger("emotalk.train")
FIRST_RANK_S = 30.0
HELP = """\
Train the generator and its discriminators on a shard set.

  accelerate launch train.py configs/train/demo.yaml shards=demo/shards run_dir=runs/first
  accelerate launch --config_file launch/accelerate/cpu2.yaml train.py configs/train/demo.yaml \\
      shards=demo/shards run_dir=runs/two runtime.processes=2

The same command again continues the run where its last checkpoint left off. SIGTERM or SIGUSR1
saves a checkpoint and ends with exit code 85; run_dir/status.json says how a run ended."""


def main(arguments: Sequence[str] | None = None, *, signals: StopSignals | None = None) -> int:
    """Run the command and return its exit code.

    `signals` are handlers that were installed before this module was imported.
    """
    signals = signals or StopSignals()
    options = _parse(arguments)
    rank = int(os.environ.get("RANK", "0"))
    began = time.time()
    set_up_logging(rank)
    prints_only = options.dry_run or options.print_config
    run_dir = None if prints_only else named_run_dir(options.overrides)
    try:
        config = _load(options.config, options.overrides)
        if options.print_config:
            sys.stdout.write(dump_config(config))
            return EXIT_DONE
        if options.dry_run:
            return _describe(config, before_shards=options.before_shards)
        run_dir = config.run_dir
        refuse_misfit_launch(config, options.config, options.overrides)
        return _train(config, signals)
    except WrongUse as error:
        if rank != 0:
            _wait_for_rank_0(signals)
        sys.stderr.write(redact(f"train.py: {error}\n"))
        if rank == 0:
            _end(run_dir, "wrong_use", str(error))
        return EXIT_WRONG_USE
    except Exception as error:
        # Recorded for the batch scripts; the traceback and the exit code stay as they are.
        reason = "".join(traceback.format_exception_only(error)).strip()
        reason = str(error) if isinstance(error, Stopped) else reason
        if run_dir is not None and not failed_since(run_dir, began):
            reason = f"rank {rank}: {reason}" if "RANK" in os.environ else reason
            _end(run_dir, "failed", reason, retry=may_pass(error))
        if isinstance(error, Stopped):  # not a fault of the program: no traceback is needed
            sys.stderr.write(redact(f"train.py: {error}\n"))
            return EXIT_FAILED
        raise


def leave(code: int) -> NoReturn:
    """Exit; with several processes, without running the destructors of C++ libraries.

    At exit, a thread of torch sometimes still runs when the object that owns it is destroyed. That
    aborts a process whose work is done, and the launcher reports the whole job as failed.
    """
    if int(os.environ.get("WORLD_SIZE", "1")) > 1:
        atexit._run_exitfuncs()
        logging.shutdown()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    sys.exit(code)


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="train.py", description=HELP, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("config", type=Path, help="a YAML file, e.g. configs/train/paper.yaml")
    parser.add_argument(
        "overrides", nargs="*", metavar="key=value", help="dotted keys, e.g. data.frames=32"
    )
    parser.add_argument(
        "--print-config", action="store_true", help="print the resolved configuration and stop"
    )
    parser.add_argument(
        "--dry-run", action="store_true", help="say what would be trained and written, and stop"
    )
    parser.add_argument(
        "--before-shards", action="store_true", help="with --dry-run: the shards are yet to be made"
    )
    return parser.parse_intermixed_args(arguments)  # flags may stand between the words


def _load(path: Path, words: Sequence[str]) -> TrainConfig:
    """Return the configuration; add a command that fits to errors about the process count."""
    try:
        config = load_config(TrainConfig, path, words)
    except WrongUse as error:
        raise WrongUse(f"{error}{fitting_advice(path, words)}") from None
    if not config.sizes_from_start:
        return config
    from emotalk.runs.start_sizes import with_sizes_of_start  # noqa: PLC0415  torch, seconds

    return with_sizes_of_start(config)


def _describe(config: TrainConfig, *, before_shards: bool) -> int:
    from emotalk.runs.dry_run import describe  # noqa: PLC0415  torch, seconds

    sys.stdout.write(describe(config, before_shards=before_shards) + "\n")
    return EXIT_DONE


def _train(config: TrainConfig, signals: StopSignals) -> int:
    # Imported here, because torch and accelerate take seconds that --help need not wait for.
    from emotalk.distributed import Runtime  # noqa: PLC0415
    from emotalk.distributed.flight_recorder import record_collectives  # noqa: PLC0415
    from emotalk.runs.folder import open_together  # noqa: PLC0415
    from emotalk.runs.hang import build_watchdog  # noqa: PLC0415
    from emotalk.runs.loader import (  # noqa: PLC0415
        open_shards_together,
        refuse_missing_shards,
        refuse_unlabelled,
    )
    from emotalk.runs.networks import engine_names  # noqa: PLC0415

    signals.run_dir = config.run_dir
    signals.install()
    refuse_missing_shards(config)
    watchdog = build_watchdog(config, int(os.environ.get("RANK", "0")))
    watchdog.start()
    try:
        record_collectives(config.run_dir / LOGS)
        runtime = Runtime.start(config.runtime, engine_names(config))
        shard_set = open_shards_together(config, runtime)
        refuse_unlabelled(config, shard_set)
        open_together(config, shard_set, runtime)
        with keep_rank_log(config.run_dir, runtime.rank) as file:
            if file is not None:
                watchdog.write_stacks_to(file)
            return _run(config, shard_set, runtime, signals, watchdog)
    finally:
        watchdog.stop()


def _run(
    config: TrainConfig,
    shard_set: "AnyShardSet",
    runtime: "Runtime",
    signals: StopSignals,
    watchdog: "Watchdog",
) -> int:
    """Build the trainer, train, and write how it ended; return the exit code."""
    from emotalk.runs.build import build  # noqa: PLC0415

    trainer = build(config, shard_set, runtime, lambda: signals.received, watchdog)
    runtime.barrier()  # no process makes a step while another may still exit without one
    signals.defer()
    state: State = "done" if trainer.run() == "done" else "preempted"
    trainer.finish(state)
    if runtime.is_main:
        name = signals.name or "a signal"
        preempted = f"{name} came: checkpoint saved, start the same command"
        message = "all steps are done" if state == "done" else preempted
        write_status(config.run_dir, state, message, trainer.state.step)
    runtime.barrier()  # a batch system kills the others as soon as one process has exited
    runtime.stop()
    return CODES[state]


def _wait_for_rank_0(signals: StopSignals) -> None:
    """Wait until the launcher ends this process, which it does as soon as rank 0 exits.

    Rank 0 reports an error of all processes. After the wait, this process reports its own.
    """
    signals.exit_as_refused()
    time.sleep(FIRST_RANK_S)


def _end(run_dir: Path | None, state: State, message: str, *, retry: bool = False) -> None:
    if run_dir is None:
        return
    try:
        write_end(run_dir, state, message, may_pass=retry)
    except OSError as error:
        LOG.warning("%s cannot be written: %s", run_dir / STATUS, error.strerror)
