"""Start a Ray node of one's own on a machine that is busy with other work."""

import logging
from collections.abc import Callable
from contextlib import suppress

import psutil

LOG = logging.getLogger("etl.cluster")
TRIES = 5
TIMED_OUT = "timed out during startup"  # in the message: Ray has no class of its own for it
END_S = 10.0
ADVICE = (
    "ray: its processes were not loaded in the time that Ray allows them. The machine is too busy "
    "or its disk too slow: run the same command again when there is less other work, or set "
    "ray_address to a cluster that runs already (`ray start --head`)"
)


def start_node(start: Callable[[], object]) -> None:
    """Call what starts a node, and call it again where the node died for slowness.

    A machine with other work, or one that reads Ray from a slow disk for the first time, may need
    longer than Ray waits; at the next try it is in memory. Processes of a failed try are ended.

    Args:
        start: starts the node; Ray's own error where it times out.

    Raises:
        Exception: what `start` raises: another error at once, a time-out after `TRIES` tries.
    """
    for tried in range(1, TRIES + 1):
        before = set(psutil.Process().children(recursive=True))
        try:
            start()
        except Exception as error:
            if TIMED_OUT not in str(error):
                raise
            if tried == TRIES:
                error.add_note(ADVICE)
                raise
            LOG.warning("ray: no node came up here, try %d of %d: again", tried, TRIES)
            _end(set(psutil.Process().children(recursive=True)) - before)
        else:
            return


def _end(processes: set[psutil.Process]) -> None:
    """End processes: SIGTERM, then SIGKILL for those that stay."""
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            process.terminate()
    _, alive = psutil.wait_procs(list(processes), timeout=END_S)
    for process in alive:
        with suppress(psutil.NoSuchProcess):
            process.kill()
    psutil.wait_procs(alive, timeout=END_S)
