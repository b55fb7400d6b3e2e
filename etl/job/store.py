"""Store finished clips and shards; each is checked by its hash before it is used again.

The folder's name is a digest of what decides the bytes, so that a rerun with other settings finds
nothing of the first run.
"""

import hashlib
import io
import json
import os
import struct
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import IO, Any

from emotalk.files.atomic_write import atomic_write
from emotalk.files.checksums import DIGEST_BYTES, sealed, unseal, unsealed
from emotalk.shards.manifest import ShardEntry
from etl.corpora.listing import Stretch
from etl.job.verdict import Verdict, pack_verdict, unpack_verdict
from etl.recording.recording import Recording

STILL = "still.png"
"""First crop of a neutral clip, stored as the neutral still of other clips."""
PICTURE = "picture.jpg"
"""A small picture of a rejected clip, for the report of the set."""
EPOCH = (1980, 1, 1, 0, 0, 0)
CLIP, SHARD, RECORDING, LOOKING = ".clip", ".shard", ".recording", ".looking"
SIZES = struct.Struct("<IQ")  # of the verdict and of the members, in bytes
BEGIN = SIZES.size + DIGEST_BYTES  # byte of a clip's file at which its verdict begins
HEAD = 1000  # bytes that hold any usual verdict


class DamagedClip(Exception):  # noqa: N818  a fault of the file; the clip is made anew
    """A finished clip is not the one that was written; its key is the only argument."""


def clip_path(folder: Path, key: str) -> Path:
    """Return the file of a finished clip, in one of 256 folders by a hash of its key."""
    return folder / hashlib.sha256(key.encode()).hexdigest()[:2] / f"{key}{CLIP}"


def clip_folders(folder: Path) -> list[Path]:
    """Return the folders of finished clips that a store has."""
    return sorted(folder.glob("[0-9a-f][0-9a-f]"))


def finished_keys(folder: Path) -> Iterator[str]:
    """Yield the keys of all finished clips, folder by folder."""
    for part in clip_folders(folder):
        for name in sorted(os.listdir(part)):
            if name.endswith(CLIP):
                yield name.removesuffix(CLIP)


def save_clip(folder: Path, verdict: Verdict, members: Mapping[str, bytes]) -> None:
    """Write a clip's verdict and members, complete or not at all."""
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_STORED) as archive:
        for name, member in members.items():
            archive.writestr(zipfile.ZipInfo(name, EPOCH), member)
    sealed_members = sealed(data.getvalue())
    packed = pack_verdict(verdict)
    sizes = SIZES.pack(len(packed), len(sealed_members))
    path = clip_path(folder, verdict.key)
    path.parent.mkdir(exist_ok=True)
    with atomic_write(path, aside=folder, on_disk=False) as file:
        file.write(sizes + hashlib.sha256(sizes + packed).digest() + packed)
        file.write(sealed_members)


def load_verdict(folder: Path, key: str, source: tuple[int, int]) -> Verdict | None:
    """Return the stored verdict on a clip; None if there is none for this very file.

    It reads the first kilobyte. A clip whose verdict was damaged, or whose file has another length,
    counts as not finished; damage of its members is noticed by `load_members`.
    """
    try:
        with clip_path(folder, key).open("rb", buffering=0) as file:
            packed = _packed_verdict(file)
    except FileNotFoundError:
        return None
    verdict = None if packed is None else unpack_verdict(packed)
    return verdict if verdict is not None and verdict.source == source else None


def load_members(folder: Path, key: str) -> dict[str, bytes]:
    """Return the members of an accepted clip, or the picture of a rejected one, name -> bytes.

    Raises:
        DamagedClip: they are not those that were written.
    """
    archive = _archive(folder, key)
    if archive is None:
        raise DamagedClip(key)
    return {name: archive.read(name) for name in archive.namelist()}


def load_picture(folder: Path, key: str) -> bytes:
    """Return the picture of a rejected clip as JPEG; empty where there is none."""
    archive = _archive(folder, key)
    return b"" if archive is None or PICTURE not in archive.namelist() else archive.read(PICTURE)


def _packed_verdict(file: IO[bytes]) -> bytes | None:
    """Return the bytes of the verdict at the begin of a clip's file; None if it is damaged."""
    head = file.read(HEAD)
    if len(head) < BEGIN:
        return None
    length, rest = SIZES.unpack_from(head)
    if os.fstat(file.fileno()).st_size != BEGIN + length + rest:
        return None
    packed = head[BEGIN : BEGIN + length]
    if len(packed) < length:
        packed += file.read(length - len(packed))
    fits = hashlib.sha256(head[: SIZES.size] + packed).digest() == head[SIZES.size : BEGIN]
    return packed if fits else None


def _archive(folder: Path, key: str) -> zipfile.ZipFile | None:
    """Return the members of a finished clip, None where they are missing or damaged."""
    try:
        with clip_path(folder, key).open("rb") as file:
            packed = _packed_verdict(file)
            if packed is None:
                return None
            file.seek(BEGIN + len(packed))
            data = unseal(file.read())
    except FileNotFoundError:
        return None
    return None if data is None else zipfile.ZipFile(io.BytesIO(data))


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
