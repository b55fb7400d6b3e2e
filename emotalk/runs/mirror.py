"""Fetch the newest checkpoint of a run from its mirror before the run goes on."""

import logging
import tempfile
from pathlib import Path

from emotalk.checkpoints.folder import CHECKPOINTS, latest_checkpoint
from emotalk.checkpoints.mirror import fetch_beside, fetch_newest
from emotalk.config.run import TrainConfig
from emotalk.errors import Stopped
from emotalk.media.object_store import StoreFault
from emotalk.runs.same_run import refuse_other_configuration
from emotalk.runs.status import CONFIG

LOG = logging.getLogger("emotalk.train")


def restore_from_mirror(config: TrainConfig) -> None:
    """Fetch the newest checkpoint of `checkpoint.mirror` where the run folder has none as new.

    Raises:
        WrongUse: the mirror is of a run with another configuration, or it refuses the credentials.
        Stopped: it does not answer, and the run folder has no checkpoint to go on from.
    """
    url, folder = config.checkpoint.mirror, config.run_dir / CHECKPOINTS
    if url is None or config.resume == "never":
        return
    try:
        with tempfile.TemporaryDirectory() as scratch:
            written = Path(scratch) / CONFIG
            if not fetch_beside(url, CONFIG, written):
                return  # nothing was copied there yet
            refuse_other_configuration(config, written)
        fetched = fetch_newest(url, folder)
    except StoreFault as fault:
        if latest_checkpoint(folder) is None:
            raise Stopped(
                f"checkpoint.mirror: {fault}; without it the run would begin anew. Start again "
                "when it answers, or leave checkpoint.mirror out"
            ) from None
        LOG.warning("checkpoint.mirror: %s; the run goes on from its own folder", fault)
        return
    if fetched is not None:
        LOG.info("fetched %s from checkpoint.mirror", fetched.name)
