"""Every Python file that a README names is there, at the place it says."""

import re
from pathlib import Path

import pytest

from tests.helpers.known_files import known_files
from tests.helpers.tiny_training import ROOT

NAME = re.compile(r"`((?:[\w.-]+/)*[\w-]+\.py)`")
EXAMPLES = {"NAME.py", "int8.py", "ray.py"}  # of files that the reader will write, or must not


TRACKED = known_files()
READMES = [name for name in TRACKED if Path(name).name == "README.md"]


def names_in(text: str) -> set[str]:
    """Return the Python files that a text names, without those that stand for any name."""
    return {name for name in NAME.findall(text) if Path(name).name not in EXAMPLES}


def is_there(name: str, readme: str) -> bool:
    """Return whether a name is a file below the README's folder, below the root, or at the root."""
    beside = Path(readme).parent
    if name.startswith("../"):
        return (ROOT / beside / name).is_file()
    below = [path for path in TRACKED if Path(path).is_relative_to(beside)]
    return name in TRACKED or any(
        path.endswith(f"/{name}") for path in (TRACKED if "/" in name else below)
    )


def test_a_missing_file_is_noticed() -> None:
    assert names_in("see `emotalk/data/order.py` and `NAME.py`") == {"emotalk/data/order.py"}
    assert is_there("emotalk/data/order.py", "README.md")
    assert is_there("../data/order.py", "emotalk/media/README.md")
    assert is_there("train.py", "emotalk/data/README.md")
    assert not is_there("emotalk/data/disorder.py", "README.md")
    assert not is_there("../data/disorder.py", "emotalk/media/README.md")
    assert not is_there("trainer.py", "emotalk/data/README.md")


@pytest.mark.parametrize("readme", READMES)
def test_every_file_that_a_readme_names_is_there(readme: str) -> None:
    text = (ROOT / readme).read_text(encoding="utf-8")
    missing = sorted(name for name in names_in(text) if not is_there(name, readme))
    assert missing == []
