"""Where a job reads and writes, and what a file system may say to that."""

import errno
from pathlib import Path

from emotalk.config.etl import EtlConfig
from emotalk.errors import WrongUse

FAULTS = {
    errno.ENOSPC: "the disk is full; make room and start again: finished clips are kept",
    errno.EDQUOT: "the quota is used up; make room and start again: finished clips are kept",
    errno.EROFS: "the file system is read-only; choose another output",
    errno.EACCES: "permission denied; choose another output or ask for the right to write",
}


def check_paths(config: EtlConfig, *, in_job: bool) -> Path:
    """Return the source folder's path; refuse paths that would not mean what they say.

    Raises:
        WrongUse: in a Ray job, a relative source or output: it would point into Ray's own
            temporary copy of the project.
    """
    source = Path(config.source).expanduser()
    relative = [
        f"{key}={path}"
        for key, path in (("source", source), ("output", config.output))
        if not path.expanduser().is_absolute()
    ]
    if in_job and relative:
        raise WrongUse(
            f"{', '.join(relative)}: a Ray job runs in a temporary copy of the project, where "
            "relative paths point nowhere; give full paths that every node sees"
        )
    return source


def disk_fault(error: OSError) -> str:
    """Return what to do about a fault of the file system.

    Raises:
        OSError: the same one, if it is of another kind.
    """
    if error.errno not in FAULTS:
        raise error
    where = f"{error.filename}: " if error.filename else ""
    return where + FAULTS[error.errno]
