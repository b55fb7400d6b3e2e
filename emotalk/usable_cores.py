"""Count the CPU cores that this process may use."""

import os


def usable_cores() -> int:
    """Return the number of cores this process is bound to, at least 1.

    Batch systems and `taskset` bind jobs to some of a machine's cores. More threads than that wait
    for each other: two that share one core train at half the speed of one.
    """
    if hasattr(os, "sched_getaffinity"):  # Linux
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
