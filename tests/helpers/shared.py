"""Find the real test material, for the tests that need it."""

import os
from pathlib import Path

import pytest


def shared_root() -> Path:
    """Return the folder of the shared test material, which need not be there."""
    return Path(os.environ.get("EMOTALK_SHARED", Path(__file__).parents[3] / "shared"))


def shared_data(*parts: str) -> Path:
    """Return a path of the shared test material, or skip the test and say why."""
    root = shared_root()
    path = root.joinpath(*parts)
    if not path.exists():
        pytest.skip(
            f"the shared test material {'/'.join(parts)} is not here (EMOTALK_SHARED={root})"
        )
    return path
