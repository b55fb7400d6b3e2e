"""How the crops are stored: what each form of the video member costs in likeness, bytes and time.

    python -m tests.benchmarks.bench_video_member [--windows 40] [--clips N] [--json]

The exact crops of the real clips of the shared test material, as the ETL cuts them with the pack
`faces68`, stored in every form below. PSNR to the exact crops is a clip's, then the mean over
clips. A window is 25 frames from a random frame on, from the member's bytes to uint8 RGB: the same
windows for every form, in turn, CPU milliseconds of one thread, the median. Beside them decord
reads the same windows out of H.264 as x264 writes it by itself (one key frame in 250, B-frames):
once at the chosen form's crf in 4:4:4, with fewer bits and 1.5 dB less, once with the default crf
of 23 and 4:2:0, which is far below 42 dB.
The size of CREMA-D's set is that of its 7438 usable clips of 2.54 s (63.5 frames) with all members
of a sample, where a neutral still, the JSON and the tar's headers count once a clip.
"""

import argparse
import io
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from pathlib import Path

import cv2
import decord
import numpy as np

from emotalk.config.etl import EtlConfig, LandmarksConfig, VideoMemberConfig
from emotalk.faces.backends import build_landmark_detector
from emotalk.media.decode import decode_video_window
from emotalk.media.encode import encode_video
from emotalk.media.lossless import png_bytes
from emotalk.schema import FPS, AlignedSample, Bytes
from emotalk.shards.members import encode_crops, encode_members
from etl.clip.sample import make_sample
from etl.corpora import list_clips
from tests.helpers.shared import shared_root

WINDOW = 25
CREMA_D_CLIPS, CREMA_D_FRAMES = 7438, 63.5
TAR_HEADERS = 5 * 512  # one a member; padding to 512 bytes is counted half
CHOSEN = "H.264 4:4:4, GOP 6, psnr, fastdecode (chosen)"
YARDSTICK = "decord: H.264 4:4:4, x264's GOP, same crf"
COARSE = "decord: H.264 4:2:0, x264's defaults"
Member = bytes | list[bytes]


@dataclass(frozen=True)
class Form:
    """A way to store crops: how they become bytes, and how a window of the bytes becomes crops."""

    store: Callable[[Bytes], Member]
    read: Callable[[Member, int, int], Bytes]


def main() -> None:
    """Measure and print a table."""
    options = _options()
    if not (shared_root() / "data").is_dir():
        sys.stdout.write("no real clips here: nothing measured\n")
        return
    cv2.setNumThreads(1)
    samples, others, still = real_samples(options.clips)
    rows = measure(samples, options.windows)
    gigabytes = {name: _set_gb(row["KB a frame"], others, still) for name, row in rows.items()}
    rows = {name: {**row, "CREMA-D, GB": gigabytes[name]} for name, row in rows.items()}
    if options.json:
        sys.stdout.write(json.dumps(rows) + "\n")
        return
    frames = sum(len(sample.frames_THWC) for sample in samples)
    sys.stdout.write(f"{len(samples)} clips, {frames} frames\n")
    columns = list(next(iter(rows.values())))
    sys.stdout.write(f"{'':<42}" + "".join(f"{column:>14}" for column in columns) + "\n")
    for name, row in rows.items():
        sys.stdout.write(f"{name:<42}" + "".join(f"{row[c]:>14.2f}" for c in columns) + "\n")
    chosen = rows[CHOSEN]
    times_as_quick = {
        name: rows[name]["window, ms"] / chosen["window, ms"] for name in (YARDSTICK, COARSE)
    }
    for what, value, asked in (
        ("PSNR of the chosen form, dB", chosen["PSNR, dB"], ">= 42"),
        ("times as quick as decord, same crf", times_as_quick[YARDSTICK], ">= 2"),
        ("times as quick as decord, crf 23", times_as_quick[COARSE], "(at 35 dB)"),
        ("CREMA-D's shard set, GB", chosen["CREMA-D, GB"], "< 3"),
    ):
        sys.stdout.write(f"{what:<42}{value:>14.2f}   asked: {asked}\n")


def forms() -> dict[str, Form]:
    """Return every form by its name."""
    return {
        CHOSEN: _h264(VideoMemberConfig()),
        "H.264 4:4:4, GOP 6, fastdecode, crf 7": _h264(VideoMemberConfig(tune="fastdecode", crf=7)),
        "H.264 4:4:4, GOP 6, psnr": _h264(VideoMemberConfig(tune="psnr")),
        "H.264 4:4:4, all-intra": _h264(VideoMemberConfig(gop=1)),
        "H.264 4:4:4, GOP 250": _h264(VideoMemberConfig(gop=250)),
        "H.264 4:2:0, GOP 6": _h264(VideoMemberConfig(pixel_format="yuv420p")),
        "JPEG 95 4:4:4 frames": Form(_store_jpeg, _read_images),
        "PNG frames (lossless)": Form(_store_png, _read_images),
        YARDSTICK: Form(_store_with_default_gop, _read_by_decord),
        COARSE: Form(_store_by_defaults, _read_by_decord),
    }


def measure(samples: Sequence[AlignedSample], windows: int) -> dict[str, dict[str, float]]:
    """Return for each form PSNR, KB a frame and ms a window."""
    all_forms = forms()
    stored = {
        name: [form.store(sample.frames_THWC) for sample in samples]
        for name, form in all_forms.items()
    }
    frames = sum(len(sample.frames_THWC) for sample in samples)
    times = _window_times(samples, all_forms, stored, windows)
    return {
        name: {
            "PSNR, dB": statistics.mean(
                _psnr(form.read(member, 0, len(sample.frames_THWC)), sample.frames_THWC)
                for member, sample in zip(stored[name], samples, strict=True)
            ),
            "KB a frame": sum(map(_size, stored[name])) / frames / 1e3,
            "window, ms": 1e3 * statistics.median(times[name]),
        }
        for name, form in all_forms.items()
    }


def _window_times(
    samples: Sequence[AlignedSample],
    all_forms: dict[str, Form],
    stored: dict[str, list[Member]],
    windows: int,
) -> dict[str, list[float]]:
    random = np.random.default_rng(0)
    times: dict[str, list[float]] = {name: [] for name in all_forms}
    long_enough = [i for i, sample in enumerate(samples) if len(sample.frames_THWC) > WINDOW]
    for turn in range(windows + 3):
        clip = int(random.choice(long_enough))
        start = int(random.integers(len(samples[clip].frames_THWC) - WINDOW + 1))
        for name, form in all_forms.items():
            began = time.process_time()
            window = form.read(stored[name][clip], start, WINDOW)
            spent = time.process_time() - began
            assert window.shape == (WINDOW, 128, 128, 3)
            if turn >= 3:  # the first ones warm up
                times[name].append(spent)
    return times


def real_samples(most: int | None) -> tuple[list[AlignedSample], float, float]:
    """Return the aligned clips, the bytes a frame of sound and landmarks, and those once a clip."""
    data = shared_root() / "data"
    with tempfile.TemporaryDirectory() as folder:
        table = Path(folder) / "clips.csv"
        names = sorted(p.relative_to(data).as_posix() for p in (data / "clips").rglob("*.mp*"))
        table.write_text("clip,actor,emotion\n" + "".join(f"{n},x,neutral\n" for n in names[:most]))
        config = EtlConfig(
            corpus="folder",
            source=str(data),
            output=Path(folder) / "out",
            clips=str(table),
            landmarks=LandmarksConfig(pack="faces68", root=data / "insightface"),
        )
        detector = build_landmark_detector(config.landmarks)
        samples = [make_sample(clip, detector, config) for clip in list_clips(config).clips]
        encode = partial(encode_members, corpus=config.corpus, video=config.video)
        members = [encode(sample) for sample in samples]
    frames = sum(len(sample.frames_THWC) for sample in samples)
    a_frame = sum(len(m["flac"]) + len(m["landmarks.npy"]) for m in members) / frames
    once = statistics.mean(len(m["still.png"]) + len(m["json"]) for m in members)
    return samples, a_frame, once


def _set_gb(video_kb: float, others: float, once: float) -> float:
    clip = CREMA_D_FRAMES * (1e3 * video_kb + others) + once + TAR_HEADERS * 1.5
    return CREMA_D_CLIPS * clip / 1e9


def _h264(config: VideoMemberConfig) -> Form:
    return Form(lambda frames_THWC: encode_crops(frames_THWC, config), _read_by_us)


def _read_by_us(member: Member, start: int, frames: int) -> Bytes:
    assert isinstance(member, bytes)
    return decode_video_window(member, start, frames)


def _store_with_default_gop(frames_THWC: Bytes) -> bytes:
    target = io.BytesIO()
    options = {"crf": str(VideoMemberConfig().crf), "mbtree": "1"}
    encode_video(target, frames_THWC, fps=Fraction(FPS), pixel_format="yuv444p", options=options)
    return target.getvalue()


def _store_by_defaults(frames_THWC: Bytes) -> bytes:
    target = io.BytesIO()
    encode_video(target, frames_THWC, fps=Fraction(FPS), options={"mbtree": "1"})
    return target.getvalue()


def _read_by_decord(member: Member, start: int, frames: int) -> Bytes:
    assert isinstance(member, bytes)
    reader = decord.VideoReader(io.BytesIO(member), num_threads=1)
    window: Bytes = reader.get_batch(list(range(start, start + frames))).asnumpy()
    return window


def _store_jpeg(frames_THWC: Bytes) -> list[bytes]:
    settings = [cv2.IMWRITE_JPEG_QUALITY, 95, cv2.IMWRITE_JPEG_SAMPLING_FACTOR, 0x111111]
    return [
        cv2.imencode(".jpg", cv2.cvtColor(frame, cv2.COLOR_RGB2BGR), settings)[1].tobytes()
        for frame in frames_THWC
    ]


def _store_png(frames_THWC: Bytes) -> list[bytes]:
    return [png_bytes(frame) for frame in frames_THWC]


def _read_images(member: Member, start: int, frames: int) -> Bytes:
    shown = [
        cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR_RGB)
        for data in member[start : start + frames]
        if isinstance(data, bytes)
    ]
    return np.stack([np.asarray(image, np.uint8) for image in shown])


def _size(member: Member) -> int:
    return len(member) if isinstance(member, bytes) else sum(map(len, member))


def _psnr(found: Bytes, exact: Bytes) -> float:
    error = float(np.mean((found.astype(np.float64) - exact) ** 2))
    return 10 * float(np.log10(255**2 / error)) if error else float("inf")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--windows", type=int, default=40, help="random windows to read")
    parser.add_argument("--clips", type=int, help="only so many clips")
    parser.add_argument("--json", action="store_true")
    return parser.parse_args()


if __name__ == "__main__":
    main()
