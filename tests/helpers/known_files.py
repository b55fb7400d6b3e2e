"""List the project's files as git knows them."""

import subprocess

import pytest

from tests.helpers.tiny_training import ROOT


def known_files() -> list[str]:
    """Return the paths that git knows or would add, relative to the project's folder.

    A container's image and an unpacked archive have no list: the test, or module, that asks skips.
    """
    if not (ROOT / ".git").exists():
        pytest.skip(f"{ROOT} is no git checkout: its files are not told from others'",
                    allow_module_level=True)  # fmt: skip
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, check=True, capture_output=True, text=True,
    ).stdout  # fmt: skip
    return sorted(name for name in listed.split("\0") if name and (ROOT / name).is_file())
