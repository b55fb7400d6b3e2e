"""A look at a finished shard set: is every byte as promised, what is in it, how does it look."""

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
from emotalk.media.png import png_bytes
from emotalk.media.window import decode_video_window
from emotalk.schema import FPS, LANDMARKS, Bytes

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

    def __str__(self) -> str:
        """Return the summary for people: splits by emotion and level, rejections, faults."""
        return "\n".join([*self._head(), "", *self._table(), *self._rejected(), *self._verdict()])

    def _head(self) -> list[str]:
        clips = self.manifest.clips
        size = sum(shard.bytes for shard in self.manifest.shards) / 2**20
        return [
            f"{self.shards}: {len(self.manifest.shards)} shards, {size:.1f} MiB, "
            f"{clips.get('found', 0)} clips found, {clips.get('accepted', 0)} accepted, "
            f"{clips.get('rejected', 0)} rejected"
        ]

    def _table(self) -> list[str]:
        emotions = sorted({emotion for _, emotion, _ in self.samples})
        levels = sorted({level for _, _, level in self.samples}, key=lambda v: (v is None, v or 0))
        rows = [["split", "actors", "samples", "minutes", *emotions]]
        for split in self.manifest.split_names:
            actors = len(self.manifest.splits.get(split, {}).get("actors", []))
            minutes = f"{self.frames.get(split, 0) / FPS / 60:.1f}"
            counts = [self._count(split=split, emotion=emotion) for emotion in emotions]
            rows.append([split, *map(str, [actors, self._count(split=split), minutes, *counts])])
        for level in levels:
            name = "level unknown" if level is None else f"level {level:.2f}"
            counts = [self._count(emotion=emotion, level=level) for emotion in emotions]
            rows.append([name, "", *map(str, [self._count(level=level), "", *counts])])
        widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
        return [
            "  ".join(
                cell.rjust(width) if column else cell.ljust(width)
                for column, (cell, width) in enumerate(zip(row, widths, strict=True))
            ).rstrip()
            for row in rows
        ]

    def _count(
        self,
        *,
        split: str | None = None,
        emotion: str | None = None,
        level: float | str | None = "",
    ) -> int:
        """Return the number of samples; an empty `level` stands for all levels."""
        return sum(
            number
            for (of_split, of_emotion, of_level), number in self.samples.items()
            if split in (None, of_split)
            and emotion in (None, of_emotion)
            and level in ("", of_level)
        )

    def _rejected(self) -> list[str]:
        reasons = self.manifest.rejected_by_reason.items()
        return ["", "rejected because"] * bool(reasons) + [f"  {why}: {n}" for why, n in reasons]

    def _verdict(self) -> list[str]:
        if self.ok:
            return ["", "every hash and count is as promised"]
        return ["", f"{len(self.faults)} faults:", *(f"  {fault}" for fault in self.faults)]


def inspect(shards: Path | str, *, contact_sheet: Path | None = None) -> InspectReport:
    """Return what a shard set holds after checking every hash, count and member.

    Args:
        shards: the folder.
        contact_sheet: a PNG to write: middle crops with landmarks, a row for each emotion.
            Not written where there are faults.

    Raises:
        WrongUse: there is no shard set, its manifest cannot be read, or it lies at a URL.
    """
    if "://" in str(shards):
        raise WrongUse(f"{shards}: only a folder can be inspected; copy the shard set here first")
    shards = Path(shards)
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
        png = png_bytes(draw_sheet(tiles, captions, columns=SHEET_CLIPS_PER_EMOTION))
        try:
            path.write_bytes(png)
        except OSError as error:
            raise WrongUse(f"contact sheet: cannot write {path}: {error.strerror}") from None


def _tile(tar: Path, sample: SampleEntry) -> Bytes:
    video = next(suffix for suffix in VIDEO_MEMBERS if suffix in sample.members)
    middle = sample.frames // 2
    frame = decode_video_window(read_member(tar, sample, video), middle, 1)[0]
    landmarks = np.load(io.BytesIO(read_member(tar, sample, LANDMARKS_MEMBER)))
    return draw_landmarks(frame, landmarks[middle], enlarge=2)
