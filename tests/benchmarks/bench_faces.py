"""Following a face through a clip, side by side with detecting it on every frame.

    python -m tests.benchmarks.bench_faces [--det-size 640] [--repeats 3] [--json]

Decoded frames of the shared real clips, the pack `faces68`, one thread. The two ways take turns on
each clip; CPU seconds of the face part alone, median of the repeats. Differences are between the
landmarks of both ways: mean distance of the 68 points in percent of the distance of the outer eye
corners. Drift compares the last quarter of a clip with its first.

The landmark model runs on every frame either way, so that the ratio cannot exceed
(detector + landmarks) / landmarks: the last lines say what each costs and where the limit lies.
"""

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from emotalk.config.etl import LandmarksConfig
from emotalk.faces.backends import build_landmark_detector
from emotalk.faces.landmarks import FaceLandmarks
from emotalk.faces.tracking import TrackingDetector
from emotalk.host_memory import keep_freed_memory
from emotalk.media.frames import read_video
from emotalk.schema import OUTER_EYE_CORNERS, Bytes, Floats
from tests.helpers.shared import shared_root

FRAMES = 125
EVERY = LandmarksConfig().detect_every


def main() -> None:
    """Measure and print one line a clip, then the whole."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--det-size", type=int, default=640, help="the detector's square, pixels")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    keep_freed_memory()  # as every worker of the ETL does
    root = shared_root()
    if root is None:
        sys.stdout.write("no real clips here: nothing measured\n")
        return
    figures = measure(root / "data", det_size=options.det_size, repeats=options.repeats)
    if options.json:
        sys.stdout.write(json.dumps(figures) + "\n")
        return
    for name, value in figures.items():
        sys.stdout.write(f"{name:<58}{value:>10.2f}\n")


def measure(data: Path, *, det_size: int, repeats: int) -> dict[str, float]:
    """Return the figures by name."""
    tracking, detecting = (_detector(data, det_size, every) for every in (EVERY, 1))
    spent: dict[str, list[float]] = {"tracked": [], "detected": []}
    frames_read, means, drifts, worst = 0, [], [], 0.0
    for clip in sorted((data / "clips").rglob("*.m*")):
        video = read_video(clip)
        frames = list(video.at(range(min(FRAMES, len(video)))))
        ours, theirs = _faces(tracking, frames), _faces(detecting, frames)  # also the warm-up
        off = _differences(ours, theirs)
        times = [(_seconds(tracking, frames), _seconds(detecting, frames)) for _ in range(repeats)]
        spent["tracked"].append(statistics.median(t for t, _ in times))
        spent["detected"].append(statistics.median(t for _, t in times))
        frames_read += len(frames)
        means.append(float(off.mean()))
        quarter = max(1, len(off) // 4)
        drifts.append(float(off[-quarter:].mean() - off[:quarter].mean()))
        worst = max(worst, float(off.max()))
        sys.stderr.write(
            f"{clip.name:<28}{len(frames):>4} frames, "
            f"{spent['detected'][-1] / spent['tracked'][-1]:.2f} times as quick, "
            f"off {off.mean():.2f} %, 95th {np.percentile(off, 95):.2f} %, most {off.max():.2f} %\n"
        )
    tracked, detected = sum(spent["tracked"]), sum(spent["detected"])
    parts = _parts(detecting, frames)
    return {
        "detector's square, pixels": det_size,
        "threads": 1,
        "detected on every frame, frames/s": frames_read / detected,
        f"tracked, detected every {EVERY} frames, frames/s": frames_read / tracked,
        "  times as quick": detected / tracked,
        "landmarks' difference, % of the eye distance, mean": float(np.mean(means)),
        "  mean of the worst clip": max(means),
        "  worst frame": worst,
        "  last quarter less first, mean over clips": float(np.mean(drifts)),
        "detector alone, ms": parts["boxes"],
        "landmark model alone, ms": parts["landmarks"],
        "  at most times as quick": 1 + parts["boxes"] / parts["landmarks"],
    }


def _detector(data: Path, det_size: int, every: int) -> TrackingDetector:
    config = LandmarksConfig(
        pack="faces68", root=data / "insightface", det_size=det_size, detect_every=every
    )
    detector = build_landmark_detector(config)
    if not isinstance(detector, TrackingDetector):
        raise TypeError("the pack's detector tracks")
    return detector


def _faces(detector: TrackingDetector, frames: Sequence[Bytes]) -> list[FaceLandmarks]:
    return [face for _, face in detector.track(frames)]


def _seconds(detector: TrackingDetector, frames: Sequence[Bytes]) -> float:
    started = time.process_time()
    _faces(detector, frames)
    return time.process_time() - started


def _differences(ours: list[FaceLandmarks], theirs: list[FaceLandmarks]) -> Floats:
    """Return each frame's difference in percent of the eye distance (T,)."""
    off = []
    for mine, other in zip(ours, theirs, strict=True):
        if mine.landmarks_LP is None or other.landmarks_LP is None:
            raise ValueError("a frame of a test clip shows no face")
        eyes = np.linalg.norm(np.diff(other.landmarks_LP[list(OUTER_EYE_CORNERS)], axis=0))
        off.append(
            100 * np.linalg.norm(mine.landmarks_LP - other.landmarks_LP, axis=1).mean() / eyes
        )
    return np.asarray(off, np.float32)


def _parts(detector: TrackingDetector, frames: Sequence[Bytes]) -> dict[str, float]:
    """Return milliseconds a frame of the detector and of the landmark model."""
    box = detector.boxes(frames[0])[0, :4]

    def milliseconds(call: Callable[[Bytes], object]) -> float:
        started = time.process_time()
        for frame in frames:
            call(frame)
        return 1e3 * (time.process_time() - started) / len(frames)

    return {
        "boxes": milliseconds(detector.boxes),
        "landmarks": milliseconds(lambda frame: detector.landmarks(frame, box)),
    }


if __name__ == "__main__":
    main()
