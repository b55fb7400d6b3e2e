"""Store finished clips and shards; each is checked by its hash before it is used again.

The folder's name is a digest of what decides the bytes, so that a rerun with other settings finds
nothing of the first run.
"""

import io
import json
import zipfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from emotalk.errors import Stopped
from emotalk.files.atomic_write import atomic_write
from emotalk.files.checksums import sealed, unsealed
from emotalk.schema import Rejection
from emotalk.shards.manifest import ShardEntry
from etl.corpora.listing import Stretch
from etl.recording.recording import Recording

STILL = "still.png"
"""First crop of a neutral clip, stored as the neutral still of other clips."""
PICTURE = "picture.jpg"
"""A small picture of a rejected clip, for the report of the set."""
VERDICT = "verdict.json"
EPOCH = (1980, 1, 1, 0, 0, 0)
CLIP, SHARD, RECORDING, LOOKING = ".clip", ".shard", ".recording", ".looking"
UNKNOWN = (0, 0)  # stamp of a clip whose files were not looked at


@dataclass(frozen=True)
class Verdict:
    """The result of one clip."""

    key: str
    clip: str
    source: tuple[int, int]  # bytes and modification time in ns of the file, to notice a new one
    frames: int = 0  # length at 25 Hz; 0 if rejected
    mean_face: tuple[tuple[float, float], ...] = ()  # 68 pairs in crop pixels; empty if rejected
    reason: str = ""  # why it was rejected, or empty
    detail: str = ""  # value and limit
    seconds: Mapping[str, float] | None = None  # of each stage on the worker; in no shard
    sha256: str = ""  # of the members, to tell whether a shard was made of these very ones
    node: str = ""  # the machine that processed it; not part of any shard
    # values that the checks measured, for `measures.jsonl`; not part of any shard
    measures: Mapping[str, float] = field(default_factory=dict)

    @property
    def accepted(self) -> bool:
        """Return whether the clip became a sample."""
        return not self.reason

    @property
    def rejection(self) -> Rejection:
        """Return the rejection of a rejected clip."""
        return Rejection(self.reason, self.detail, self.clip)


def save_clip(folder: Path, verdict: Verdict, members: Mapping[str, bytes]) -> None:
    """Write a clip's verdict and members, complete or not at all."""
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_STORED) as archive:
        for name, member in members.items():
            archive.writestr(zipfile.ZipInfo(name, EPOCH), member)
        archive.writestr(zipfile.ZipInfo(VERDICT, EPOCH), json.dumps(asdict(verdict)))
    with atomic_write(folder / f"{verdict.key}{CLIP}", aside=folder, on_disk=False) as file:
        file.write(sealed(data.getvalue()))


def load_verdict(folder: Path, key: str, source: tuple[int, int]) -> Verdict | None:
    """Return the stored verdict on a clip; None if there is none for this very file.

    A clip whose stored bytes were damaged counts as not finished.
    """
    archive = _archive(folder, key)
    if archive is None:
        return None
    facts: dict[str, Any] = json.loads(archive.read(VERDICT))
    face = tuple((float(x), float(y)) for x, y in facts.pop("mean_face"))
    verdict = Verdict(**{**facts, "mean_face": face, "source": tuple(facts["source"])})
    return verdict if verdict.source == source else None


def load_members(folder: Path, key: str) -> dict[str, bytes]:
    """Return the members of an accepted clip, or the picture of a rejected one, name -> bytes.

    Raises:
        Stopped: they are not those that were written.
    """
    archive = _archive(folder, key)
    if archive is None:
        raise Stopped(
            f"{folder / (key + CLIP)}: damaged or removed since it was written; check the disk and "
            "start again: the clip is made anew, the others are kept"
        )
    return {name: archive.read(name) for name in archive.namelist() if name != VERDICT}


def load_picture(folder: Path, key: str) -> bytes:
    """Return the picture of a rejected clip as JPEG; empty where there is none."""
    archive = _archive(folder, key)
    return b"" if archive is None or PICTURE not in archive.namelist() else archive.read(PICTURE)


def save_recording(folder: Path, recording: Recording) -> None:
    """Write what was found in a recording, complete or not at all."""
    with atomic_write(folder / f"{recording.key}{RECORDING}", aside=folder, on_disk=False) as file:
        file.write(sealed(json.dumps(asdict(recording)).encode()))


def load_recording(folder: Path, key: str, source: tuple[int, int]) -> Recording | None:
    """Return what was found in a recording; None if there is nothing for this very file."""
    data = unsealed(folder / f"{key}{RECORDING}")
    if data is None:
        return None
    facts: dict[str, Any] = json.loads(data)
    stretches = tuple(Stretch(**stretch) for stretch in facts.pop("stretches"))
    recording = Recording(**{**facts, "source": tuple(facts["source"])}, stretches=stretches)
    return recording if recording.source == source else None


def save_shard(folder: Path, recipe: str, entry: ShardEntry) -> None:
    """Store the manifest's entry of a finished shard, with the digest of its samples."""
    text = json.dumps({"recipe": recipe, "entry": entry.model_dump()})
    with atomic_write(folder / f"{entry.file}{SHARD}", aside=folder, on_disk=False) as file:
        file.write(sealed(text.encode()))


def load_shard(folder: Path, name: str, recipe: str) -> ShardEntry | None:
    """Return the manifest's entry of a shard made before of the same samples, or None.

    The files under the shard's name must still be compared with it.
    """
    data = unsealed(folder / f"{name}{SHARD}")
    facts: dict[str, Any] = {} if data is None else json.loads(data)
    return ShardEntry(**facts["entry"]) if facts.get("recipe") == recipe else None


def _archive(folder: Path, key: str) -> zipfile.ZipFile | None:
    data = unsealed(folder / f"{key}{CLIP}")
    return None if data is None else zipfile.ZipFile(io.BytesIO(data))
