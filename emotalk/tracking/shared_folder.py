"""Tell whether a run may write MLflow's SQLite file: never unasked on a file system of a cluster.

SQLite's locks do not hold between machines: on NFS or Lustre, writers on two of them damage the
file or wait for ever.
"""

import logging
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal, NamedTuple

import psutil

from emotalk.config.tracking import MlflowConfig
from emotalk.redaction import redact
from emotalk.tracking.database import database_file
from emotalk.tracking.mlflow import tracking_uri

LOG = logging.getLogger("emotalk.mlflow")
Choice = Literal["write", "warn", "leave out"]
NETWORK = {
    "9p", "afs", "beegfs", "ceph", "cifs", "gfs2", "glusterfs", "gpfs", "lustre", "ncpfs", "nfs",
    "nfs4", "ocfs2", "orangefs", "panfs", "pvfs2", "quobyte", "smb3", "smbfs", "sshfs", "virtiofs",
    "wekafs",
}  # fmt: skip


class Mount(NamedTuple):
    """A folder that a file system begins at, and the file system's type."""

    folder: str
    kind: str


def may_send(config: MlflowConfig) -> bool:
    """Return whether a run sends its figures to MLflow, and warn of a SQLite file on a cluster.

    Without a named server, a run on a cluster writes none to a file system that nodes share.
    """
    choice, warning = sqlite_choice(
        tracking_uri(config),
        asked=bool(config.uri or os.environ.get("MLFLOW_TRACKING_URI")),
        environment=os.environ,
        mounted=mounts(),
    )
    if warning:
        LOG.warning("%s", redact(warning))
    return choice != "leave out"


def mounts() -> list[Mount]:
    """Return what is mounted on this machine, in the order of mounting."""
    return [Mount(part.mountpoint, part.fstype) for part in psutil.disk_partitions(all=True)]


def network_kind(path: Path, mounted: Sequence[Mount]) -> str:
    """Return the type of the network file system that holds a path; empty for a local one."""
    place = path.resolve()
    above = [mount for mount in mounted if place.is_relative_to(mount.folder)]
    kind = max(reversed(above), key=lambda mount: len(mount.folder)).kind if above else ""
    return kind if kind.removeprefix("fuse.") in NETWORK else ""


def is_on_a_cluster(environment: Mapping[str, str]) -> bool:
    """Return whether this process is part of a batch job, or of a run on several machines."""
    local = environment.get("LOCAL_WORLD_SIZE", "")
    return "SLURM_JOB_ID" in environment or local != environment.get("WORLD_SIZE", "")


def sqlite_choice(
    uri: str, *, asked: bool, environment: Mapping[str, str], mounted: Sequence[Mount]
) -> tuple[Choice, str]:
    """Return what becomes of a tracking address, and a warning for people (empty: none).

    Args:
        uri: the address that the run would write to.
        asked: whether the configuration or the environment names it.
        environment: of this process.
        mounted: file systems, as from `mounts`.
    """
    path = database_file(uri)
    kind = "" if path is None else network_kind(path, mounted)
    if not kind or not is_on_a_cluster(environment):
        return "write", ""
    why = (
        f"MLflow: {path} is on a shared file system ({kind}), where jobs on several nodes can "
        "damage a SQLite file"
    )
    what = (
        "set MLFLOW_TRACKING_URI=http://HOST:PORT to a server (slurm/README.md); the same command "
        "given again then sends all that stands in metrics.jsonl"
    )
    if asked:
        return "warn", f"{why}; it is written because it was named; better: {what}"
    return "leave out", f"{why}: nothing is written there; {what}"
