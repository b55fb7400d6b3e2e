"""Name the machine that a process runs on."""

import os
import re
import socket
from collections.abc import Mapping

LONGEST = 63  # characters of a host name
UNFIT = re.compile(r"[^A-Za-z0-9._-]")


def node_name(environment: Mapping[str, str] = os.environ) -> str:
    """Return Slurm's name of this node in a job, else the machine's host name without its domain.

    The name has letters, digits, dots, dashes and underscores, 63 of them at most.
    """
    name = environment.get("SLURMD_NODENAME") or socket.gethostname().partition(".")[0]
    return UNFIT.sub("_", name)[:LONGEST] or "unknown"
