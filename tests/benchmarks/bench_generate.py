"""`emotalk generate` as a whole command: start-up, frames a second, and what bfloat16 changes.

    python -m tests.benchmarks.bench_generate [--checkpoint DIR] [--seconds 20] [--repeats 3]

Without a checkpoint a generator of the paper's width with random weights is timed. The command runs
on one thread with speech of two lengths; start-up is what is left when the frames' share is taken
away. Times are CPU times of the command (user and system), so other work on the machine counts
little; the least of the repeats, the precisions in turn. The second table compares the frames of
both precisions: pictures and recordings of the shared test material, with every emotion once.
"""

import argparse
import itertools
import os
import resource
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch

from emotalk.checkpoints.format import ModelFacts, write_model
from emotalk.checkpoints.load import LoadedGenerator, load_generator
from emotalk.config.model import ModelConfig
from emotalk.inference.generate import generate_blocks
from emotalk.inference.precision import FloatType, has_bfloat16
from emotalk.inference.speech import read_speech
from emotalk.media.encode import AudioTrack, encode_audio
from emotalk.media.image import read_image
from emotalk.media.sound_source import SoundInMemory, SoundSource
from emotalk.models import Generator
from emotalk.schema import EMOTIONS, FPS, SAMPLE_RATE, SIZE, Bytes, Floats
from emotalk.seeding import numpy_generator
from tests.helpers.shared import shared_root

DATA = shared_root() / "data"
PRECISIONS: tuple[FloatType, ...] = ("float32", "bfloat16")
SHORT_S = 2


class Speed(NamedTuple):
    """What one precision takes of one core."""

    start_s: float
    frames_per_s: float


def main() -> None:
    """Measure and print both tables."""
    options = _options()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        checkpoint = options.checkpoint or _random_model(work / "paper")
        sys.stdout.write(f"bfloat16 instructions: {has_bfloat16()}; torch {torch.__version__}\n")
        sys.stdout.write(f"{'':10}{'start-up, s':>12}{'frames/s after':>16}{'ratio':>8}\n")
        speeds = _speeds(checkpoint, options, work)
        for name, speed in speeds.items():
            ratio = speed.frames_per_s / speeds["float32"].frames_per_s
            sys.stdout.write(
                f"{name:10}{speed.start_s:>12.2f}{speed.frames_per_s:>16.0f}{ratio:>8.2f}\n"
            )
        sys.stdout.write(f"grey levels by which bfloat16 differs: {_differences(checkpoint)}\n")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--checkpoint", type=Path, help="a model; default: random weights")
    parser.add_argument("--seconds", type=int, default=20, help="of the longer recording")
    parser.add_argument("--repeats", type=int, default=3)
    return parser.parse_args()


def _random_model(folder: Path) -> Path:
    torch.manual_seed(0)
    config = ModelConfig()
    generator = Generator(**config.generator_arguments(len(EMOTIONS)))
    facts = ModelFacts(emotions=EMOTIONS, speech_margin_frames=8)
    write_model(folder, generator.state_dict(), config, facts)
    return folder


def _speeds(checkpoint: Path, options: argparse.Namespace, work: Path) -> dict[str, Speed]:
    lengths = (SHORT_S, options.seconds)
    for seconds in lengths:
        samples = numpy_generator(0, "speech").standard_normal(48_000 * seconds) * 0.1
        track = AudioTrack(samples=samples.astype(np.float32), rate=48_000)
        encode_audio(work / f"{seconds}.m4a", track)
    times: dict[tuple[str, int], float] = {}
    for _, name, seconds in itertools.product(range(options.repeats), PRECISIONS, lengths):
        taken = _command_s(checkpoint, work, name, seconds)
        times[name, seconds] = min(taken, times.get((name, seconds), taken))
    return {
        name: _speed({seconds: times[name, seconds] for seconds in lengths}) for name in PRECISIONS
    }


def _speed(taken_s: dict[int, float]) -> Speed:
    (short, short_s), (long, long_s) = sorted(taken_s.items())
    per_second = (long_s - short_s) / (long - short)
    return Speed(short_s - per_second * short, FPS / per_second)


def _command_s(checkpoint: Path, work: Path, precision: str, seconds: int) -> float:
    """Return the CPU seconds of one whole command."""
    command: list[str | Path] = [
        Path(sys.executable).with_name("emotalk"),
        "generate",
        "--overwrite",
    ]
    command += ["--checkpoint", checkpoint, "--image", DATA / "images/eskimez_img01.png"]
    command += ["--root", DATA / "insightface", "--pack", "faces68", "--emotion", "happiness"]
    command += ["--audio", work / f"{seconds}.m4a", "--output", work / "video.mp4"]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    subprocess.run(
        [*command, "--precision", precision], check=True, capture_output=True, env=environment
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def _differences(checkpoint: Path) -> str:
    """Return the largest difference of all pixels, the mean one, and the share above 1."""
    loaded = load_generator(checkpoint)
    videos, most, total, above, count = 0, 0, 0.0, 0, 0
    for picture, speech, emotion in _cases():
        both = [_video(loaded, picture, speech, emotion, each) for each in PRECISIONS]
        difference = np.abs(both[0].astype(np.int16) - both[1])
        videos, count = videos + 1, count + difference.size
        most, total = max(most, int(difference.max())), total + float(difference.sum())
        above += int((difference > 1).sum())
    return (
        f"at most {most}, {total / count:.3f} on average, {above} of {count} values by more than "
        f"1 ({videos} videos)"
    )


def _cases() -> Iterator[tuple[Bytes, SoundSource, Floats]]:
    pictures = [path for path in sorted((DATA / "images").iterdir()) if "eskimez" in path.name]
    voices = [read_speech(path).speech for path in sorted((DATA / "audio").iterdir())]
    for number, path in enumerate(pictures):
        image_HWC = read_image(path)
        rows = np.linspace(0, image_HWC.shape[0] - 1, SIZE).astype(int)
        columns = np.linspace(0, image_HWC.shape[1] - 1, SIZE).astype(int)
        crop_CHW = np.ascontiguousarray(image_HWC[rows][:, columns].transpose(2, 0, 1))
        emotion = np.eye(len(EMOTIONS), dtype=np.float32)[number % len(EMOTIONS)]
        yield crop_CHW, _beginning(voices, number), emotion


def _beginning(voices: Sequence[SoundSource], number: int, seconds: int = 6) -> SoundSource:
    voice = voices[number % len(voices)]
    return SoundInMemory(voice.read(0, min(voice.size, seconds * SAMPLE_RATE)))


def _video(
    loaded: LoadedGenerator,
    picture: Bytes,
    speech: SoundSource,
    emotion: Floats,
    float_type: FloatType,
) -> Bytes:
    return np.concatenate(
        list(generate_blocks(loaded, picture, speech, emotion, precision=float_type))
    )


if __name__ == "__main__":
    main()
