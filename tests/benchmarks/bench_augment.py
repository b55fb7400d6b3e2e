"""What a batch's augmentation costs: all of it, each transform alone, CLAHE beside kornia's.

    python -m tests.benchmarks.bench_augment [--repeats 5] [--json]

A batch is 4 clips of 25 frames of 128 x 128 and their condition images. One thread on the CPU, by
CPU time; where there is a CUDA device, the same on it by the clock, after waiting for it. Medians.
"""

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import torch
from kornia.enhance import equalize_clahe

from emotalk.augment.audio import SpeechAugment
from emotalk.augment.clahe import equalise_lightness
from emotalk.augment.video import VideoAugment
from emotalk.config.augment import AugmentConfig, SpeechAugmentConfig, VideoAugmentConfig
from emotalk.config.load import read_tree

CLIPS, FRAMES = 4, 25
WHOSE = ("ours", "kornia's")
BATCHES = 10  # of one repeat: other draws each
PAPER = Path(__file__).parents[2] / "configs" / "train" / "paper.yaml"


def main() -> None:
    """Measure and print one line a figure, milliseconds a batch."""
    options = _options()
    torch.set_num_threads(1)
    figures = _figures(torch.device("cpu"), options.repeats)
    if torch.cuda.is_available():
        figures |= _figures(torch.device("cuda"), options.repeats)
    else:
        sys.stdout.write("no CUDA device here: CPU only\n")
    for name, value in figures.items():
        sys.stdout.write(f"{name:<54} {value:10.2f}\n")
    if options.json:
        sys.stdout.write(json.dumps({**figures, "torch": torch.__version__}) + "\n")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--json", action="store_true", help="print the numbers as JSON too")
    return parser.parse_args()


def _figures(device: torch.device, repeats: int) -> dict[str, float]:
    mixes = {"paper.yaml": AugmentConfig.model_validate(read_tree(PAPER)["augment"]).video}
    for share in (0.5, 1.0):
        mixes[f"all with p={share:g}"] = _of(VideoAugmentConfig.model_fields, share)
    for name in VideoAugmentConfig.model_fields:
        mixes[f"  {name} alone"] = _of([name], 1.0)
    figures = {
        f"{device}: {title}, ms": _per_batch(_video_work(config, device), device, repeats)
        for title, config in mixes.items()
    }
    frames_NCHW = torch.rand(FRAMES + 1, 3, 128, 128, device=device)
    for title, work in {
        "CLAHE of one clip, ours": lambda _: equalise_lightness(
            frames_NCHW, clip_limit=4.0, tiles=8
        ),
        "CLAHE of one clip, kornia's": lambda _: equalize_clahe(frames_NCHW, clip_limit=4.0),
    }.items():
        figures[f"{device}: {title}, ms"] = _per_batch(work, device, repeats, batches=1)
    ours, theirs = (figures[f"{device}: CLAHE of one clip, {whose}, ms"] for whose in WHOSE)
    every = figures[f"{device}: all with p=1, ms"]
    figures[f"{device}: CLAHE as % of all with p=1 (at most 50)"] = 100 * CLIPS * ours / every
    figures[f"{device}: CLAHE, times as fast as kornia's"] = theirs / ours
    for title, names in {"noise and gain": ("noise", "gain"), "a room": ("reverberation",)}.items():
        work = _speech_work(device, names)
        figures[f"{device}: speech, {title}, ms"] = _per_batch(work, device, repeats)
    return figures


def _of(names: Iterable[str], share: float) -> VideoAugmentConfig:
    return VideoAugmentConfig.model_validate({name: {"p": share} for name in names})


def _video_work(config: VideoAugmentConfig, device: torch.device) -> Callable[[int], object]:
    images = torch.rand(CLIPS, FRAMES + 1, 3, 128, 128, device=device)
    augment = VideoAugment(config)
    keys = tuple(map(str, range(CLIPS)))
    return lambda batch: augment(
        images[:, :-1], images[:, -1],
        keys=keys, places=tuple(range(batch * CLIPS, (batch + 1) * CLIPS)), seed=0,
    )  # fmt: skip


def _speech_work(device: torch.device, names: Iterable[str]) -> Callable[[int], object]:
    speech_BS = torch.rand(CLIPS, (FRAMES + 16) * 320, device=device)
    augment = SpeechAugment(
        SpeechAugmentConfig.model_validate({name: {"p": 1.0} for name in names})
    )
    keys = tuple(map(str, range(CLIPS)))
    return lambda batch: augment(
        speech_BS, keys=keys, places=tuple(range(batch * CLIPS, (batch + 1) * CLIPS)), seed=0
    )


def _per_batch(
    work: Callable[[int], object], device: torch.device, repeats: int, batches: int = BATCHES
) -> float:
    """Return the median milliseconds of a batch."""
    clock = time.perf_counter if device.type == "cuda" else time.process_time

    def turn() -> float:
        begin = clock()
        for batch in range(batches):
            work(batch)
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        return 1000 * (clock() - begin) / batches

    turn()
    return float(np.median([turn() for _ in range(repeats)]))


if __name__ == "__main__":
    main()
