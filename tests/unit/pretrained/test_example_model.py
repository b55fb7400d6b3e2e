"""The example model that comes with the package is small, of drawn faces, and moves the mouth."""

import hashlib
from pathlib import Path

import numpy as np
import pytest
import soundfile
from PIL import Image
from scipy.signal import resample_poly
from typer.testing import CliRunner

from emotalk.checkpoints.format import GENERATOR
from emotalk.checkpoints.knowledge import what_it_knows
from emotalk.checkpoints.load import load_generator
from emotalk.cli import cli
from emotalk.errors import WrongUse
from emotalk.faces.align import alignment, warp
from emotalk.inference.generate import ClipRequest, generate_clips
from emotalk.pretrained import example_model
from emotalk.pretrained.example_model import example_folder
from emotalk.pretrained.load import load_landmark_model
from emotalk.schema import EMOTIONS, FPS, INNER_LIP_TOP_BOTTOM
from emotalk.synthetic.clip import ClipPlan, plan_clip
from emotalk.synthetic.photo_actor import make_person
from emotalk.synthetic.voice import VOICE_RATE

LARGEST = 12_000_000  # bytes of all its files
made = pytest.mark.skipif(
    not (Path(example_model.__file__).parent / "example/model.json").is_file(),
    reason="the example model is not made: OUTPUT=emotalk/pretrained/example make example-model",
)
UNSEEN_SEED = 900  # its training corpus has seed 7
LEAST_CORRELATION = 0.6


@pytest.fixture(scope="module")
def plan() -> ClipPlan:
    return plan_clip(make_person(UNSEEN_SEED, 1003), "IOM", "neutral", "XX", UNSEEN_SEED)


@made
def test_it_is_small_drawn_and_learnt_every_emotion() -> None:
    assert sum(path.stat().st_size for path in example_folder().iterdir()) <= LARGEST
    knowledge = what_it_knows(load_generator(example_folder()).facts)
    assert knowledge.faces == "drawn"
    assert knowledge.never_learnt == ()
    assert knowledge.learnt == EMOTIONS


@made
def test_its_card_says_whose_likeness_it_holds_and_names_its_weights() -> None:
    card = (example_folder() / "README.md").read_text("utf-8")
    assert "nobody's likeness" in card
    assert "Drawn faces only" in card
    weights = (example_folder() / GENERATOR).read_bytes()
    assert hashlib.sha256(weights).hexdigest() in card


@made
def test_a_mouth_that_it_never_saw_follows_the_speech(plan: ClipPlan) -> None:
    frame_HWC = next(plan.frames())
    crop_HWC = warp(frame_HWC, alignment(plan.landmarks_TLP[0]))
    speech_S = resample_poly(plan.audio_S, 80, 441).astype(np.float32)
    neutral = np.eye(len(EMOTIONS), dtype=np.float32)[EMOTIONS.index("neutral")]
    request = ClipRequest(crop_HWC.transpose(2, 0, 1), speech_S, neutral)
    (video_THWC,) = generate_clips(load_generator(example_folder()), [request])
    made_TLP = load_landmark_model().landmarks(video_THWC)
    top, bottom = INNER_LIP_TOP_BOTTOM
    made_T = made_TLP[:, bottom, 1] - made_TLP[:, top, 1]
    times_s = np.arange(len(made_T)) / FPS
    true_T = plan.articulation.at(plan.articulation.opening, times_s)
    assert np.corrcoef(made_T, true_T)[0, 1] > LEAST_CORRELATION
    assert made_T.std() > 1.0  # pixels


@made
def test_generate_without_a_checkpoint_takes_it_and_says_so_in_a_line(
    tmp_path: Path, plan: ClipPlan
) -> None:
    frame_HWC = next(plan.frames())
    Image.fromarray(warp(frame_HWC, alignment(plan.landmarks_TLP[0]))).save(tmp_path / "face.png")
    soundfile.write(tmp_path / "speech.wav", plan.audio_S[:VOICE_RATE], VOICE_RATE)
    words = [
        "generate", "--image", tmp_path / "face.png", "--audio", tmp_path / "speech.wav",
        "--emotion", "happiness", "--output", tmp_path / "hello.mp4", "--landmarks", "aligned",
    ]  # fmt: skip
    done = CliRunner().invoke(cli, list(map(str, words)))
    assert done.exit_code == 0, done.output
    assert (tmp_path / "hello.mp4").stat().st_size > 5000
    said = [line for line in done.output.splitlines() if line.startswith("model: ")]
    assert len(said) == 1
    assert "the example that comes with emotalk (no --checkpoint); it knows drawn faces" in said[0]
    assert said[0].endswith("anger, disgust, fear, happiness, neutral, sadness")


def test_an_installation_without_it_says_what_to_do(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(example_model, "files", lambda _: tmp_path)
    with pytest.raises(WrongUse, match=r"example model is missing .*--checkpoint"):
        example_folder()
