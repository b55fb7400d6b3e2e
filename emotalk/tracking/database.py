"""Find the database file that a tracking address names; it needs no MLflow."""

from pathlib import Path

PREFIX = "sqlite:///"


def database_file(uri: str) -> Path | None:
    """Return the file of a `sqlite:///` address, or None of any other."""
    path = Path(uri.removeprefix(PREFIX).partition("?")[0])
    return path if uri.startswith(PREFIX) and path.name not in ("", ":memory:") else None


def database_is_missing(uri: str) -> bool:
    """Return whether an address names a database file that is not there."""
    path = database_file(uri)
    return path is not None and not path.exists()
