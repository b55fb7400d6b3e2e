"""The streaming loader: windows a second and core, first batch, memory, augmentation.

    python -m tests.benchmarks.bench_loader [--shards DIR] [--batches 100] [--json]

Without --shards a set of moving pictures is made first. Windows a second are per CPU second of all
processes that read, so other work on the machine disturbs them little. One thread throughout.
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
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import torch

from emotalk.augment.video import VideoAugment
from emotalk.config.augment import VideoAugmentConfig
from emotalk.config.data import DataConfig
from emotalk.data.loader import ClipLoader, build_loader
from emotalk.data.shards import SampleReader, ShardSet
from emotalk.media.window import decode_audio, decode_video_window
from emotalk.schema import EMOTIONS_MEAD8, FORMAT_VERSION
from tests.helpers.shard_set import (
    MadeClip,
    made_clips,
    made_members,
    textured_video,
    write_shard_set,
)

MIB = 2**20
WINDOW = 25
ROUND = 5  # batches of one turn
MEMBERS = ("mp4", "flac", "landmarks.npy")


def main() -> None:
    """Measure and print one line a figure."""
    options = _options()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        shards = options.shards or _made_set(Path(folder))
        figures = {
            **_speed(shards, options.batches),
            **_first_batch(shards),
            **_memory(shards, options.batches),
            **_augmentation(),
        }
    for name, value in figures.items():
        sys.stdout.write(f"{name:<44} {value:10.1f}\n")
    if options.json:
        about = {"torch": torch.__version__, "machine": platform.machine(), "cpus": os.cpu_count()}
        sys.stdout.write(json.dumps({**figures, **about, "format": FORMAT_VERSION}) + "\n")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shards", help="a shard set with a split `train`")
    parser.add_argument("--batches", type=int, default=100)
    parser.add_argument("--json", action="store_true", help="print the numbers as JSON too")
    return parser.parse_args()


def _made_set(folder: Path) -> str:
    clips = made_clips(24, frames=(60, 75, 90))

    def members(clip: MadeClip) -> dict[str, bytes]:
        return made_members(clip, textured_video(clip))

    shards = [("train", clips[:12]), ("train", clips[12:])]
    return str(write_shard_set(folder, shards, members_of=members))


def _loader(shards: str, **options: Any) -> ClipLoader:
    config = DataConfig(**{"batch_size": 4, "frames": WINDOW, **options})
    return build_loader(config, shards, "train", 0, EMOTIONS_MEAD8)


def _cpu_s() -> float:
    """Return CPU seconds of this process and of the workers that have ended."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


def _timed(work: Callable[[], object]) -> float:
    begin = _cpu_s()
    work()
    return _cpu_s() - begin


def _speed(shards: str, batches: int) -> dict[str, float]:
    """Return rates of loading and of decoding alone, by turns: both meet the same noise."""
    loaded = iter(_loader(shards, workers=0))
    members = itertools.cycle(_members(shards))
    work: dict[str, Callable[[], object]] = {
        "loaded": lambda: list(itertools.islice(loaded, ROUND)),
        "decoded": lambda: _decode(itertools.islice(members, 4 * ROUND)),
        "video": lambda: _decode_video(itertools.islice(members, 4 * ROUND)),
    }
    for part in work.values():
        part()
    rounds = [{name: _timed(part) for name, part in work.items()} for _ in range(batches // ROUND)]

    def middle(name: str, per: str | None = None) -> float:
        return float(np.median([one[name] / (one[per] if per else 4 * ROUND) for one in rounds]))

    return {
        "windows per core second": 1 / middle("loaded"),
        "  decoding the same members alone": 1 / middle("decoded"),
        "  loader as % of that": 100 * middle("decoded", "loaded"),
        "  decoding their video alone": 1 / middle("video"),
        "  loader as % of that, video alone": 100 * middle("video", "loaded"),
    }


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


def _first_batch(shards: str) -> dict[str, float]:
    figures = {}
    for workers in (0, 2):
        begin = time.perf_counter()
        batch_iterator = iter(_loader(shards, workers=workers))
        next(batch_iterator)
        figures[f"first batch, {workers} workers, ms"] = 1000 * (time.perf_counter() - begin)
        del batch_iterator
    return figures


def _memory(shards: str, batches: int) -> dict[str, float]:
    """Return one worker's PSS early and late in a run."""
    batch_iterator = iter(_loader(shards, workers=1))
    figures = {}
    for name in ("early", "late"):
        for _ in itertools.islice(batch_iterator, batches):
            pass
        worker = psutil.Process().children()[0]
        figures[f"worker memory (PSS), {name}, MiB"] = worker.memory_full_info().pss / MIB
    return figures


def _augmentation() -> dict[str, float]:
    images = torch.rand(4, WINDOW + 1, 3, 128, 128)
    figures = {}
    every = VideoAugmentConfig.model_fields
    for title, names, p in [("p=0.5", every, 0.5), ("p=1", every, 1), ("CLAHE", ["clahe"], 1)]:
        tree = {name: {"p": p} for name in names}
        augment = VideoAugment(VideoAugmentConfig.model_validate(tree))

        def work(augment: VideoAugment = augment) -> None:
            for place in range(0, 40, 4):
                augment(
                    images[:, :-1],
                    images[:, -1],
                    keys=("a", "b", "c", "d"),
                    places=tuple(range(place, place + 4)),
                    seed=0,
                )

        work()
        seconds = float(np.median([_timed(work) for _ in range(3)]))
        figures[f"augmenting 4 x 25 frames, {title}, ms"] = 1000 * seconds / 10
    return figures


if __name__ == "__main__":
    main()
