"""PSNR, SSIM and NLMD beside scripts that go frame by frame, and a whole evaluation.

    python -m tests.benchmarks.bench_evaluate [--repeats 3] [--json]
    python -m tests.benchmarks.bench_evaluate --checkpoint RUN --shards DIR [--clips 40]

Frames a second of one thread: medians of CPU time over `--repeats`, after one warm-up, both sides
in turn in one process. The scripts are those of the original report, restated. SSIM of every frame
is scikit-image's: with the Gaussian window of Wang et al., which ours is equal to, and with the
uniform window, its default, which gives other numbers. NLMD takes SciPy's Procrustes analysis of
every frame and a loop over the 68 points. Landmarks are given to both. SSIM is measured on `ROWS`
videos of one clip, as an evaluation has them. Both sides begin with bytes.

With a checkpoint, the seconds of `emotalk evaluate` with all its figures by 1 and by 2 processes,
which write the same figures. Other work on the machine makes the wall clock's seconds longer, and
hardly the processors': those of two idle cores are at least half of these.
"""

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import torch
from scipy.spatial import procrustes
from skimage.metrics import structural_similarity

from emotalk.faces.template import template_LP
from emotalk.metrics.image_by_frame import frame_ssim
from emotalk.metrics.landmarks import nlmd_per_frame
from emotalk.schema import SIZE, Bytes, Floats

FRAMES, ROWS = 75, 4
SEED = 0


def drawn_like_frames(seed: int) -> Bytes:
    """Return smooth pictures with fine noise, (T, H, W, 3)."""
    rng = np.random.Generator(np.random.PCG64(seed))
    coarse = rng.integers(0, 256, (FRAMES, 8, 8, 3)).astype(np.uint8)
    large = np.stack([cv2.resize(frame, (SIZE, SIZE)) for frame in coarse]).astype(np.int64)
    noisy: Bytes = np.clip(large + rng.integers(-8, 9, large.shape), 0, 255).astype(np.uint8)
    return noisy


def ssim_script(video_THWC: Bytes, truth_THWC: Bytes, *, gaussian: bool) -> float:
    """Return the mean SSIM, frame by frame."""
    more = {"gaussian_weights": True, "use_sample_covariance": False} if gaussian else {}
    values = []
    for frame, true in zip(video_THWC, truth_THWC, strict=True):
        values.append(structural_similarity(true, frame, channel_axis=2, data_range=255, **more))
    return float(np.mean(values))


def nlmd_script(points_TLP: Floats, truth_TLP: Floats) -> float:
    """Return the mean distance after Procrustes analysis, frame by frame and point by point."""
    values = []
    for points, true in zip(points_TLP, truth_TLP, strict=True):
        template, moved, _ = procrustes(template_LP(), points)
        _, moved_true, _ = procrustes(template_LP(), true)
        total = 0.0
        for place in range(len(template)):
            total += float(np.linalg.norm(moved[place] - moved_true[place]))
        values.append(total / len(template))
    return float(np.mean(values))


def in_turn(calls: dict[str, Callable[[], object]], repeats: int) -> dict[str, float]:
    """Return the median CPU seconds of each call, called in turn after one warm-up."""
    seconds: dict[str, list[float]] = {name: [] for name in calls}
    for repeat in range(repeats + 1):
        for name, call in calls.items():
            begun = time.process_time()
            call()
            if repeat:
                seconds[name].append(time.process_time() - begun)
    return {name: float(np.median(taken)) for name, taken in seconds.items()}


def measure(repeats: int) -> dict[str, float]:
    """Return frames a second of both sides and their ratios."""
    truth, videos = drawn_like_frames(0), [drawn_like_frames(1 + row) for row in range(ROWS)]
    rng = np.random.Generator(np.random.PCG64(SEED))
    points = template_LP() + rng.normal(0, 2, (2, FRAMES, 68, 2))

    seconds = in_turn(
        {
            "SSIM": lambda: frame_ssim(videos, truth),
            "SSIM, script, Gaussian window": lambda: [
                ssim_script(video, truth, gaussian=True) for video in videos
            ],
            "SSIM, script, uniform window": lambda: [
                ssim_script(video, truth, gaussian=False) for video in videos
            ],
            "NLMD": lambda: nlmd_per_frame(points[0], points[1], template_LP()),
            "NLMD, script": lambda: nlmd_script(points[0], points[1]),
        },
        repeats,
    )
    counted = {name: FRAMES * (ROWS if "SSIM" in name else 1) for name in seconds}
    found = {f"{name}, frames/s": counted[name] / taken for name, taken in seconds.items()}
    for name in seconds:
        if "script" in name:
            found[f"{name}: ratio"] = seconds[name] / seconds[name.split(",")[0]]
    return found


def cpu_seconds() -> float:
    """Return the seconds that this process and its ended ones computed."""
    return sum(os.times()[:4])


def evaluate_whole(checkpoint: Path, shards: str, clips: int) -> dict[str, float]:
    """Return the seconds of a whole evaluation by 1 and by 2 processes."""
    from emotalk.config.evaluate import EvaluateConfig
    from emotalk.evaluation.evaluate import evaluate

    found: dict[str, float] = {}
    written: list[object] = []
    with tempfile.TemporaryDirectory() as folder:
        for processes in (1, 2):
            output = Path(folder) / str(processes)
            settings = {
                "checkpoint": checkpoint, "shards": shards, "output": output, "clips": clips,
                "processes": processes,
            }  # fmt: skip
            begun, cpu = time.monotonic(), cpu_seconds()
            report = evaluate(EvaluateConfig.model_validate(settings))
            name = f"{report.clips} clips, {processes} process(es)"
            found[f"{name}, s"] = time.monotonic() - begun
            found[f"{name}, CPU s"] = cpu_seconds() - cpu
            written.append(report.model_copy(update={"where": {}}))
    found["quantities"] = float(sum("generated" in rows for rows in report.figures.values()))
    found["same figures"] = float(written[0] == written[1])
    return found


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--checkpoint", type=Path)
    parser.add_argument("--shards", default="")
    parser.add_argument("--clips", type=int, default=40)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    if options.checkpoint is None:
        found = measure(options.repeats)
    else:
        found = evaluate_whole(options.checkpoint, options.shards, options.clips)
    if options.json:
        sys.stdout.write(json.dumps({"threads": 1, "repeats": options.repeats} | found) + "\n")
        return
    for name, value in found.items():
        sys.stdout.write(f"{name:<48}{value:12.1f}\n")


if __name__ == "__main__":
    main()
