"""A rank over a set of a million samples: what its start costs, and what its readers copy.

    python -m tests.benchmarks.bench_scale [--samples 1000000]

The set has a manifest, indexes and tars of the right size without content, so only what a run does
before it reads a clip is measured: the indexes are parsed, clips selected, the order made. A second
process, forked from it as a loader's reader is, then walks through a whole epoch of places.
"""

import argparse
import gc
import hashlib
import itertools
import multiprocessing
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple, TypeVar
from unittest import mock

import psutil

from emotalk.config.data import DataConfig
from emotalk.data.loader import build_loader
from emotalk.data.steps import StepBatches
from emotalk.files.small_files import parse_json
from emotalk.runs.facts import data_facts
from emotalk.schema import EMOTIONS
from emotalk.shards.index import SampleEntry, ShardIndex
from emotalk.shards.joined_set import open_shards
from emotalk.shards.manifest import Manifest, ShardEntry
from emotalk.shards.names import MANIFEST_NAME, index_name, tar_name

Given = TypeVar("Given")
Found = TypeVar("Found")
MIB = 2**20
SAMPLES_PER_SHARD = 64
BLOCK = 512
MEMBERS = {"mp4": 250_000, "flac": 30_000, "landmarks.npy": 41_000, "json": 700}


class Cost(NamedTuple):
    """What a rank's start took and its reader copied."""

    cpu_s: float
    parses: int  # of an index, each counted once
    mib: float  # most memory beyond the imported programs
    private_mib: float  # memory that a reader no longer shares after an epoch


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--samples", type=int, default=1_000_000)
    samples = parser.parse_args().samples
    with tempfile.TemporaryDirectory() as folder:
        shards = write_indexes(Path(folder), samples)
        cost = in_new_process(rank_cost, folder)
    lines = (
        ("samples", f"{samples}"),
        ("shards", f"{shards}"),
        ("parses of an index (asked: 1)", f"{cost.parses / shards:.2f}"),
        ("a rank's start, CPU s (asked: under 10)", f"{cost.cpu_s:.1f}"),
        ("a rank's memory, MiB (asked: under 500)", f"{cost.mib:.0f}"),
        ("a reader's own after an epoch, MiB (under 50)", f"{cost.private_mib:.0f}"),
    )
    for name, value in lines:
        sys.stdout.write(f"{name:<48}{value:>10}\n")


def in_new_process(function: Callable[[Given], Found], given: Given) -> Found:
    """Return the result of a function in a process that holds nothing of this one."""
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        return pool.submit(function, given).result()


def write_indexes(folder: Path, samples: int) -> int:
    """Write a set of one split whose tars are empty; return the number of its tars."""
    entries = []
    for number, first in enumerate(range(0, samples, SAMPLES_PER_SHARD)):
        numbers = range(first, min(first + SAMPLES_PER_SHARD, samples))
        index, size = _index(numbers)
        data = index.to_json()
        name = tar_name("train", number)
        (folder / index_name(name)).write_bytes(data)
        with (folder / name).open("wb") as tar:
            tar.truncate(size)  # holes: no byte is written
        entries.append(
            ShardEntry(
                file=name,
                split="train",
                samples=len(numbers),
                frames=sum(sample.frames for sample in index.samples),
                bytes=size,
                sha256="0" * 64,
                index_sha256=hashlib.sha256(data).hexdigest(),
            )
        )
    manifest = Manifest(config={"corpus": "folder"}, shards=tuple(entries))
    (folder / MANIFEST_NAME).write_bytes(manifest.to_json())
    return len(entries)


def _index(numbers: range) -> tuple[ShardIndex, int]:
    """Return an index of these samples, and the size of its tar."""
    end, found = 0, []
    for number in numbers:
        members = {}
        for suffix, size in MEMBERS.items():
            members[suffix] = (end + BLOCK, size)
            end += BLOCK + -(-size // BLOCK) * BLOCK
        entry = SampleEntry(
            key=f"speaker{number // 200:05d}_clip{number:08d}",
            frames=50 + number % 100,
            actor=f"speaker{number // 200:05d}",
            emotion=EMOTIONS[number % len(EMOTIONS)],
            intensity=number % 4 / 3 if number % 5 else None,
            members=members,
        )
        found.append(entry)
    return ShardIndex(samples=tuple(found)), end + 2 * BLOCK


def rank_cost(folder: str) -> Cost:
    """Return what a rank does with a set before its first batch, and its reader in an epoch."""
    parses = itertools.count()

    def counted(data: bytes) -> Any:
        next(parses)
        return parse_json(data)

    with mock.patch("emotalk.shards.index_columns.parse_json", counted):
        return _measured(folder)._replace(parses=next(parses))


def _measured(folder: str) -> Cost:
    gc.collect()
    before, began = peak_mib(), time.process_time()
    held = psutil.Process().memory_info().rss / MIB
    shard_set = open_shards(folder)
    data_facts(shard_set)
    config = DataConfig(batch_size=16, workers=1)
    loader = build_loader(config, shard_set, "train", 1, EMOTIONS)
    loader.describe()
    loader.batches.order.place(0)
    cpu_s = time.process_time() - began
    mib = peak_mib() - min(before, held)
    _kept.append(loader.batches)  # which a forked process inherits
    with ProcessPoolExecutor(1, multiprocessing.get_context("fork")) as pool:
        private_mib = pool.submit(_epoch_growth).result()
    return Cost(cpu_s, 0, mib, private_mib)


def peak_mib() -> float:
    """Return the most memory that this process has had."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


_kept: list[StepBatches] = []


def _epoch_growth() -> float:
    """Return how much memory of its own a reader has more after an epoch than before."""
    (batches,) = _kept
    before = _private_mib()
    for number in range(len(batches.order)):
        place = batches.order.place(number)
        sample = batches.samples[place.sample]
        assert sample.members["mp4"][1] > 0
    return _private_mib() - before


def _private_mib() -> float:
    return float(psutil.Process().memory_full_info().uss) / MIB


if __name__ == "__main__":
    main()
