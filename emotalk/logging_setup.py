"""One look of log lines for every process: time, rank, level, name, message."""

import logging
import sys


def set_up_logging(rank: int = 0) -> None:
    """Log to standard error: INFO on rank 0, WARNING elsewhere, the rank in every line."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        logging.Formatter(f"%(asctime)s [{rank}] %(levelname).1s %(name)s: %(message)s", "%H:%M:%S")
    )
    root = logging.getLogger("emotalk")
    root.handlers = [handler]
    root.propagate = False
    root.setLevel(logging.INFO if rank == 0 else logging.WARNING)
