"""Build the watchdog of a run: what a process writes into the run folder before it ends as hung."""

import logging
import time
from contextlib import suppress

from emotalk.config.run import TrainConfig
from emotalk.distributed.flight_recorder import last_collectives
from emotalk.errors import EXIT_HUNG
from emotalk.files.atomic_write import atomic_write_bytes
from emotalk.runs.status import failed_since, rank_collectives, write_end
from emotalk.training.watchdog import Watchdog

LOG = logging.getLogger("emotalk.train")


def build_watchdog(config: TrainConfig, rank: int) -> Watchdog:
    """Return the watchdog of this process, which watches nothing before its `start`.

    The first process of a run that hangs writes the status: failed, with the exit code of a hang.
    Each writes its last collective operations beside its log.
    """
    began = time.time()

    def hung(message: str) -> None:
        with suppress(OSError):
            if not failed_since(config.run_dir, began):
                write_end(
                    config.run_dir,
                    "failed",
                    f"rank {rank}: {message}",
                    code=EXIT_HUNG,
                    may_pass=True,
                )
        path = rank_collectives(config.run_dir, rank)
        try:
            recorded = last_collectives()
            if recorded and path.parent.is_dir():
                atomic_write_bytes(path, recorded)
                LOG.error("its last collective operations: %s", path)
        except OSError as error:
            LOG.warning("%s cannot be written: %s", path, error.strerror)

    limits = config.runtime.watchdog
    return Watchdog(
        {
            "setup": limits.setup_s,
            "step": limits.step_s,
            "validation": limits.validation_s,
            "checkpoint": limits.checkpoint_s,
        },
        hung=hung,
    )
