"""Set up logging with the same line format in every process."""

import logging
import sys

from emotalk.printable import printable_lines
from emotalk.redaction import redact, redact_tracebacks


class PrintableFormatter(logging.Formatter):
    """Formats log records with control characters escaped and secrets redacted."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line, or the lines of a traceback."""
        return printable_lines(redact(super().format(record)))


def set_up_logging(rank: int = 0) -> None:
    """Log to standard error: INFO on rank 0, WARNING elsewhere, the rank in every line.

    Neither the log nor a traceback that ends the process shows the secrets of addresses.
    """
    redact_tracebacks()
    handler = logging.StreamHandler(sys.stderr)
    line = f"%(asctime)s [{rank}] %(levelname).1s %(name)s: %(message)s"
    handler.setFormatter(PrintableFormatter(line, "%H:%M:%S"))
    root = logging.getLogger("emotalk")
    root.handlers = [handler]
    root.propagate = False
    root.setLevel(logging.INFO if rank == 0 else logging.WARNING)
