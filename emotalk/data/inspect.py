"""A look at a finished shard set: is every byte as promised, what is in it, how does it look."""

import hashlib
import io
import json
import tarfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from emotalk.census import SplitCensus, census_lines, count_levels, reason_lines, split_facts
from emotalk.data.contact_sheet import check_sheet, write_sheet
from emotalk.data.manifest import (
    JSON_MEMBER,
    LANDMARKS_MEMBER,
    MANIFEST_NAME,
    Manifest,
    SampleEntry,
    ShardEntry,
    ShardIndex,
    index_name,
    parse_index,
    parse_manifest,
    read_member,
)
from emotalk.data.storage import file_sha256
from emotalk.errors import WrongUse
from emotalk.schema import FPS, LANDMARKS, SPLITS

REJECTED_NAME = "rejected.jsonl"


@dataclass(frozen=True)
class InspectReport:
    """What a shard set holds and what is wrong with it.

    Attributes:
        shards: the folder.
        manifest: what it says of itself.
        splits: what each split holds, counted in the indices.
        faults: one line for each thing that is not as promised; empty if all is well.
    """

    shards: Path
    manifest: Manifest
    splits: tuple[SplitCensus, ...]
    faults: tuple[str, ...] = field(default=())

    @property
    def ok(self) -> bool:
        """Whether every hash and count is as promised."""
        return not self.faults

    def __str__(self) -> str:
        """Return the summary for people: splits by emotion and level, rejections, faults."""
        reasons = reason_lines(self.manifest.rejected_by_reason)
        parts = [self._head(), census_lines(self.splits), reasons, self._verdict()]
        return "\n\n".join("\n".join(part) for part in parts if part)

    def _head(self) -> list[str]:
        clips = self.manifest.clips
        size = sum(shard.bytes for shard in self.manifest.shards) / 2**20
        return [
            f"{self.shards}: {len(self.manifest.shards)} shards, {size:.1f} MiB, "
            f"{clips.get('found', 0)} clips found, {clips.get('accepted', 0)} accepted, "
            f"{clips.get('rejected', 0)} rejected"
        ]

    def _verdict(self) -> list[str]:
        if self.ok:
            return ["every hash and count is as promised"]
        count = f"{len(self.faults)} fault{'' if len(self.faults) == 1 else 's'}:"
        return [count, *(f"  {fault}" for fault in self.faults)]


def inspect(
    shards: Path | str, *, contact_sheet: Path | None = None, overwrite: bool = False
) -> InspectReport:
    """Return what a shard set holds after checking every hash, count and member.

    Args:
        shards: the folder.
        contact_sheet: a PNG to write: first crops with landmarks, in rows by emotion.
            Not written where there are faults.
        overwrite: replace a file that is there already.

    Raises:
        WrongUse: there is no shard set, its manifest cannot be read, or it lies at a URL; the
            picture cannot be written.
    """
    if "://" in str(shards):
        raise WrongUse(f"{shards}: only a folder can be inspected; copy the shard set here first")
    if contact_sheet is not None:
        check_sheet(contact_sheet, overwrite=overwrite)
    shards = Path(shards)
    manifest = _manifest(shards)
    faults = _count_faults(shards, manifest)
    promised = [split for split in SPLITS if split in manifest.splits]
    samples: dict[str, list[SampleEntry]] = {s: [] for s in (*promised, *manifest.split_names)}
    places: list[tuple[Path, SampleEntry]] = []
    for shard in manifest.shards:
        found, index = _check_shard(shards, shard)
        faults += found
        inside = index.samples if index else ()
        samples.setdefault(shard.split, []).extend(inside)
        places += [(shards / shard.file, sample) for sample in inside]
    splits = tuple(_census(split, inside) for split, inside in samples.items())
    faults += [] if faults else _split_faults(manifest, samples)
    if contact_sheet is not None and not faults:
        write_sheet(contact_sheet, places)
    return InspectReport(shards, manifest, splits, tuple(faults))


def _census(split: str, samples: list[SampleEntry]) -> SplitCensus:
    return SplitCensus(
        name=split,
        actors=len({sample.actor for sample in samples}),
        minutes=sum(sample.frames for sample in samples) / FPS / 60,
        samples=count_levels((sample.emotion, sample.intensity) for sample in samples),
    )


def _split_faults(manifest: Manifest, samples: dict[str, list[SampleEntry]]) -> list[str]:
    """Return where the manifest's actors, emotions and levels are not those of the indices."""
    faults = []
    for split, facts in manifest.splits.items():
        counted = split_facts(samples.get(split, []))
        faults += [
            f"{MANIFEST_NAME}: split {split}: its {name} are not those of its samples"
            for name, value in counted.items()
            if name in facts and facts[name] != value
        ]
    return faults


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
    if file_sha256(tar) != shard.sha256:
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
