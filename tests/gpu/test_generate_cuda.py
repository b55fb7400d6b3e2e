"""Videos made on a GPU show what the CPU makes, in one piece, in a batch, and in bfloat16."""

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

import emotalk
from emotalk.checkpoints.load import DeviceName
from emotalk.inference.batch import Outcome
from emotalk.inference.batch_processes import ModelPlace, run_shared
from emotalk.inference.batch_table import read_batch
from emotalk.inference.precision import Precision
from emotalk.inference.talking_video import VideoRequest
from emotalk.media.decode import decode_video_window
from emotalk.pretrained.example_model import example_folder
from emotalk.schema import Bytes

INPUTS = Path(emotalk.__file__).parent / "pretrained" / "example_inputs"
TEMPLATE = VideoRequest(image=Path(), audio=Path(), emotion="", output=Path(), landmarks=None)


def frames_on(device: DeviceName, audio: Path, precision: Precision = "float32") -> Bytes:
    face = emotalk.load(example_folder(), landmarks="aligned", device=device)
    made = face.generate(INPUTS / "face_1.png", audio, "happiness", precision=precision)
    return made.frames_THWC


def differences(first: Bytes, second: Bytes) -> Bytes:
    difference: Bytes = np.abs(first.astype(np.int16) - second).astype(np.uint8)
    return difference


# TF32 keeps 10 bits of a factor, bfloat16 7.
@pytest.mark.parametrize(("precision", "most"), [("float32", 2), ("bfloat16", 8)])
def test_frames_are_those_of_the_cpu(precision: Precision, most: int) -> None:
    speech = INPUTS / "speech.flac"
    here, there = frames_on("cpu", speech), frames_on("cuda", speech, precision)
    assert here.shape == there.shape
    difference = differences(here, there)
    assert difference.max() <= most
    assert difference.mean() < most / 8


def test_a_long_video_is_made_faster_than_it_plays(
    tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    sound, rate = soundfile.read(INPUTS / "speech.flac", dtype="float32")
    soundfile.write(tmp_path / "long.wav", np.tile(sound, 240 * rate // len(sound)), rate)
    frames_on("cuda", INPUTS / "speech.flac")  # kernels and libraries are loaded
    start = time.monotonic()
    frames = frames_on("cuda", tmp_path / "long.wav")
    record_property("generated_frames_per_s", len(frames) / (time.monotonic() - start))
    assert np.isfinite(frames.mean())


def test_processes_that_share_a_gpu_make_every_video(tmp_path: Path) -> None:
    rows = [f"{INPUTS}/face_{n}.png,{INPUTS}/speech.flac,sad,{n}.mp4" for n in (1, 2, 3)]
    (tmp_path / "jobs.csv").write_text("\n".join(["image,audio,emotion,output", *rows]))
    shown: list[Outcome] = []
    devices: tuple[DeviceName, ...] = ("cpu", "cuda")
    for device in devices:
        folder = tmp_path / device
        folder.mkdir()
        (folder / "jobs.csv").write_text((tmp_path / "jobs.csv").read_text())
        batch = read_batch(folder / "jobs.csv", TEMPLATE)
        run_shared(batch, ModelPlace(example_folder(), device), shown.append, processes=2)
    assert [outcome.state for outcome in shown] == ["made"] * 6, shown
    for number in (1, 2, 3):
        here, there = (
            decode_video_window((tmp_path / name / f"{number}.mp4").read_bytes(), 0, 25)
            for name in ("cpu", "cuda")
        )
        assert differences(here, there).mean() < 2
