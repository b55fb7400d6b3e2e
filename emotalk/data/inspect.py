"""A look at a finished shard set: is every byte as promised, what is in it, and how does it look."""

import hashlib
import io
import json
import tarfile
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from emotalk.data.manifest import (
    JSON_MEMBER,
    LANDMARKS_MEMBER,
    MANIFEST_NAME,
    VIDEO_MEMBERS,
    Manifest,
    SampleEntry,
    ShardEntry,
    ShardIndex,
    index_name,
    parse_index,
    parse_manifest,
)
from emotalk.errors import WrongUse
from emotalk.faces.draw import contact_sheet as draw_sheet
from emotalk.faces.draw import draw_landmarks
from emotalk.media.image_file import write_png
from emotalk.media.window import decode_video_window
from emotalk.schema import LANDMARKS, Bytes

SHEET_CLIPS_PER_EMOTION = 8
REJECTED_NAME = "rejected.jsonl"


@dataclass(frozen=True)
class InspectReport:
    """What a shard set holds and what is wrong with it.

    Attributes:
        shards: the folder.
        manifest: what it says of itself.
        samples: (split, emotion, intensity) -> number of samples, counted in the indices.
        frames: split -> number of frames.
        faults: one line for each thing that is not as promised; empty if all is well.
    """

    shards: Path
    manifest: Manifest
    samples: dict[tuple[str, str, float | None], int]
    frames: dict[str, int]
    faults: tuple[str, ...] = field(default=())

    @property
    def ok(self) -> bool:
        """Whether every hash and count is as promised."""
        return not self.faults


def inspect(shards: Path, *, contact_sheet: Path | None = None) -> InspectReport:
    """Return what a shard set holds after checking every hash, count and member.

    Args:
        shards: the folder.
        contact_sheet: a PNG to write: first crops with landmarks, a row or more for each emotion.

    Raises:
        WrongUse: there is no shard set, or its manifest cannot be read.
    """
    manifest = _manifest(shards)
    faults = _count_faults(shards, manifest)
    samples: Counter[tuple[str, str, float | None]] = Counter()
    frames: Counter[str] = Counter()
    first: dict[str, list[tuple[Path, SampleEntry]]] = {}
    for shard in manifest.shards:
        found, index = _check_shard(shards, shard)
        faults += found
        for sample in index.samples if index else ():
            samples[shard.split, sample.emotion, sample.intensity] += 1
            frames[shard.split] += sample.frames
            first.setdefault(sample.emotion, []).append((shards / shard.file, sample))
    if contact_sheet is not None and not faults:
        _write_sheet(contact_sheet, first)
    return InspectReport(shards, manifest, dict(samples), dict(frames), tuple(faults))


def _manifest(shards: Path) -> Manifest:
    path = shards / MANIFEST_NAME
    try:
        return parse_manifest(path.read_bytes(), str(path))
    except FileNotFoundError:
        what = "a shard set that is not finished" if shards.is_dir() else "no such folder"
        raise WrongUse(
            f"{shards}: no {MANIFEST_NAME}: {what}; give the output of etl/shard.py"
        ) from None
    except OSError as error:
        raise WrongUse(f"{path}: cannot be read: {error.strerror}") from None


def _count_faults(shards: Path, manifest: Manifest) -> list[str]:
    """Return what does not add up in the manifest, the list of rejected clips and the folder."""
    clips, faults = manifest.clips, []
    written = sum(shard.samples for shard in manifest.shards)
    accepted, rejected = clips.get("accepted", 0), clips.get("rejected", 0)
    by_reason = sum(manifest.rejected_by_reason.values())
    lines = _rejected_lines(shards)
    for name, one, other in (
        ("clips found is not accepted + rejected", clips.get("found", 0), accepted + rejected),
        ("clips accepted is not the samples of all shards", accepted, written),
        ("clips rejected is not the sum of its reasons", rejected, by_reason),
        (f"clips rejected is not the lines of {REJECTED_NAME}", rejected, lines),
    ):
        if one != other:
            faults.append(f"{MANIFEST_NAME}: {name}: {one} and {other}")
    for split, facts in manifest.splits.items():
        inside = sum(shard.samples for shard in manifest.shards if shard.split == split)
        if facts.get("samples") != inside:
            faults.append(
                f"{MANIFEST_NAME}: split {split} has {facts.get('samples')} samples, its shards "
                f"{inside}"
            )
    known = {shard.file for shard in manifest.shards}
    strangers = sorted(path.name for path in shards.glob("*.tar") if path.name not in known)
    return faults + [f"{name}: not in {MANIFEST_NAME}" for name in strangers]


def _rejected_lines(shards: Path) -> int:
    path = shards / REJECTED_NAME
    return len(path.read_text(encoding="utf-8").splitlines()) if path.is_file() else -1


def _check_shard(shards: Path, shard: ShardEntry) -> tuple[list[str], ShardIndex | None]:
    tar, index_path = shards / shard.file, shards / index_name(shard.file)
    missing = [f"{path.name}: missing" for path in (tar, index_path) if not path.is_file()]
    if missing:
        return missing, None
    faults = []
    if (size := tar.stat().st_size) != shard.bytes:
        faults.append(f"{shard.file}: {size} bytes, the manifest says {shard.bytes}")
    if _sha256(tar) != shard.sha256:
        faults.append(f"{shard.file}: its sha256 is not the manifest's: changed or damaged")
    data = index_path.read_bytes()
    if hashlib.sha256(data).hexdigest() != shard.index_sha256:
        faults.append(f"{index_path.name}: its sha256 is not the manifest's: changed or damaged")
    try:
        index = parse_index(data, index_path.name, shard)
    except WrongUse as error:
        return [*faults, str(error)], None
    return faults + ([] if faults else _check_members(tar, index)), index


def _check_members(tar: Path, index: ShardIndex) -> list[str]:
    """Return which members of a tar are not where, or not of the length, that the index says."""
    try:
        with tarfile.open(tar) as archive:
            inside = {info.name: (info.offset_data, info.size) for info in archive}
    except tarfile.TarError as error:
        return [f"{tar.name}: not a readable tar: {error}"]
    faults = []
    promised = {
        f"{sample.key}.{suffix}": place
        for sample in index.samples
        for suffix, place in sample.members.items()
    }
    if inside != promised:
        wrong = sorted(k for k in {*inside, *promised} if inside.get(k) != promised.get(k))
        faults.append(f"{tar.name}: {wrong[0]} and {len(wrong) - 1} more are not as indexed")
        return faults
    for sample in index.samples:
        shape = np.load(io.BytesIO(read_member(tar, sample, LANDMARKS_MEMBER))).shape
        facts: dict[str, Any] = json.loads(read_member(tar, sample, JSON_MEMBER))
        if shape != (sample.frames, LANDMARKS, 2) or facts.get("frames") != sample.frames:
            faults.append(
                f"{tar.name}: {sample.key}: index says {sample.frames} frames, landmarks are "
                f"{shape}, its JSON says {facts.get('frames')}"
            )
    return faults


def read_member(tar: Path, sample: SampleEntry, suffix: str) -> bytes:
    """Return one member's bytes by the place that the index gives."""
    offset, size = sample.members[suffix]
    with tar.open("rb") as file:
        file.seek(offset)
        return file.read(size)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _write_sheet(path: Path, first: dict[str, list[tuple[Path, SampleEntry]]]) -> None:
    tiles: list[Bytes] = []
    captions: list[str] = []
    for emotion in sorted(first):
        shown = first[emotion][:SHEET_CLIPS_PER_EMOTION]
        for tar, sample in shown:
            tiles.append(_tile(tar, sample))
            captions.append(f"{emotion} {sample.key}")
        gap = -len(shown) % SHEET_CLIPS_PER_EMOTION
        tiles += [np.full_like(tiles[-1], 255)] * gap
        captions += [""] * gap
    if tiles:
        write_png(path, draw_sheet(tiles, captions, columns=SHEET_CLIPS_PER_EMOTION))


def _tile(tar: Path, sample: SampleEntry) -> Bytes:
    video = next(suffix for suffix in VIDEO_MEMBERS if suffix in sample.members)
    middle = sample.frames // 2
    frame = decode_video_window(read_member(tar, sample, video), middle, 1)[0]
    landmarks = np.load(io.BytesIO(read_member(tar, sample, LANDMARKS_MEMBER)))
    return draw_landmarks(frame, landmarks[middle], enlarge=2)
