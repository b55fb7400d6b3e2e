"""Define the errors that end a command with one message, and the exit codes."""

import errno
import os

from emotalk.printable import printable, printable_lines

OF_A_NAME = (errno.ENAMETOOLONG, errno.EACCES, errno.EROFS, errno.ELOOP)


class WrongUse(ValueError):  # noqa: N818  a mistake of the user, not a fault of the program
    """Raised when a request of the user cannot be fulfilled as it is.

    The message names the given value, the allowed ones and the next action. Entry points print it
    on standard error and exit with code 2; nothing else catches it.
    """

    def __init__(self, message: str) -> None:
        """Store the message with control characters escaped."""
        super().__init__(printable_lines(message))


class InUse(WrongUse):
    """Raised when another process holds the requested folder."""


class Stopped(RuntimeError):  # noqa: N818  a state of the run, not a fault of the program
    """Raised when a run cannot go on, through no fault of its command or of the program.

    The message names the cause, what is kept and how to continue. Entry points print it on standard
    error and exit with code 1; nothing else catches it.
    """

    def __init__(self, message: str) -> None:
        """Store the message with control characters escaped."""
        super().__init__(printable_lines(message))


def refused_name(error: OSError) -> str | None:
    """Return a message if the system refused a file for its name or rights, else None."""
    if error.errno not in OF_A_NAME or error.filename is None:
        return None
    name = printable(os.fsdecode(error.filename), longest=200)
    return f"{name}: {error.strerror}; give another name or folder, or check who may use it"


EXIT_DONE = 0
EXIT_FAILED = 1
EXIT_WRONG_USE = 2
EXIT_PREEMPTED = 85
EXIT_HUNG = 86  # a process made no progress for longer than its limit; a new start may go on
