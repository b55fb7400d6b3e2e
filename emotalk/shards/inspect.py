"""Inspect a finished shard set: check every byte, count its content, draw a contact sheet."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from emotalk.counted import counted
from emotalk.errors import WrongUse
from emotalk.files.small_files import UnfitFile, read_small
from emotalk.printable import printable, quoted
from emotalk.schema import FPS, SPLITS
from emotalk.shards.check import ShardCheck, check_shard
from emotalk.shards.contact_sheet import check_sheet, write_sheet
from emotalk.shards.manifest import Manifest
from emotalk.shards.names import MANIFEST_NAME, REJECTED_NAME
from emotalk.shards.reader import SampleReader
from emotalk.shards.record import parse
from emotalk.shards.rejected import parse_rejected, rejected_lines
from emotalk.shards.sample_table import Sample
from emotalk.shards.shard_set import ShardSet, doubles_fault
from emotalk.shards.statistics import (
    SplitStatistics,
    count_levels,
    reason_lines,
    split_facts,
    statistics_lines,
)
from emotalk.shards.storage import LARGEST_FILE, DiskStorage
from emotalk.usable_cores import usable_cores

MAX_THREADS = 8
LONGEST_FAULT = 1000  # letters


@dataclass(frozen=True)
class InspectReport:
    """Content and faults of a shard set."""

    shards: Path  # the folder
    manifest: Manifest
    splits: tuple[SplitStatistics, ...]  # content of each split, counted in the indexes
    faults: tuple[str, ...] = ()  # one line for each difference from the manifest

    @property
    def ok(self) -> bool:
        """Return whether every hash and count is as promised."""
        return not self.faults

    def __str__(self) -> str:
        """Return the report as text: splits by emotion and level, rejections, faults."""
        reasons = reason_lines(self.manifest.rejected_by_reason)
        parts = [self._head(), statistics_lines(self.splits), reasons, self._verdict()]
        return "\n\n".join("\n".join(part) for part in parts if part)

    def _head(self) -> list[str]:
        clips = self.manifest.clips
        size = sum(shard.bytes for shard in self.manifest.shards) / 2**20
        return [
            f"{self.shards}: {counted(len(self.manifest.shards), 'shard')}, {size:.1f} MiB, "
            f"{counted(clips.get('found', 0), 'clip')} found, {clips.get('accepted', 0)} accepted, "
            f"{clips.get('rejected', 0)} rejected"
        ]

    def _verdict(self) -> list[str]:
        if self.ok:
            return ["every hash and count is as promised"]
        return [f"{counted(len(self.faults), 'fault')}:", *(f"  {fault}" for fault in self.faults)]


def inspect(
    shards: Path | str, *, contact_sheet: Path | None = None, overwrite: bool = False
) -> InspectReport:
    """Return the content of a shard set after checking every hash, count and member.

    Args:
        shards: the folder.
        contact_sheet: a PNG to write, of the first crops; not written where there are faults.
        overwrite: replace a picture that is there already.

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
    with ThreadPoolExecutor(min(MAX_THREADS, usable_cores())) as pool:
        numbers = range(len(manifest.shards))
        checks = list(pool.map(partial(check_shard, shards, manifest), numbers))
    faults = _count_faults(shards, manifest)
    faults += [fault for check in checks for fault in check.faults]
    if doubles := doubles_fault(sample.key for check in checks for sample in check.samples):
        faults.append(doubles)
    samples = _by_split(manifest, checks)
    splits = tuple(_statistics(split, inside) for split, inside in samples.items())
    faults += [] if faults else _split_faults(manifest, samples)
    if contact_sheet is not None and not faults:
        chosen = [sample for check in checks for sample in check.samples]
        reader = SampleReader(ShardSet(str(shards), manifest, DiskStorage(shards)))
        write_sheet(contact_sheet, reader, chosen)
    lines = (printable(fault, longest=LONGEST_FAULT) for fault in faults)
    return InspectReport(shards, manifest, splits, tuple(lines))


def _by_split(manifest: Manifest, checks: Sequence[ShardCheck]) -> dict[str, list[Sample]]:
    """Return the samples of each split that the manifest names."""
    promised = [split for split in SPLITS if split in manifest.splits]
    samples: dict[str, list[Sample]] = {s: [] for s in (*promised, *manifest.split_names)}
    for shard, check in zip(manifest.shards, checks, strict=True):
        samples[shard.split].extend(check.samples)
    return samples


def _statistics(split: str, samples: list[Sample]) -> SplitStatistics:
    return SplitStatistics(
        name=split,
        actors=len({sample.actor for sample in samples}),
        minutes=sum(sample.frames for sample in samples) / FPS / 60,
        samples=count_levels(samples),
    )


def _split_faults(manifest: Manifest, samples: dict[str, list[Sample]]) -> list[str]:
    """Return the splits whose actors, emotions or levels differ from the indexes."""
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
        return parse(Manifest, read_small(path, max_bytes=LARGEST_FILE), str(path))
    except FileNotFoundError:
        what = "a shard set that is not finished" if shards.is_dir() else "no such folder"
        raise WrongUse(
            f"{shards}: no {MANIFEST_NAME}: {what}; give the output of etl/shard.py"
        ) from None
    except OSError as error:
        raise WrongUse(f"{path}: cannot be read: {error.strerror}") from None
    except UnfitFile as error:
        raise WrongUse(f"{path}: {error}; copy the shard set again") from None


def _count_faults(shards: Path, manifest: Manifest) -> list[str]:
    """Return the faults of the manifest's counts, the list of rejected clips and the folder."""
    clips = manifest.clips
    written = sum(shard.samples for shard in manifest.shards)
    accepted, rejected = clips.get("accepted", 0), clips.get("rejected", 0)
    by_reason = sum(manifest.rejected_by_reason.values())
    faults: list[str] = []
    for name, one, other in (
        ("clips found is not accepted + rejected", clips.get("found", 0), accepted + rejected),
        ("clips accepted is not the samples of all shards", accepted, written),
        ("clips rejected is not the sum of its reasons", rejected, by_reason),
    ):
        if one != other:
            faults.append(f"{MANIFEST_NAME}: {name}: {one} and {other}")
    faults += _rejected_faults(shards, rejected)
    for split, facts in manifest.splits.items():
        inside = sum(shard.samples for shard in manifest.shards if shard.split == split)
        if facts.get("samples") != inside:
            faults.append(
                f"{MANIFEST_NAME}: split {split} has {quoted(facts.get('samples'))} samples, "
                f"its shards {inside}"
            )
    known = {shard.file for shard in manifest.shards}
    strangers = sorted(path.name for path in shards.glob("*.tar") if path.name not in known)
    return faults + [f"{name}: not in {MANIFEST_NAME}" for name in strangers]


def _rejected_faults(shards: Path, rejected: int) -> list[str]:
    """Return the faults of the list of rejected clips."""
    try:
        lines = rejected_lines(shards)
    except FileNotFoundError:
        return [f"{REJECTED_NAME}: missing"]
    except OSError as error:
        return [f"{REJECTED_NAME}: cannot be read: {error.strerror}"]
    except UnfitFile as error:
        return [f"{REJECTED_NAME}: {error}"]
    faults = []
    if len(lines) != rejected:
        faults.append(
            f"{MANIFEST_NAME}: clips rejected is not the lines of {REJECTED_NAME}: {rejected} and "
            f"{len(lines)}"
        )
    unfit = [number for number, line in enumerate(lines, 1) if not _is_rejected(line)]
    if unfit:
        faults.append(
            f"{REJECTED_NAME}: {len(unfit)} lines are no objects with clip and reason, first line "
            f"{unfit[0]}"
        )
    return faults


def _is_rejected(line: bytes) -> bool:
    try:
        parse_rejected(line)
    except ValueError:
        return False
    return True
