"""Set up logging with the same line format in every process.

2026-11-26 03:14:07 [3 node2] W emotalk.train: rank 3 of the training, on node2, says this
"""

import logging
import sys
from pathlib import Path
from typing import TextIO

from emotalk.node_name import node_name
from emotalk.printable import printable_lines
from emotalk.redaction import redact, redact_tracebacks

DATE = "%Y-%m-%d %H:%M:%S"


class PrintableFormatter(logging.Formatter):
    """Formats log records with control characters escaped and secrets redacted."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line, or the lines of a traceback."""
        return printable_lines(redact(super().format(record)))


def set_up_logging(rank: int = 0) -> None:
    """Log to standard error: INFO on rank 0, WARNING elsewhere; date, rank and node in every line.

    Neither the log nor a traceback that ends the process shows the secrets of addresses.
    """
    redact_tracebacks()
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(line_format(rank))
    handler.setLevel(logging.INFO if rank == 0 else logging.WARNING)
    root = logging.getLogger("emotalk")
    root.handlers = [handler]
    root.propagate = False
    root.setLevel(handler.level)


def log_to_file(path: Path, rank: int) -> logging.StreamHandler[TextIO]:
    """Append INFO and above to a file as well, from now on; return the handler, which holds it.

    The file and its folder are made if they are missing.

    Raises:
        OSError: it cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handler: logging.StreamHandler[TextIO]
    handler = logging.StreamHandler(path.open("a", encoding="utf-8"))
    handler.setFormatter(line_format(rank))
    handler.setLevel(logging.INFO)
    root = logging.getLogger("emotalk")
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    return handler


def line_format(rank: int) -> logging.Formatter:
    """Return the format of this process's log lines."""
    line = f"%(asctime)s [{rank} {node_name()}] %(levelname).1s %(name)s: %(message)s"
    return PrintableFormatter(line, DATE)
