"""Find the ready configurations, which come with the package, by the names of a checkout."""

from pathlib import Path

CONFIGS = "configs"
PACKAGE = Path(__file__).parents[1]


def ready_config(path: Path, package: Path = PACKAGE) -> Path:
    """Return the package's own file for `configs/...` where this folder has none of that name.

    An installation has it in the package, a checkout beside it. Any other path is returned as it
    is.
    """
    if path.is_absolute() or path.parts[:1] != (CONFIGS,) or path.exists() or ".." in path.parts:
        return path
    folders = [package]
    if (package.parent / "pyproject.toml").is_file():
        folders.append(package.parent)
    found = (folder / path for folder in folders if (folder / path).is_file())
    return next(found, path)
