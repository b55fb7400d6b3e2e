"""Shot changes: false alarms in real clips and in altered ones, and the cuts that are found.

    python -m tests.benchmarks.bench_shot_changes [--every 20] [--pairs 60] [--json]

The real clips of the shared test material (one in `--every` of the 600 of one man; 1: all), each
of one shot. Altered: see `tests/helpers/shots.py`, and encoded with x264 at crf 40. Joined: pairs
of clips drawn by a seed, by a hard cut, dissolves, and a fade through black. A cut counts as found
where `found.first` names its frame, or one of the dissolve and the three after it.
"""

import argparse
import json
import random
import sys
import time
from collections.abc import Callable, Iterable
from fractions import Fraction
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import cv2
import numpy as np

from emotalk.media.encode import encode_video
from emotalk.media.frames import read_video
from emotalk.schema import Bytes
from etl.clip.shot_changes import ShotChange, ShotChanges
from tests.helpers.shared import shared_root
from tests.helpers.shots import ALTERATIONS, dissolve, hard_cut, through_black

ONE_MAN = "grid_s1_600"
DAMAGED = (  # GRID published them with other frames at their beginning
    "s1_bbizzn", "s1_brwa4p", "s1_brwg8p", "s1_lgbf8n", "s1_lrarzn",
    "s1_pbio7a", "s1_pbwx1s", "s1_prii9a", "s1_sbbh4p", "s1_sran9s",
)  # fmt: skip
LONGEST = 250  # frames of a clip that are altered and joined
WIDTH = 256  # of altered and joined frames, pixels
JOINS: dict[str, Callable[[Bytes, Bytes], tuple[Bytes, range]]] = {
    "hard cut": hard_cut,
    "dissolve of 6 frames": partial(dissolve, frames=6),
    "dissolve of 12 frames": partial(dissolve, frames=12),
    "dissolve of 20 frames": partial(dissolve, frames=20),
    "through black": through_black,
}


def main() -> None:
    """Measure and print one line a figure."""
    options = _options()
    data = shared_root() / "data"
    if not data.is_dir():
        sys.stdout.write("no real clips here: nothing measured\n")
        return
    cv2.setNumThreads(1)
    figures = measure(data, every=options.every, pairs=options.pairs)
    if options.json:
        sys.stdout.write(json.dumps(figures) + "\n")
        return
    for name, value in figures.items():
        sys.stdout.write(f"{name:<58}{value:>12}\n")


def measure(data: Path, *, every: int, pairs: int) -> dict[str, str]:
    """Return the figures by name."""
    figures, kept = _whole_clips(data, every)
    for name, alter in {**ALTERATIONS, "x264 at crf 40": _encoded}.items():
        alarms = sum(bool(_found(alter(frames))) for frames in kept.values())
        figures[f"{name}: clips with a false alarm"] = f"{alarms} of {len(kept)}"
    man = [frames for name, frames in kept.items() if name.startswith(ONE_MAN)]
    grid = [frames for name, frames in kept.items() if "/grid/" in name]
    wild = [frames for name, frames in kept.items() if "/wild/" in name]
    for who, ones, others in (
        ("two takes of one man", man, man),
        ("two GRID speakers", grid, [*grid, *man]),
        ("two scenes", wild, [*wild, *man]),
    ):
        for how, join in JOINS.items():
            figures[f"{who}, {how}: found"] = _recall(ones, others, join, pairs)
    return figures


def _whole_clips(data: Path, every: int) -> tuple[dict[str, str], dict[str, Bytes]]:
    """Return the figures of whole clips, and the frames to alter and join, by clip."""
    paths = sorted((data / "clips").glob("*/*"))
    paths += sorted((data / ONE_MAN).glob("*.mp4"))[::every]
    kept: dict[str, Bytes] = {}
    alarms, frames_seen, spent = [], 0, 0.0
    for path in paths:
        if path.stem in DAMAGED:
            continue
        name = path.relative_to(data).as_posix()
        shots = ShotChanges()
        few: list[Bytes] = []
        for frame in read_video(path):
            started = time.process_time()
            new = shots.add(frame)
            spent += time.process_time() - started
            frames_seen += 1
            if new:
                alarms.append(name)
            if len(few) < LONGEST:
                few.append(_narrowed(frame))
        if every > 1 or "/grid_s1/" not in name:
            kept[name] = np.stack(few)
        if len(kept) > 60:
            kept.popitem()
    for name in alarms:
        sys.stderr.write(f"false alarm: {name}\n")
    return {
        "whole clips with a false alarm": f"{len(set(alarms))} of {len(paths)}",
        "CPU ms a frame, as decoded": f"{1e3 * spent / frames_seen:.2f}",
    }, kept


def _found(frames: Iterable[Bytes]) -> list[ShotChange]:
    shots = ShotChanges()
    return [shots.found for frame in frames if shots.add(frame) and shots.found is not None]


def _recall(
    ones: list[Bytes],
    others: list[Bytes],
    join: Callable[[Bytes, Bytes], tuple[Bytes, range]],
    pairs: int,
) -> str:
    draw = random.Random(0)
    found = further = tried = 0
    while tried < pairs:
        one, other = draw.choice(ones), draw.choice(others)
        if one is other:
            continue
        tried += 1
        shape = (one.shape[2], one.shape[1])
        alike = np.stack([cv2.resize(frame, shape) for frame in other[:60]]).astype(np.uint8)
        frames, allowed = join(one[: draw.randrange(30, 70)], alike[draw.randrange(25) :])
        changes = _found(frames)
        right = sum(change.first in allowed for change in changes)
        found += right > 0
        further += len(changes) - (right > 0)
    return f"{found}/{pairs} (+{further})"


def _encoded(frames_THWC: Bytes) -> Bytes:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "coarse.mp4"
        options = {"crf": "40", "preset": "veryfast", "g": "25"}
        encode_video(path, frames_THWC, fps=Fraction(25), options=options)
        return np.stack(list(read_video(path)))


def _narrowed(frame_HWC: Bytes) -> Bytes:
    height, width = frame_HWC.shape[:2]
    even = (WIDTH, 2 * round(height * WIDTH / width / 2))
    return np.asarray(cv2.resize(frame_HWC, even, interpolation=cv2.INTER_AREA), np.uint8)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--every", type=int, default=20, help="of the 600 clips of one man")
    parser.add_argument("--pairs", type=int, default=60, help="joined, for each way of joining")
    parser.add_argument("--json", action="store_true")
    return parser.parse_args()


if __name__ == "__main__":
    main()
