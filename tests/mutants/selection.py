"""Which tests speak for a module: those beside it, those that import it, those of its package."""

import ast
from functools import cache
from pathlib import Path

# Tests of whole ways that a package's unit tests do not walk.
ALSO: dict[str, tuple[str, ...]] = {
    "losses": ("tests/unit/training",),
    "training": ("tests/pipeline/test_train.py", "tests/pipeline/test_validation_faces.py"),
    "data": (
        "tests/pipeline/test_bad_shards.py",
        "tests/pipeline/test_faulty_clips.py",
        "tests/pipeline/test_train.py",
    ),
    "metrics": ("tests/unit/evaluation", "tests/pipeline/test_validation_faces.py"),
    "evaluation": (),
    "etl": (
        "tests/pipeline/test_etl.py",
        "tests/pipeline/test_etl_command.py",
        "tests/pipeline/test_etl_faults.py",
        "tests/pipeline/test_bad_input.py",
    ),
    "inference": ("tests/pipeline/test_generate.py",),
}


def files_for(root: Path, file: str) -> list[str]:
    """Return the test files of a module, the nearest first; paths in the project."""
    module = Path(file).with_suffix("")
    package = module.parts[0] if module.parts[0] == "etl" else module.parts[1]
    inner = module.parts if module.parts[0] == "etl" else module.parts[1:]
    unit = root / "tests" / "unit"
    beside = sorted(unit.joinpath(*inner[:-1]).glob(f"test_{inner[-1]}*.py"))
    found = [*beside, *importers(root, ".".join(module.parts)), *_files(unit / package)]
    for place in ALSO.get(package, ()):
        found += _files(root / place)
    return list(dict.fromkeys(path.relative_to(root).as_posix() for path in found))


def importers(root: Path, module: str) -> list[Path]:
    """Return the unit and pipeline tests that import a module by its own name."""
    files = [*sorted(root.glob("tests/unit/**/test_*.py")), *_files(root / "tests" / "pipeline")]
    return [path for path in files if module in _imported(path)]


def _files(place: Path) -> list[Path]:
    return [place] if place.is_file() else sorted(place.rglob("test_*.py"))


@cache
def _imported(path: Path) -> frozenset[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_bytes())):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module)
            names.update(f"{node.module}.{alias.name}" for alias in node.names)
    return frozenset(names)
