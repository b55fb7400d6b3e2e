"""Record the peak memory of a process tree (`peak_memory.py PID FILE`), or show it (`--show`).

The sum of proportional set sizes (PSS): pages that processes share, such as Ray's object store, are
counted once. It is sampled once a second until SIGTERM.
"""

import json
import signal
import sys
import time
from pathlib import Path

import psutil

INTERVAL_S = 1.0


def tree_pss(root: psutil.Process) -> int:
    """Return the sum of the PSS in bytes of `root` and its descendants, without this process."""
    total = 0
    for process in [root, *root.children(recursive=True)]:
        if process.pid == psutil.Process().pid:
            continue
        try:
            total += process.memory_full_info().pss
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue
    return total


def watch(pid: int, file: Path) -> None:
    """Write the largest sum so far to `file` until SIGTERM."""
    root, peak = psutil.Process(pid), 0
    while root.is_running():
        now = tree_pss(root)
        if now > peak:
            peak = now
            file.write_text(json.dumps({"peak_pss_bytes": peak}) + "\n", encoding="utf-8")
        time.sleep(INTERVAL_S)


def main() -> None:
    """Record or show the peak."""
    if sys.argv[1] == "--show":
        peak = json.loads(Path(sys.argv[2]).read_text(encoding="utf-8"))["peak_pss_bytes"]
        sys.stdout.write(f"{peak / 2**30:.2f} GiB at most (sum of PSS)\n")
        return
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    watch(int(sys.argv[1]), Path(sys.argv[2]))


if __name__ == "__main__":
    main()
