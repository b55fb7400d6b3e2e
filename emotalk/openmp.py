"""Choose how OpenMP's threads wait for each other, before torch loads libgomp.

libgomp's threads spin 300,000 rounds before they sleep. On idle cores spinning is fastest. If other
processes use the cores, spinning takes time from the thread that is waited for. No fixed setting
suits both (`python -m tests.benchmarks.bench_openmp`), and libgomp reads it once, so it is chosen
by the load of the cores at the start. Only the standard library is imported here: the entry points
call `choose_waiting` before anything else.
"""

import os
import time
from collections.abc import Callable, Collection, MutableMapping
from pathlib import Path

OWN_SETTINGS = ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT")
FREE = ("GOMP_SPINCOUNT", "300000")  # libgomp's own number: quickest on idle cores
BUSY = ("OMP_WAIT_POLICY", "PASSIVE")  # quickest beside work of the same priority
BUSY_AND_NICE = ("GOMP_SPINCOUNT", "10000")  # a sleeper of lower priority wakes late: spin a little
BUSY_SHARE = 0.2  # of the cores, from which on others count
SAMPLE_S = 0.2  # 20 ticks of the kernel's clock on each core
STAT = Path("/proc/stat")
CGROUP = Path("/sys/fs/cgroup")
OWN_GROUP = Path("/proc/self/cgroup")
IDLE_FIELDS = (3, 4)  # of /proc/stat: idle, waiting for a disk
COUNTED_FIELDS = 8  # up to "steal"; time of guests is counted in "user" already
Ticks = dict[int, tuple[int, int]]  # core -> (idle, all)


def choose_waiting(environment: MutableMapping[str, str] = os.environ) -> None:
    """Set OMP_WAIT_POLICY or GOMP_SPINCOUNT in `environment`, for this process and its children.

    Settings of the user stay. Cores whose load cannot be read count as free.
    """
    if any(name in environment for name in OWN_SETTINGS):
        return
    cores = os.sched_getaffinity(0)
    threads = _threads(environment.get("OMP_NUM_THREADS", ""), len(cores))
    if threads == 1:  # no other thread to wait for
        return
    busy = min(len(cores), cpu_limit(CGROUP)) < threads or busy_share(cores) >= BUSY_SHARE
    nice = os.getpriority(os.PRIO_PROCESS, 0) > 0
    name, value = FREE if not busy else BUSY_AND_NICE if nice else BUSY
    environment[name] = value


def busy_share(
    cores: Collection[int], *, stat: Path = STAT, sleep: Callable[[float], None] = time.sleep
) -> float:
    """Return the share of these cores' time that others use, in [0, 1]; 0 if it cannot be read.

    This process sleeps meanwhile, so its own work is not counted.
    """
    before = _ticks(stat)
    sleep(SAMPLE_S)
    after = _ticks(stat)
    seen = [core for core in cores if core in before and core in after]
    idle = sum(after[core][0] - before[core][0] for core in seen)
    passed = sum(after[core][1] - before[core][1] for core in seen)
    return min(1.0, max(0.0, 1 - idle / passed)) if passed > 0 else 0.0


def cpu_limit(cgroup: Path, own: Path = OWN_GROUP) -> float:
    """Return how many cores' time this process may use; inf without a limit.

    Args:
        cgroup: where control groups (v2 or v1) are mounted; a container sees its own group there.
        own: names this process's group below it (v2); the groups above it limit it too.
    """
    try:
        (named,) = [
            line[len("0::") :]
            for line in own.read_text(encoding="utf-8").splitlines()
            if line.startswith("0::")
        ]
    except (OSError, ValueError):  # unreadable, or v1 alone
        named = ""
    groups = [cgroup]
    for part in named.strip("/").split("/"):
        groups.append(groups[-1] / part)
    return min(map(_limit, groups))


def _limit(cgroup: Path) -> float:
    """Return how many cores' time one control group allows; inf without a limit."""
    try:
        if (cgroup / "cpu.max").exists():
            quota, period = (cgroup / "cpu.max").read_text(encoding="ascii").split()
        else:
            quota = (cgroup / "cpu" / "cpu.cfs_quota_us").read_text(encoding="ascii")
            period = (cgroup / "cpu" / "cpu.cfs_period_us").read_text(encoding="ascii")
        allowed = int(quota) / int(period)
    except (OSError, ValueError, ZeroDivisionError):  # "max": no limit
        return float("inf")
    return allowed if allowed > 0 else float("inf")


def _threads(setting: str, cores: int) -> int:
    """Return how many threads OpenMP starts for OMP_NUM_THREADS ("4", or "4,2" by nesting)."""
    first = setting.partition(",")[0].strip()
    return int(first) if first.isdecimal() and int(first) > 0 else cores


def _ticks(stat: Path) -> Ticks:
    """Return the clock ticks of every core since the machine started."""
    try:
        lines = stat.read_text(encoding="ascii").splitlines()
        return dict(_core(line.split()) for line in lines if line[:3] == "cpu" and line[3] != " ")
    except (OSError, ValueError, IndexError):
        return {}


def _core(words: list[str]) -> tuple[int, tuple[int, int]]:
    fields = [int(word) for word in words[1 : 1 + COUNTED_FIELDS]]
    return int(words[0].removeprefix("cpu")), (sum(fields[i] for i in IDLE_FIELDS), sum(fields))
