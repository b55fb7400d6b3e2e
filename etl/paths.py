"""Check the folders of a job, and explain errors of the file system."""

import errno
import os
from pathlib import Path

from emotalk.config.etl import EtlConfig
from emotalk.errors import WrongUse
from emotalk.media.object_store import ObjectStore
from emotalk.media.remote import is_url
from emotalk.redaction import refuse_redacted

AGAIN = "and start again: finished clips are kept"
FAULTS = {
    errno.ENOSPC: f"the disk is full; make room {AGAIN}",
    errno.EDQUOT: f"the quota is used up; make room {AGAIN}",
    errno.EFBIG: f"larger than a file may be here (ulimit -f); raise the limit {AGAIN}",
    errno.EROFS: "the file system is read-only; choose another output",
    errno.EACCES: "permission denied; choose another output or ask for the right to write",
    errno.EPERM: "not permitted; choose another output or ask for the right to write",
    errno.EIO: f"the disk reports a fault of its own; look after it {AGAIN}",
    errno.EMFILE: f"too many files are open; raise the limit (ulimit -n) {AGAIN}",
    errno.ENFILE: f"the machine has too many files open; end what else runs there {AGAIN}",
    errno.ENOMEM: f"the kernel has no memory left; end what else runs there {AGAIN}",
    errno.ESTALE: f"the file system was taken away by its server; mount it anew {AGAIN}",
    errno.ENOTCONN: f"the file system's server is gone; mount it anew {AGAIN}",
}


def in_a_ray_job() -> bool:
    """Return whether this process was started by `ray job submit`."""
    return "RAY_JOB_CONFIG_JSON_ENV_VAR" in os.environ


def check_paths(config: EtlConfig, *, in_job: bool) -> Path:
    """Return the source as a path; refuse paths that cannot work.

    Raises:
        WrongUse: in a Ray job a relative source or output, which would point into Ray's temporary
            copy of the project; side-car landmarks at a URL; a place to publish to that is no
            object storage.
    """
    if config.publish is not None:
        refuse_redacted(config.publish, "publish")
        ObjectStore(config.publish, "output")
    if is_url(config.source) and config.landmarks.backend == "sidecar":
        raise WrongUse(
            "landmarks.backend=sidecar reads landmarks from a folder; source is a URL: use "
            "landmarks.backend=insightface, or a source on disk"
        )
    source = Path(config.source).expanduser()
    paths = [] if is_url(config.source) else [("source", source)]
    paths.append(("output", config.output))
    relative = [f"{key}={path}" for key, path in paths if not path.expanduser().is_absolute()]
    if in_job and relative:
        raise WrongUse(
            f"{', '.join(relative)}: a Ray job runs in a temporary copy of the project, where "
            "relative paths point nowhere; give full paths that every node sees"
        )
    return source


def disk_fault(error: OSError) -> str:
    """Return the message on an error of the file system, with what to do.

    Raises:
        OSError: the same one, if it is of another kind.
    """
    if error.errno not in FAULTS:
        raise error
    where = f"{error.filename}: " if error.filename else ""
    notes = "; ".join(getattr(error, "__notes__", ()))
    return where + FAULTS[error.errno] + (f" ({notes})" if notes else "")
