"""Make a new SQLite database for MLflow in one piece."""

import os
from contextlib import suppress
from pathlib import Path

from mlflow.tracking import MlflowClient

PREFIX = "sqlite:///"


def make_database(uri: str) -> None:
    """Make the database file of a `sqlite:///` URI, unless it is there.

    MLflow creates its tables one after the other. A process killed meanwhile leaves a file that
    MLflow cannot open, and of two processes that start together one fails. So the tables are
    created under a temporary name. Other URIs are left to MLflow.
    """
    path = _file(uri)
    if path is None or path.exists():
        return
    partial = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        MlflowClient(tracking_uri=f"{PREFIX}{partial}")  # which makes the tables
        with suppress(OSError):  # another process made it, or the disk has no links
            os.link(partial, path)
    finally:
        partial.unlink(missing_ok=True)


def _file(uri: str) -> Path | None:
    name = uri.removeprefix(PREFIX).partition("?")[0]
    return Path(name) if uri.startswith(PREFIX) and name not in ("", ":memory:") else None
