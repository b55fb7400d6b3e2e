"""Finished clips between the two halves of the job, one small file each, safe against any death.

The folder's name holds a digest of what decides the bytes, so that a rerun with other settings
never meets the leavings of the first. A file appears under its name only when complete.
"""

import io
import json
import os
import zipfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from emotalk.schema import Rejection

VERDICT = "verdict.json"
EPOCH = (1980, 1, 1, 0, 0, 0)


@dataclass(frozen=True)
class Verdict:
    """What became of one clip.

    Attributes:
        key: the sample's key.
        source: size in bytes and modification time in ns of the clip's file, to notice a new one.
        frames: length at 25 Hz; 0 if rejected.
        mean_face: mean landmarks of the clip, 68 pairs in crop pixels; empty if rejected.
        reason: why it was rejected, or empty.
        detail: value, limit, advice.
        clip: the clip's name.
        seconds: how long each stage took on the worker; not part of any shard.
    """

    key: str
    clip: str
    source: tuple[int, int]
    frames: int = 0
    mean_face: tuple[tuple[float, float], ...] = ()
    reason: str = ""
    detail: str = ""
    seconds: Mapping[str, float] | None = None

    @property
    def accepted(self) -> bool:
        """Whether the clip became a sample."""
        return not self.reason

    @property
    def rejection(self) -> Rejection:
        """The rejection of a clip that did not."""
        return Rejection(self.reason, self.detail, self.clip)


def keep(folder: Path, verdict: Verdict, members: Mapping[str, bytes]) -> None:
    """Write a clip's verdict and members, complete or not at all."""
    target = folder / f"{verdict.key}.zip"
    partial = folder / f".{verdict.key}.{os.getpid()}.part"
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_STORED) as archive:
        for name, member in members.items():
            archive.writestr(zipfile.ZipInfo(name, EPOCH), member)
        archive.writestr(zipfile.ZipInfo(VERDICT, EPOCH), json.dumps(asdict(verdict)))
    try:
        with partial.open("wb") as file:
            file.write(data.getvalue())
            file.flush()
            os.fsync(file.fileno())
        partial.replace(target)
    finally:
        partial.unlink(missing_ok=True)


def is_kept(folder: Path, key: str) -> bool:
    """Return whether a clip was finished before, whatever file it was made of."""
    return (folder / f"{key}.zip").is_file()


def kept_verdict(folder: Path, key: str, source: tuple[int, int]) -> Verdict | None:
    """Return the verdict of a clip finished before, or None if there is none for this very file."""
    try:
        with zipfile.ZipFile(folder / f"{key}.zip") as archive:
            facts: dict[str, Any] = json.loads(archive.read(VERDICT))
    except (FileNotFoundError, zipfile.BadZipFile, KeyError):
        return None
    face = tuple((float(x), float(y)) for x, y in facts.pop("mean_face"))
    verdict = Verdict(**{**facts, "mean_face": face, "source": tuple(facts["source"])})
    return verdict if verdict.source == source else None


def kept_member(folder: Path, key: str, name: str) -> bytes:
    """Return one member of an accepted clip."""
    with zipfile.ZipFile(folder / f"{key}.zip") as archive:
        return archive.read(name)
