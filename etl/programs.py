"""The programs that a clip's bytes come from: this package's own code and the libraries it uses."""

import hashlib
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

PACKAGES = ("av", "decord", "insightface", "numpy", "onnxruntime", "opencv-python", "scipy")
SOURCES = ("etl", "emotalk/faces", "emotalk/media", "emotalk/schema.py", "emotalk/config/etl.py")


@lru_cache(maxsize=1)
def programs_digest() -> str:
    """Return a digest of the code and the libraries' versions.

    Clips that an older version finished are not mixed with those of this one in an unfinished set.
    A finished set stays what it is.
    """
    root = Path(__file__).resolve().parents[1]
    digest = hashlib.sha256()
    for place in SOURCES:
        path = root / place
        for file in [path] if path.is_file() else sorted(path.rglob("*.py")):
            digest.update(file.relative_to(root).as_posix().encode() + b"\0" + file.read_bytes())
    for name in PACKAGES:
        digest.update(f"{name} {_version(name)}\n".encode())
    return digest.hexdigest()


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "not there"
