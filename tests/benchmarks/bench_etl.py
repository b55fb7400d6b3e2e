"""The ETL: what a clip costs beside its parts alone, two workers beside one, memory of a worker.

    python -m tests.benchmarks.bench_etl [--repeats 3] [--json] [--long-seconds 30]

Real clips of the shared test material with the pack `faces68`. CPU seconds, one thread: decoding
alone, finding and following the face alone, encoding alone, in turn with the whole (decode, sound,
faces, crops, judging, encoding, hashing, writing), and with the whole without the checks of shots,
stills and sync, medians of the repeats after a warm-up. Two Ray
workers are timed beside one by the clock. The last part makes a clip of 1920 x 1080 and says how
much memory (PSS) the process that works on it takes at most. The plan is that of `bench_plan`.
At the end stands what is asked for beside what was measured.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import psutil

from emotalk.config.etl import EtlConfig, LandmarksConfig
from emotalk.faces.backends import build_landmark_detector
from emotalk.faces.landmarks import LandmarkDetector
from emotalk.media.encode import AudioTrack, encode_video
from emotalk.media.frames import read_video
from emotalk.schema import Bytes
from emotalk.shards.members import encode_crops
from etl.clip.crash import Crash
from etl.clip.sample import make_sample
from etl.cluster import cluster
from etl.corpora import list_clips
from etl.corpora.listing import SourceClip
from etl.job.plan import LATER_CHECKS
from etl.job.verdict import Verdict
from etl.job.worker import process_clip
from tests.benchmarks import bench_plan
from tests.helpers.clips import tone
from tests.helpers.shared import shared_root

STAGES = ("decode", "faces", "encode", "whole", "unchecked")
COPIES = 4  # of each clip, for the two workers
HD = (1920, 1080)
SHARE = "decode + face and landmarks + encode alone, share of all"
CHECKS = "shots, still and sync checked, more than unchecked, share"
TWICE = "2 workers, times as quick as 1 by the clock"
PSS = "memory (PSS) of a worker on the full HD clip, GB"
PLAN = "plan of 7442 names, s"
ASKED = {
    SHARE: (True, 0.7),
    CHECKS: (False, 0.1),
    TWICE: (True, 1.6),
    PSS: (False, 1.5),
    PLAN: (False, 2.0),
}


def main() -> None:
    """Measure and print one line a figure."""
    options = _options()
    data = shared_root() / "data"
    if not data.is_dir():
        sys.stdout.write("no real clips here: nothing measured\n")
        return
    cv2.setNumThreads(1)
    with tempfile.TemporaryDirectory() as folder:
        if options.one is not None:
            _work_on(options.one, data, Path(folder))
            return
        figures = measure(data, Path(folder), options.repeats)
        figures |= workers(data, Path(folder), options.repeats)
        figures |= memory(Path(folder), options.long_seconds)
    figures[PLAN] = bench_plan.measure(options.repeats)[2]
    if options.json:
        sys.stdout.write(json.dumps(figures) + "\n")
        return
    for name, value in figures.items():
        sys.stdout.write(f"{name:<58}{value:>10.2f}\n")
    sys.stdout.write(f"\n{'asked':<58}{'measured':>10}{'limit':>12}\n")
    for name, (at_least, limit) in ASKED.items():
        value = figures[name]
        kept = value >= limit if at_least else value <= limit
        sign, verdict = (">=" if at_least else "<="), ("" if kept else "  NOT REACHED")
        sys.stdout.write(f"{name:<58}{value:>10.2f}{sign:>4}{limit:>8.2f}{verdict}\n")


def measure(data: Path, folder: Path, repeats: int) -> dict[str, float]:
    """Return the CPU milliseconds of a clip, stage by stage and as a whole."""
    config = _config(data, folder)
    detector = build_landmark_detector(config.landmarks)
    clips = _clips(data, folder)
    spent: dict[str, list[float]] = {name: [] for name in STAGES}
    for clip in clips:
        rounds = [_stages(clip, detector, config, folder) for _ in range(repeats + 1)][1:]
        for name, values in spent.items():
            values.append(statistics.median(times[name] for times in rounds))
    mean = {name: 1e3 * statistics.mean(values) for name, values in spent.items()}
    parts = mean["decode"] + mean["faces"] + mean["encode"]
    return {
        "clips": len(clips),
        "decode alone, ms a clip": mean["decode"],
        "face and landmarks alone, ms a clip": mean["faces"],
        "encode alone, ms a clip": mean["encode"],
        "everything, ms a clip": mean["whole"],
        "without the checks of shots, still and sync, ms a clip": mean["unchecked"],
        SHARE: parts / mean["whole"],
        CHECKS: mean["whole"] / mean["unchecked"] - 1,
    }


def workers(data: Path, folder: Path, repeats: int) -> dict[str, float]:
    """Return clips a second by the clock with one and with two Ray workers."""
    config = _config(data, folder)
    clips = _clips(data, folder) * COPIES
    rates: dict[int, list[float]] = {1: [], 2: []}
    for number in (1, 2):
        with cluster("local", number) as machines:
            for turn in range(repeats + 1):
                store = folder / f"store-{number}-{turn}"
                store.mkdir()
                started = time.perf_counter()
                for _ in machines.stream(process_clip, clips, config, store):
                    pass
                if turn:  # the first one loads the models
                    rates[number].append(len(clips) / (time.perf_counter() - started))
    one, two = (statistics.median(rates[number]) for number in (1, 2))
    return {
        "1 worker, clips/s by the clock": one,
        "2 workers, clips/s by the clock": two,
        "cores": float(psutil.cpu_count(logical=False) or 0),
        TWICE: two / one,
    }


def memory(folder: Path, seconds: float) -> dict[str, float]:
    """Return the most PSS of a process that works on a clip of full HD."""
    clip = folder / "full_hd.mp4"
    _write_full_hd(clip, seconds)
    command = [sys.executable, "-m", "tests.benchmarks.bench_etl", "--one", str(clip)]
    process = subprocess.Popen(command)
    most = _most_pss(process)
    if process.returncode != 0:
        raise RuntimeError(f"the worker ended with {process.returncode}")
    return {"full HD clip, 1920 x 1080, s": seconds, PSS: most / 1e9}


def _stages(
    clip: SourceClip, detector: LandmarkDetector, config: EtlConfig, folder: Path
) -> dict[str, float]:
    frames: list[Bytes] = []
    crops = make_sample(clip, detector, config).frames_THWC
    video = Path(str(clip.video))
    store = folder / "store"
    store.mkdir(exist_ok=True)
    return {
        "decode": _cpu(lambda: frames.extend(read_video(video))),
        "faces": _cpu(lambda: list(detector.track(frames, clip=video, indices=range(len(frames))))),
        "encode": _cpu(lambda: encode_crops(crops, config.video)),
        "whole": _cpu(lambda: process_clip(clip, config, store)),
        "unchecked": _cpu(lambda: process_clip(clip, _unchecked(config), store)),
    }


def _unchecked(config: EtlConfig) -> EtlConfig:
    quality = config.quality.model_copy(update=dict(LATER_CHECKS))
    return config.model_copy(update={"quality": quality})


def _cpu(call: Callable[[], object]) -> float:
    started = time.process_time()
    call()
    return time.process_time() - started


def _clips(data: Path, folder: Path) -> list[SourceClip]:
    table = folder / "clips.csv"
    names = sorted(path.relative_to(data) for path in (data / "clips" / "grid_s1").glob("*.mpg"))
    table.write_text("".join(["clip,actor,emotion\n", *(f"{n},s1,neutral\n" for n in names)]))
    return list(list_clips(_config(data, folder)).clips)


def _config(data: Path, folder: Path) -> EtlConfig:
    return EtlConfig(
        corpus="folder",
        source=str(data),
        output=folder / "shards",
        clips=str(folder / "clips.csv"),
        landmarks=LandmarksConfig(pack="faces68", root=data / "insightface"),
    )


def _write_full_hd(path: Path, seconds: float) -> None:
    """Write a real face enlarged to full HD that moves a little, with a tone."""
    clip = next((shared_root() / "data" / "clips" / "grid_s1").glob("*.mpg"))
    face = next(read_video(clip).at([0]))
    large = np.asarray(cv2.resize(face, HD, interpolation=cv2.INTER_CUBIC))
    frames = (np.roll(large, 2 * (index % 8), axis=1) for index in range(round(seconds * 30)))
    sound = AudioTrack(tone(seconds), 16_000)
    encode_video(path, frames, fps=Fraction(30), options={"preset": "ultrafast"}, audio=sound)


def _work_on(clip: Path, data: Path, folder: Path) -> None:
    """Do in this process what a worker does with one clip."""
    (folder / "clips.csv").write_text(f"clip,actor,emotion\n{clip.name},s1,neutral\n")
    config = _config(data, folder).model_copy(update={"source": str(clip.parent)})
    (folder / "store").mkdir()
    verdict = process_clip(list_clips(config).clips[0], config, folder / "store")
    if isinstance(verdict, Crash):
        raise RuntimeError(verdict.trace)
    if not isinstance(verdict, Verdict):
        raise RuntimeError(f"{clip.name} is longer than one clip")
    if not verdict.accepted:
        raise RuntimeError(f"{verdict.reason}: {verdict.detail}")


def _most_pss(process: "subprocess.Popen[bytes]") -> float:
    most, watched = 0, psutil.Process(process.pid)
    while process.poll() is None:
        try:
            most = max(most, watched.memory_full_info().pss)
        except psutil.Error:
            break
        time.sleep(0.05)
    process.wait()
    return most


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--long-seconds", type=float, default=30.0, help="of the full HD clip")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--one", type=Path, help=argparse.SUPPRESS)
    return parser.parse_args()


if __name__ == "__main__":
    main()
