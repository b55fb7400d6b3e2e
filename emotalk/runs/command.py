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
from typing import NoReturn

from emotalk.config.load import dump_config, load_config
from emotalk.config.run import TrainConfig
from emotalk.errors import EXIT_DONE, EXIT_FAILED, EXIT_WRONG_USE, Stopped, WrongUse
from emotalk.logging_setup import set_up_logging
from emotalk.masking import masked
from emotalk.runs.process_count import fitting_advice, refuse_misfit_launch
from emotalk.runs.signals import Preemption, named_run_dir
from emotalk.runs.status import CODES, NAME, State, failed_since, write_status

LOG = logging.getLogger("emotalk.train")
FIRST_RANK_S = 30.0
HELP = """\
Train the generator and its discriminators on a shard set.

  accelerate launch train.py configs/train/demo.yaml shards=demo/shards run_dir=runs/first
  accelerate launch --config_file launch/accelerate/cpu2.yaml train.py configs/train/demo.yaml \\
      shards=demo/shards run_dir=runs/two runtime.processes=2

The same command again continues the run where its last checkpoint left off. SIGTERM or SIGUSR1
saves a checkpoint and ends with exit code 85; run_dir/status.json says how a run ended."""


def main(arguments: Sequence[str] | None = None, *, preemption: Preemption | None = None) -> int:
    """Run the command and return its exit code.

    Args:
        arguments: words of the command line; `sys.argv`'s unless given.
        preemption: one that listens already, since before this module was imported.
    """
    preemption = preemption or Preemption()
    options = _parse(arguments)
    rank = int(os.environ.get("RANK", "0"))
    began = time.time()
    set_up_logging(rank)
    only_told = options.dry_run or options.print_config
    run_dir = None if only_told else named_run_dir(options.overrides)
    try:
        config = _load(options.config, options.overrides)
        if options.print_config:
            sys.stdout.write(dump_config(config))
            return EXIT_DONE
        if options.dry_run:
            return _describe(config, before_shards=options.before_shards)
        run_dir = config.run_dir
        refuse_misfit_launch(config, options.config, options.overrides)
        return _train(config, preemption)
    except WrongUse as error:
        if rank != 0:
            _let_the_first_rank_speak(preemption)
        sys.stderr.write(masked(f"train.py: {error}\n"))
        if rank == 0:
            _end(run_dir, "wrong_use", str(error))
        return EXIT_WRONG_USE
    except Exception as error:
        # Kept for the batch scripts; the traceback and the exit code stay what they are.
        said = "".join(traceback.format_exception_only(error)).strip()
        said = str(error) if isinstance(error, Stopped) else said
        if run_dir is not None and not failed_since(run_dir, began):
            _end(run_dir, "failed", f"rank {rank}: {said}" if "RANK" in os.environ else said)
        if isinstance(error, Stopped):  # no fault of the program: its message says all
            sys.stderr.write(masked(f"train.py: {error}\n"))
            return EXIT_FAILED
        raise


def leave(code: int) -> NoReturn:
    """End this process; one of several does without the destructors of C++ libraries.

    Processes come apart in any order at the end. Now and then a thread of torch's still runs when
    what holds it is destroyed, which aborts a process whose work is done and written, and the
    launcher calls the whole job failed.
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
    """Return the configuration; a refusal for the number of processes names a command that fits."""
    try:
        return load_config(TrainConfig, path, words)
    except WrongUse as error:
        raise WrongUse(f"{error}{fitting_advice(path, words)}") from None


def _describe(config: TrainConfig, *, before_shards: bool) -> int:
    from emotalk.runs.dry_run import describe  # noqa: PLC0415  torch, seconds

    sys.stdout.write(describe(config, before_shards=before_shards) + "\n")
    return EXIT_DONE


def _train(config: TrainConfig, preemption: Preemption) -> int:
    # Imported here: seconds of torch, accelerate and the rest that --help need not wait for.
    from emotalk.distributed import Runtime  # noqa: PLC0415
    from emotalk.runs.build import build, engine_names, refuse_missing_shards  # noqa: PLC0415
    from emotalk.runs.folder import open_together  # noqa: PLC0415

    preemption.run_dir = config.run_dir
    preemption.listen()
    refuse_missing_shards(config)
    runtime = Runtime.start(config.runtime, engine_names(config))
    open_together(config, runtime)
    trainer = build(config, runtime, lambda: preemption.asked)
    runtime.barrier()  # nobody makes a step while another process may still leave without one
    preemption.remember()
    state: State = "done" if trainer.run() == "done" else "preempted"
    trainer.finish(state)
    if runtime.is_main:
        said = f"{preemption.name or 'a signal'} came: checkpoint saved, start the same command"
        message = "all steps are done" if state == "done" else said
        write_status(config.run_dir, state, message, trainer.state.step)
    runtime.barrier()  # nobody leaves before it is written: a batch system ends the others then
    runtime.stop()
    return CODES[state]


def _let_the_first_rank_speak(preemption: Preemption) -> None:
    """Wait to be ended by the launcher, which ends every process as soon as one has ended.

    What all processes refuse, rank 0 says and writes down. Who is still here after the wait has met
    something of its own.
    """
    preemption.refuse()
    time.sleep(FIRST_RANK_S)


def _end(run_dir: Path | None, state: State, message: str) -> None:
    """Say in `status.json` how it ended, where the folder is a run's or still to be made.

    A command that was refused, or failed before it held the folder, leaves the status of a run that
    is going on there alone.
    """
    from emotalk.runs.folder import (  # noqa: PLC0415  torch, seconds
        CONFIG,
        is_free,
        may_write,
    )

    if run_dir is None:
        return
    try:
        if not is_free(run_dir) and not (run_dir / CONFIG).exists():
            return
        if may_write(run_dir):
            run_dir.mkdir(parents=True, exist_ok=True)
            write_status(run_dir, state, message)
    except OSError as error:
        LOG.warning("%s cannot be written: %s", run_dir / NAME, error.strerror)
