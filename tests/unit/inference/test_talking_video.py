"""A request reaches the generator as it was made, or the report says in which part it does not."""

import logging
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from PIL import Image

from emotalk.checkpoints.format import DataFacts
from emotalk.checkpoints.load import LoadedGenerator
from emotalk.inference.talking_video import VideoRequest, make_video
from emotalk.schema import EMOTIONS
from tests.helpers.tiny_model import tiny_loaded

RATE = 16000


@pytest.fixture
def request_of(tmp_path: Path) -> VideoRequest:
    sound = 0.3 * np.sin(2 * np.pi * 200 * np.arange(RATE) / RATE)
    soundfile.write(tmp_path / "speech.wav", sound, RATE)
    Image.new("RGB", (128, 128), (210, 160, 130)).save(tmp_path / "crop.png")
    return VideoRequest(
        image=tmp_path / "crop.png",
        audio=tmp_path / "speech.wav",
        emotion="anger:0.3",
        output=tmp_path / "video.mp4",
        landmarks=None,
    )


def loaded_of(*, use_intensity: bool) -> LoadedGenerator:
    loaded = tiny_loaded()
    facts = loaded.facts.model_copy(update={"use_intensity": use_intensity})
    return replace(loaded, facts=facts)


def test_emotion_and_intensity_of_every_frame_reach_the_network(request_of: VideoRequest) -> None:
    loaded = loaded_of(use_intensity=True)
    heard: list[torch.Tensor] = []
    loaded.generator.emotion_encoder.register_forward_pre_hook(
        lambda _, args: heard.append(args[0])
    )
    report = make_video(replace(request_of, emotion="0=anger:0.3,0.4=fear"), loaded)
    emotion_TE = torch.cat([part.reshape(-1, len(EMOTIONS)) for part in heard])
    assert len(emotion_TE) >= report.frames == 25
    anger, fear = (emotion_TE[:25, EMOTIONS.index(name)] for name in ("anger", "fear"))
    # The change begins at frame 10 and takes 0.4 s, ten frames.
    share = np.clip((np.arange(25) - 10) / 10, 0, 1)
    np.testing.assert_allclose(anger, 0.3 * (1 - share), atol=1e-6)
    np.testing.assert_allclose(fear, share, atol=1e-6)
    assert report.notes == ()


@pytest.mark.parametrize(
    ("unlabelled", "recorded", "said"),
    [
        (9, None, True),
        (8, None, False),
        (0, None, False),
        (0, ("anger", "neutral"), True),
        (0, EMOTIONS, False),
    ],
)
def test_an_emotion_that_was_never_learnt_is_never_taken_silently(
    unlabelled: int,
    recorded: tuple[str, ...] | None,
    said: bool,
    request_of: VideoRequest,
    caplog: pytest.LogCaptureFixture,
) -> None:
    loaded = loaded_of(use_intensity=True)
    data = DataFacts(
        manifest_sha256="", corpus="folder", landmarks="onnx", clips=9, actors=1,
        unlabelled=unlabelled, emotions=recorded,
    )  # fmt: skip
    loaded = replace(loaded, facts=loaded.facts.model_copy(update={"data": data}))
    notes = make_video(replace(request_of, emotion="0=neutral,0.4=fear"), loaded).notes
    expected = "emotion fear: this model never learnt it, no clip of its training shows it"
    assert [note.startswith(expected) for note in notes] == [True] * said
    assert [expected in line for line in caplog.messages] == [True] * said


def test_what_will_not_be_heeded_is_said_in_a_line_each(
    request_of: VideoRequest, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        report = make_video(replace(request_of, face="0"), loaded_of(use_intensity=False))
    intensity, face = report.notes
    assert intensity.startswith("emotion anger:0.3: this model was trained on full emotions only")
    assert face.startswith("face 0: not used, as an aligned picture is taken whole")
    assert [record.getMessage() for record in caplog.records] == [intensity, face]
