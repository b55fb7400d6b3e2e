"""Long recordings: what a look costs, how much speech its stretches hold, decord beside PyAV.

    python -m tests.benchmarks.bench_recording [--minutes 20] [--keep FILE.mp4]

Real clips of the shared test material (GRID and other speakers) are joined to one MP4 by ffmpeg:
a new shot every three seconds, some longer ones. CPU seconds of one thread for each minute of
video; the memory (PSS) of the process that looks, at its largest.
"""

import argparse
import os
import random
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import cv2
import psutil
import torch

from emotalk.config.etl import EtlConfig
from emotalk.faces.backends import build_landmark_detector
from emotalk.media.frames import VideoFrames, read_video
from emotalk.media.scan import ScannedFrame, scan
from emotalk.schema import ClipLabel
from etl.clip.files import stamp_of
from etl.clip.shot_changes import ShotChanges
from etl.corpora.listing import SourceClip
from etl.recording import look
from etl.recording.recording import Recording
from tests.helpers.shared import shared_root

FOLDERS = ("grid_s1_600", "clips/grid", "clips/wild")
SUFFIXES = (".mp4", ".mpg")
FORM = "scale=640:512:force_original_aspect_ratio=decrease,pad=640:512:-1:-1,fps=25,setsar=1"
EVERY = 12  # frames between two that are looked at for faces


def main() -> None:
    """Measure and print one line a figure."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--minutes", type=float, default=20.0)
    options.add_argument("--keep", type=Path, help="write the joined file here, or use it again")
    given = options.parse_args()
    data = shared_root() / "data"
    if not data.is_dir():
        sys.stdout.write("no real clips here: nothing measured\n")
        return
    cv2.setNumThreads(1)
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        path = given.keep or Path(folder) / "joined.mp4"
        if not path.exists():
            join(data, 60 * given.minutes, Path(folder), path)
        for name, value in {**measure(path, data), **parts(path)}.items():
            sys.stdout.write(f"{name:<66}{value:>10.2f}\n")


def join(data: Path, seconds: float, folder: Path, path: Path) -> None:
    """Write a recording of at least so many seconds from clips in random order."""
    clips = [p for name in FOLDERS for p in sorted((data / name).iterdir()) if p.suffix in SUFFIXES]
    random.Random(1).shuffle(clips)
    lines, joined_s = [], 0.0
    for number, clip in enumerate(clips):
        if joined_s >= seconds:
            break
        part = folder / f"{number}.mkv"
        _ffmpeg("-i", str(clip), "-vf", FORM, "-crf", "16", "-c:a", "pcm_s16le", "-ac", "2",
                "-ar", "44100", "-pix_fmt", "yuv420p", str(part))  # fmt: skip
        joined_s += read_video(part).times_s[-1]
        lines.append(f"file '{part}'\n")
    (folder / "parts.txt").write_text("".join(lines))
    _ffmpeg("-f", "concat", "-safe", "0", "-i", str(folder / "parts.txt"), "-crf", "20", "-c:a",
            "aac", str(path))  # fmt: skip


def measure(path: Path, data: Path) -> dict[str, float]:
    """Return the figures of a look at a recording."""
    config = EtlConfig.model_validate(
        {
            "corpus": "folder",
            "source": str(path.parent),
            "output": "unused",
            "landmarks": {"root": str(data / "insightface"), "pack": "faces68"},
        }
    )
    detector = build_landmark_detector(config.landmarks)
    clip = SourceClip(ClipLabel("joined", path.name, "a", "neutral"), path)
    with _peak_memory() as memory:
        began = time.process_time()
        source = stamp_of(clip, config)
        recording = look.look_at(clip, detector, config, source=source, on_progress=lambda *_: None)
        took_s = time.process_time() - began
    sys.stdout.write(f"{recording.summary}\n")
    minutes = recording.seconds / 60
    return {
        "length, min": minutes,
        "stretches": len(recording.stretches),
        "share of the recording in them": _used_s(recording) / recording.seconds,
        "share of the speech in them": _speech_share(recording, path, config),
        "a look, CPU s a minute of video": took_s / minutes,
        "memory (PSS) of the process before, MB": memory[0] / 1e6,
        "memory (PSS) of the process at its largest, MB": max(memory) / 1e6,
    }


def parts(path: Path) -> dict[str, float]:
    """Return what the parts of a look cost."""
    video = read_video(path)
    shots = ShotChanges()
    every = range(0, len(video), EVERY)

    def read(use: Callable[[int, ScannedFrame], object]) -> float:
        began = time.process_time()
        for number, frame in enumerate(scan(video)):
            assert frame is not None, "the clips are whole"
            use(number, frame)
        return time.process_time() - began

    minutes = float(video.times_s[-1]) / 60
    return {
        f"{name}, CPU s a minute of video": seconds / minutes
        for name, seconds in {
            "times of all frames": _cpu_s(lambda: read_video(path)),
            "all frames in order by PyAV": read(lambda *_: None),
            "... and thumbnails": read(lambda _, frame: frame.thumbnail(look.THUMBNAIL).size),
            "... and shot changes": read(lambda _, f: shots.add(f.thumbnail(look.THUMBNAIL))),
            f"all frames in order, every {EVERY}th as RGB": read(
                lambda n, frame: frame.rgb().size if n % EVERY == 0 else 0
            ),
            f"every {EVERY}th frame by its number, by decord": _cpu_s(
                lambda: _by_decord(video, every)
            ),
        }.items()
    }


def _by_decord(video: VideoFrames, every: range) -> None:
    for start in range(0, len(every), 16):
        video._by_index(every[start : start + 16])


def _speech_share(recording: Recording, path: Path, config: EtlConfig) -> float:
    voice, _ = look._voice(path, config)
    inside = [
        spoken.seconds
        for spoken in voice
        if any(
            s.start_ms <= 1000 * spoken.start_s + 1 and 1000 * spoken.end_s - 1 <= s.end_ms
            for s in recording.stretches
        )
    ]
    return sum(inside) / sum(spoken.seconds for spoken in voice)


def _used_s(recording: Recording) -> float:
    return sum(stretch.seconds for stretch in recording.stretches)


def _cpu_s(work: Callable[[], object]) -> float:
    began = time.process_time()
    work()
    return time.process_time() - began


@contextmanager
def _peak_memory() -> Iterator[list[int]]:
    """Yield the list of this process's memory in bytes, which grows until the block ends."""
    process, ended = psutil.Process(os.getpid()), threading.Event()
    seen = [process.memory_full_info().pss]

    def watch() -> None:
        while not ended.wait(0.5):
            seen.append(process.memory_full_info().pss)

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield seen
    finally:
        ended.set()
        thread.join()


def _ffmpeg(*arguments: str) -> None:
    command = ["ffmpeg", "-v", "error", "-nostdin", "-y", "-threads", "1", *arguments]
    subprocess.run(command, check=True)


if __name__ == "__main__":
    main()
