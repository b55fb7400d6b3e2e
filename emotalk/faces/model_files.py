"""Find the files of a back end's landmark models, and compute a digest of them."""

import hashlib
from pathlib import Path

from emotalk.config.etl import LandmarksConfig
from emotalk.files.checksums import file_sha256


def models_sha256(config: LandmarksConfig) -> str | None:
    """Return a digest of the back end's model files; None where it has none, or one is missing.

    A missing file is reported when the models are loaded.
    """
    files = sorted(model_files(config), key=lambda path: path.name)
    if not files or not all(path.is_file() for path in files):
        return None
    lines = [f"{_role(config, path)} {file_sha256(path)}\n" for path in files]
    return hashlib.sha256("".join(sorted(lines)).encode()).hexdigest()


def model_files(config: LandmarksConfig) -> list[Path]:
    """Return the back end's model files; those of a pack are there, the others need not be."""
    if config.backend == "insightface":
        return list((config.root.expanduser() / "models" / config.pack).glob("*.onnx"))
    if config.backend == "onnx":
        given = (config.detector, config.landmarker)
        return [path.expanduser() for path in given if path is not None]
    return []


def packs_in(root: Path) -> list[str]:
    """Return the names of insightface's model packs in a folder, in alphabetical order."""
    return sorted({model.parent.name for model in (root / "models").glob("*/*.onnx")})


def model_places(config: LandmarksConfig) -> dict[str, str]:
    """Return setting -> absolute path of what holds the back end's models; empty without any."""
    settings: dict[str, tuple[str, ...]] = {
        "insightface": ("root",), "onnx": ("detector", "landmarker"),
    }  # fmt: skip
    given = {name: getattr(config, name) for name in settings.get(config.backend, ())}
    return {name: str(path.expanduser().absolute()) for name, path in given.items() if path}


def _role(config: LandmarksConfig, path: Path) -> str:
    """Return the role of a file: its name in a pack, else the setting that names it."""
    if config.backend == "insightface":
        return path.name
    return "detector" if path == config.detector else "landmarker"
