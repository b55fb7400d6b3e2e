"""The streaming loader: windows a second and core, two workers, first batch, resume, memory.

    python -m tests.benchmarks.bench_loader [--shards DIR] [--batches 100] [--json]

Without --shards the set is made of the real clips of the shared test material, where it is here
(seven clips, each under 24 keys), and else of moving pictures; the first line says which. One
thread a process. Windows a second are per CPU second of all processes that read, in turn with the
decoding alone of the same members and with the original's loader (tests/helpers/plain_loader.py,
which reads the same clips decoded and does its augmentation on the CPU), and the medians count;
only the two workers are timed by the clock, in turn with one. What is required stands beside it.
"""

import argparse
import io
import itertools
import json
import os
import platform
import resource
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import torch
from torch.utils.data import DataLoader

from emotalk.config.data import DataConfig
from emotalk.data.batch import ClipBatch
from emotalk.data.loader import ClipLoader, build_loader
from emotalk.media.decode import decode_audio, decode_video_window
from emotalk.schema import EMOTIONS_MEAD8, FORMAT_VERSION
from emotalk.shards.reader import SampleReader
from emotalk.shards.shard_set import ShardSet
from tests.helpers.corpus_index import crema_d_keys, write_corpus_index
from tests.helpers.plain_loader import PlainClips, write_plain_clips
from tests.helpers.real_shards import write_real_shards
from tests.helpers.shard_set import (
    MadeClip,
    Members,
    made_clips,
    made_members,
    textured_video,
    write_shard_set,
)
from tests.helpers.shared import shared_root

MIB = 2**20
WINDOW, BATCH = 25, 4
ROUND = 5  # batches of one turn
EPOCHS = 3
FAR = 10**6  # the step a run is taken up at
MEMBERS = ("mp4", "flac", "landmarks.npy")
COPIES, CLIPS_A_SHARD = 24, 28
ORIGINAL, SHARE = "  times the original's loader", "  loader as % of that"
VIDEO_SHARE, TWICE = "  loader as % of that, video alone", "  times as many with 2 workers"
GROWTH = "  growth from the first epoch to the last, MiB"
# The beginning of a figure's name -> least and most that are required.
REQUIRED = {
    ORIGINAL: (5.0, None),
    SHARE: (70.0, None),
    VIDEO_SHARE: (70.0, None),
    TWICE: (1.6, None),
    "first batch": (None, 3000.0),
    "7442 clips: reading the indexes": (None, 2000.0),
    "worker memory": (None, 400.0),
    GROWTH: (None, 20.0),
}


def main() -> None:
    """Measure and print one line a figure."""
    options = _options()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        shards, what = (options.shards, options.shards) if options.shards else _made_set(folder)
        sys.stdout.write(f"shards: {what}\n")
        figures = {
            **_speed(shards, options.batches, folder / "plain"),
            **_two_workers(shards, options.batches),
            **_first_batch(shards),
            **_resume(folder / "corpus"),
            **_memory(shards, options.batches),
        }
    for name, value in figures.items():
        sys.stdout.write(f"{name:<54} {value:10.2f}{_verdict(name, value)}\n")
    if options.json:
        about = {"torch": torch.__version__, "machine": platform.machine(), "cpus": os.cpu_count()}
        sys.stdout.write(json.dumps({**figures, **about, "format": FORMAT_VERSION}) + "\n")


def _verdict(name: str, value: float) -> str:
    """Return what is required of a figure and whether it is met, or nothing."""
    found = [limits for start, limits in REQUIRED.items() if name.startswith(start)]
    if not found:
        return ""
    least, most = found[-1]
    met = (least is None or value >= least) and (most is None or value <= most)
    wanted = f">= {least:g}" if most is None else f"<= {most:g}"
    return f"   required {wanted}: {'met' if met else 'MISSED'}"


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shards", help="a shard set with a split `train`")
    parser.add_argument("--batches", type=int, default=100)
    parser.add_argument("--json", action="store_true", help="print the numbers as JSON too")
    return parser.parse_args()


def _made_set(folder: Path) -> tuple[str, str]:
    """Return a shard set, and in words what is in it."""
    shared = shared_root()
    if (shared / "data" / "clips").exists():
        # In a process of its own, for the ETL sets up the memory of the process it works in.
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as etl:
            data = (shared / "data").resolve()
            real = etl.submit(write_real_shards, folder / "real", data).result()
        return str(_multiplied(real, folder / "set")), "real clips, 7 faces in 168 keys"
    clips = made_clips(168, frames=(60, 75, 90))

    def members(clip: MadeClip) -> Members:
        return made_members(clip, textured_video(clip))

    return str(_written(folder / "set", clips, members)), "moving pictures, no real clips here"


def _multiplied(real: Path, folder: Path) -> Path:
    """Write each real sample under several keys, so that an epoch lasts."""
    shard_set = ShardSet.open(str(real))
    reader, samples = SampleReader(shard_set), shard_set.split("train").samples
    members = [reader.read(sample, sample.members) for sample in samples]
    clips = [
        MadeClip(f"{n:04d}", samples[n % len(samples)].frames, "one", "anger", None)
        for n in range(COPIES * len(samples))
    ]
    return _written(folder, clips, lambda clip: members[int(clip.key) % len(members)])


def _written(folder: Path, clips: list[MadeClip], members: Callable[[MadeClip], Members]) -> Path:
    starts = range(0, len(clips), CLIPS_A_SHARD)
    shards = [("train", clips[start : start + CLIPS_A_SHARD]) for start in starts]
    return write_shard_set(folder, shards, members_of=members)


def _loader(shards: str, *, start_step: int = 0, **options: Any) -> ClipLoader:
    config = DataConfig(**{"batch_size": BATCH, "frames": WINDOW, **options})
    shard_set = ShardSet.open(shards)
    return build_loader(config, shard_set, "train", 0, EMOTIONS_MEAD8, start_step=start_step)


def _cpu_s() -> float:
    """Return CPU seconds of this process and of the workers that have ended."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


def _timed(work: Callable[[], object], clock: Callable[[], float] = _cpu_s) -> float:
    begin = clock()
    work()
    return clock() - begin


def _speed(shards: str, batches: int, folder: Path) -> dict[str, float]:
    """Return rates of loading, decoding alone and the original, by turns: all meet one noise."""
    loaded = iter(_loader(shards, workers=0))
    original = _plain_batches(write_plain_clips(shards, folder, longer_than=WINDOW))
    members = itertools.cycle(_members(shards))
    work: dict[str, Callable[[], object]] = {
        "loaded": lambda: list(itertools.islice(loaded, ROUND)),
        "decoded": lambda: _decode(itertools.islice(members, BATCH * ROUND)),
        "original": lambda: list(itertools.islice(original, ROUND)),
        "video": lambda: _decode_video(itertools.islice(members, BATCH * ROUND)),
    }
    for part in work.values():
        part()
    rounds = [{name: _timed(part) for name, part in work.items()} for _ in range(batches // ROUND)]

    def middle(name: str, per: str | None = None) -> float:
        divisors = [one[per] if per else BATCH * ROUND for one in rounds]
        shares = [one[name] / divisor for one, divisor in zip(rounds, divisors, strict=True)]
        return float(np.median(shares))

    return {
        "windows per core second": 1 / middle("loaded"),
        "  the original's loader, with its augmentation": 1 / middle("original"),
        ORIGINAL: middle("original", "loaded"),
        "  decoding the same members alone": 1 / middle("decoded"),
        SHARE: 100 * middle("decoded", "loaded"),
        "  decoding their video alone": 1 / middle("video"),
        VIDEO_SHARE: 100 * middle("video", "loaded"),
    }


def _plain_batches(folder: Path) -> Iterator[object]:
    """Yield the original's batches of clips long enough for a window, epoch after epoch."""
    clips = PlainClips(folder, WINDOW)
    while True:
        yield from DataLoader(clips, batch_size=BATCH, shuffle=True)


def _members(shards: str) -> list[tuple[dict[str, bytes], int]]:
    """Return the bytes that a window is made from, and a first frame, for every usable sample."""
    shard_set = ShardSet.open(shards)
    reader = SampleReader(shard_set)
    return [
        (reader.read(sample, MEMBERS), (sample.frames - WINDOW) // 2)
        for sample in shard_set.split("train").samples
        if sample.frames >= WINDOW
    ]


def _decode(windows: Iterable[tuple[dict[str, bytes], int]]) -> None:
    for members, start in windows:
        decode_video_window(members["mp4"], start, WINDOW)
        decode_audio(members["flac"])
        np.load(io.BytesIO(members["landmarks.npy"]), allow_pickle=False)


def _decode_video(windows: Iterable[tuple[dict[str, bytes], int]]) -> None:
    for members, start in windows:
        decode_video_window(members["mp4"], start, WINDOW)


def _two_workers(shards: str, batches: int) -> dict[str, float]:
    """Return windows a second by the clock with one and two workers, in turn."""
    rates: dict[int, list[float]] = {1: [], 2: []}
    for workers in (1, 2) * 3:
        running = iter(_loader(shards, workers=workers))
        _take(running, 4 * workers)  # what was read ahead while it started

        def work(running: Iterator[ClipBatch] = running) -> None:
            _take(running, batches)

        rates[workers].append(BATCH * batches / _timed(work, time.perf_counter))
        del running, work
    one, two = (float(np.median(rates[workers])) for workers in (1, 2))
    return {
        "windows a second by the clock, 1 worker": one,
        "windows a second by the clock, 2 workers": two,
        f"{TWICE}, {os.cpu_count()} cores": two / one,
    }


def _take(batches: Iterator[ClipBatch], count: int) -> None:
    for _ in itertools.islice(batches, count):
        pass


def _first_batch(shards: str) -> dict[str, float]:
    """Return the time from building the loader to its first batch, at a run's start and far on."""
    figures = {}
    for workers in (0, 2):
        for step in (0, FAR):
            begin = time.perf_counter()
            running = iter(_loader(shards, workers=workers, start_step=step))
            next(running)
            name = f"first batch, {workers} workers, step {step}, ms"
            figures[name] = 1000 * (time.perf_counter() - begin)
            del running
    return figures


def _resume(folder: Path) -> dict[str, float]:
    """Return what taking up a run of 7442 clips takes before the first clip is read."""
    keys, _ = crema_d_keys(shared_root())
    write_corpus_index(folder, keys)
    begin = time.perf_counter()
    loader = _loader(str(folder), workers=0, frames=1, start_step=FAR)
    built = time.perf_counter()
    loader.batches.order.place(FAR * BATCH)
    found = time.perf_counter()
    return {
        f"{len(keys)} clips: reading the indexes, ms": 1000 * (built - begin),
        f"  finding the place of step {FAR}, ms": 1000 * (found - built),
    }


def _memory(shards: str, batches: int) -> dict[str, float]:
    """Return one worker's PSS after each of three epochs, of at least `batches` batches each."""
    loader = _loader(shards, workers=1)
    length = max(batches, -(-loader.clips_per_epoch // BATCH))
    running = iter(loader)
    figures = {}
    for epoch in range(1, EPOCHS + 1):
        _take(running, length)
        worker = psutil.Process().children()[0]
        name = f"worker memory (PSS) after {epoch} x {length} batches, MiB"
        figures[name] = worker.memory_full_info().pss / MIB
    first, *_, last = figures.values()
    return {**figures, GROWTH: last - first}


if __name__ == "__main__":
    main()
