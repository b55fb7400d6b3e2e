"""Compute a digest of the code and the libraries that decide a clip's bytes."""

import hashlib
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from emotalk.files.checksums import file_sha256

PACKAGES = (
    "av",
    "decord",
    "insightface",
    "numpy",
    "onnxruntime",
    "opencv-python",
    "scipy",
    "silero-vad",
    "torch",
    "torchaudio",
)
KINDS = {".py", ".npy", ".json", ".csv"}  # code, and the tables that lie beside it
SOURCES = (
    "etl",
    "emotalk/faces",
    "emotalk/lip_sync/estimate.py",
    "emotalk/lip_sync/features.py",
    "emotalk/lip_sync/lip_sync_net.json",
    "emotalk/lip_sync/load.py",
    "emotalk/lip_sync/network.py",
    "emotalk/lip_sync/one_thread.py",
    "emotalk/media",
    "emotalk/shards/index.py",
    "emotalk/shards/members.py",
    "emotalk/shards/names.py",
    "emotalk/shards/record.py",
    "emotalk/shards/writer.py",
    "emotalk/onnx_session.py",
    "emotalk/schema.py",
    "emotalk/config/etl.py",
)


@lru_cache(maxsize=1)
def programs_digest() -> str:
    """Return a digest of the code and the libraries' versions.

    An unfinished set never mixes clips of two versions. A finished set is not compared with it.
    """
    return digest_of_programs(Path(__file__).resolve().parents[2])


def digest_of_programs(root: Path) -> str:
    """Return the digest of the code below a project's folder and of the libraries' versions."""
    digest = hashlib.sha256()
    for place in SOURCES:
        path = root / place
        files = [path] if path.is_file() else sorted(path.rglob("*"))
        for file in files:
            if file.suffix in KINDS and file.is_file():
                name = file.relative_to(root).as_posix()
                digest.update(f"{name} {file_sha256(file)}\n".encode())
    for name in PACKAGES:
        digest.update(f"{name} {_version(name)}\n".encode())
    return digest.hexdigest()


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "not there"
