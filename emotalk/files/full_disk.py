"""Tell errors of a full disk from others."""

import errno

FULL = (errno.ENOSPC, errno.EDQUOT)


def is_full(error: BaseException) -> bool:
    """Return whether an error reports a full disk or quota."""
    return isinstance(error, OSError) and error.errno in FULL
