"""Keep a log of each process in the run folder: its lines, its traceback, its stacks in a crash."""

import faulthandler
import logging
import os
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from emotalk.errors import Stopped, WrongUse
from emotalk.logging_setup import log_to_file
from emotalk.redaction import redact
from emotalk.runs.status import rank_log

LOG = logging.getLogger("emotalk.train")


@contextmanager
def keep_rank_log(run_dir: Path, rank: int) -> Iterator[TextIO | None]:
    """Append this process's log lines to its file in the run folder as long as the block lasts.

    An error that leaves the block is written there too, and the stacks of all threads where the
    process crashes in C code. Yields the open file; None, after a warning, where it cannot be
    written.
    """
    path = rank_log(run_dir, rank)
    try:
        handler = log_to_file(path, rank)
    except OSError as error:
        LOG.warning("%s cannot be written: %s; this process keeps no log", path, error.strerror)
        yield None
        return
    file = handler.stream
    # In the file alone: it names the node of a process that says nothing else.
    handler.handle(
        LOG.makeRecord(LOG.name, logging.INFO, "", 0, "process %d begins", (os.getpid(),), None)
    )
    enabled = not faulthandler.is_enabled()
    if enabled:
        faulthandler.enable(file)
    try:
        yield file
    except (WrongUse, Stopped) as error:
        file.write(redact(f"{error}\n"))  # people need no traceback of these
        raise
    except Exception as error:
        file.write(redact("".join(traceback.format_exception(error))))
        raise
    finally:
        if enabled:
            faulthandler.disable()
        logging.getLogger("emotalk").removeHandler(handler)
        handler.close()
        file.close()
