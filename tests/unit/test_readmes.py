"""Where a package's README has a table of its modules, the table names every module."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TABLE = re.compile(r"^\| (?:file|module)\b", re.MULTILINE)
SEVERAL = {"etl": ("clip", "job")}  # folders whose modules stand in the README above them


def tables() -> list[Path]:
    found = [path for top in ("emotalk", "etl") for path in (ROOT / top).rglob("README.md")]
    return [path for path in sorted(found) if TABLE.search(path.read_text("utf-8"))]


def modules(folder: Path) -> set[str]:
    return {path.stem for path in folder.glob("*.py") if not path.stem.startswith("__")}


def named_in(readme: Path) -> set[str]:
    code = " ".join(re.findall(r"`[^`\n]+`", readme.read_text("utf-8")))
    return {name.rpartition("/")[2] for name in re.findall(r"[\w/]+", code)}


@pytest.mark.parametrize("readme", tables(), ids=lambda path: str(path.parent.relative_to(ROOT)))
def test_the_table_of_a_package_names_every_module(readme: Path) -> None:
    folders = [
        readme.parent,
        *(readme.parent / name for name in SEVERAL.get(readme.parent.name, ())),
    ]
    lacking = sorted(set().union(*map(modules, folders)) - named_in(readme))
    assert not lacking, f"{readme.relative_to(ROOT)} says nothing of {', '.join(lacking)}"


def test_there_are_tables_to_look_at() -> None:
    assert len(tables()) > 15
