"""A request reaches the generator as it was made, or the report says in which part it does not."""

import logging
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
import soundfile
import torch
from PIL import Image

from emotalk.checkpoints.format import DataFacts
from emotalk.checkpoints.load import LoadedGenerator
from emotalk.config.etl import LandmarksConfig
from emotalk.errors import WrongUse
from emotalk.faces.landmarks import FaceLandmarks
from emotalk.faces.template import template_LP
from emotalk.inference import talking_video
from emotalk.inference.talking_video import VideoRequest, make_video
from emotalk.schema import EMOTIONS, Bytes
from tests.helpers.tiny_model import tiny_loaded

RATE = 16000


class Finder:
    """Finds the template's face, twice as large, at one place of any picture."""

    def detect(
        self,
        frames: Sequence[Bytes],
        *,
        clip: Path | None = None,
        indices: Sequence[int] | None = None,
    ) -> list[FaceLandmarks]:
        landmarks = (2 * template_LP() + (60, 20)).astype(np.float32)
        box = np.array([100.0, 70.0, 280.0, 230.0])
        return [FaceLandmarks(1, box, 1.0, landmarks, (box,))] * len(frames)

    def track(
        self,
        frames: Iterable[Bytes],
        *,
        clip: Path | None = None,
        indices: Iterable[int] | None = None,
    ) -> Iterator[tuple[Bytes, FaceLandmarks]]:
        raise AssertionError("a photograph is no clip")


@pytest.fixture
def whole_picture(
    request_of: VideoRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> VideoRequest:
    """Return a request for a picture of 401 x 300 pixels with a face."""
    noise = np.random.default_rng(0).integers(90, 170, (300, 401, 3), np.uint8)
    Image.fromarray(noise).save(tmp_path / "whole.png")
    monkeypatch.setattr(talking_video, "build_landmark_detector", lambda config: Finder())
    landmarks = LandmarksConfig(backend="onnx", detector=Path("a"), landmarker=Path("b"))
    return replace(request_of, image=tmp_path / "whole.png", landmarks=landmarks, emotion="Happy")


def pictures(path: Path | None) -> Bytes:
    with av.open(str(path)) as container:
        return np.stack([f.to_ndarray(format="rgb24") for f in container.decode(video=0)])


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
    request = replace(request_of, emotion="0=anger:0.3,0.4=fear", precision="float32")
    report = make_video(request, loaded)  # another precision would probe the first frames
    emotion_TE = torch.cat([part.reshape(-1, len(EMOTIONS)) for part in heard])
    assert len(emotion_TE) >= report.frames == 25
    anger, fear = (emotion_TE[:25, EMOTIONS.index(name)] for name in ("anger", "fear"))
    # The change begins at frame 10 and takes 0.4 s, ten frames.
    share = np.clip((np.arange(25) - 10) / 10, 0, 1)
    np.testing.assert_allclose(anger, 0.3 * (1 - share), atol=1e-6)
    np.testing.assert_allclose(fear, share, atol=1e-6)
    assert report.notes == ()


@pytest.mark.parametrize(
    ("intensity", "said"), [(1.0, "Happy. Seed"), (0.8, "Happy. Intensity: 0.8. Seed")]
)
def test_the_file_names_what_decides_the_emotion(
    request_of: VideoRequest, intensity: float, said: str
) -> None:
    request = replace(request_of, emotion="Happy", intensity=intensity)
    make_video(request, loaded_of(use_intensity=True))
    with av.open(str(request.output)) as container:
        assert f"Emotion: {said}" in container.metadata["comment"]


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


def test_pasted_back_the_video_shows_the_whole_picture(whole_picture: VideoRequest) -> None:
    make_video(replace(whole_picture, paste_back=True), loaded_of(use_intensity=False))
    shown = pictures(whole_picture.output).astype(float)
    assert shown.shape == (25, 300, 400, 3)
    image = np.asarray(Image.open(whole_picture.image))[:, :400]
    sides = np.concatenate([shown[:, :, :40], shown[:, :, -40:]], 2).mean((1, 2))
    np.testing.assert_allclose(
        sides,
        np.tile(np.concatenate([image[:, :40], image[:, -40:]], 1).mean((0, 1)), (25, 1)),
        atol=2,
    )


def test_a_whole_picture_is_shrunk_to_the_long_side(whole_picture: VideoRequest) -> None:
    wanted = replace(whole_picture, paste_back=True, long_side=200)
    assert make_video(wanted, loaded_of(use_intensity=False)).notes == ()
    assert pictures(whole_picture.output).shape == (25, 150, 200, 3)


def test_a_picture_that_is_shown_smaller_unasked_is_said_to_be(
    whole_picture: VideoRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(talking_video, "LONG_SIDE", 320)
    report = make_video(replace(whole_picture, paste_back=True), loaded_of(use_intensity=False))
    (note,) = report.notes
    assert note.startswith("the picture's 401 x 300 pixels are more than 320")
    assert pictures(whole_picture.output).shape[2] == 320


def test_without_an_emotion_there_is_a_panel_for_each(
    request_of: VideoRequest, tmp_path: Path
) -> None:
    loaded = loaded_of(use_intensity=False)
    report = make_video(replace(request_of, emotion=None, scale=2), loaded)
    shown = pictures(report.output)
    assert shown.shape == (25, 2 * (256 + 32), 3 * 256, 3)
    single = replace(request_of, scale=2, output=tmp_path / "one.mp4")
    for index, emotion in enumerate(EMOTIONS):
        make_video(replace(single, emotion=emotion, overwrite=True), loaded)
        top, left = index // 3 * 288, index % 3 * 256
        panel = shown[:, top + 8 : top + 248, left + 8 : left + 248].astype(int)
        assert np.abs(panel - pictures(single.output)[:, 8:-8, 8:-8]).mean() < 3


def test_panels_of_emotions_that_were_never_learnt_are_refused(
    request_of: VideoRequest, tmp_path: Path
) -> None:
    loaded = loaded_of(use_intensity=True)
    data = DataFacts(
        manifest_sha256="", corpus="folder", landmarks="onnx", clips=9, actors=1,
        unlabelled=0, emotions=("anger", "neutral"),
    )  # fmt: skip
    loaded = replace(loaded, facts=loaded.facts.model_copy(update={"data": data}))
    with pytest.raises(WrongUse, match="never learnt disgust, fear, happiness, sadness"):
        make_video(replace(request_of, emotion=None), loaded)
    assert not (tmp_path / "video.mp4").exists()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"paste_back": True}, "an aligned crop has no picture around it"),
        ({"long_side": 640}, "an aligned crop has none: give --scale"),
    ],
)
def test_options_that_cannot_go_together_are_refused(
    changes: dict[str, Any], message: str, request_of: VideoRequest
) -> None:
    with pytest.raises(WrongUse, match=message):
        make_video(replace(request_of, **changes), loaded_of(use_intensity=True))


def test_a_scale_does_not_go_with_a_whole_picture(whole_picture: VideoRequest) -> None:
    with pytest.raises(WrongUse, match="leave out --scale"):
        make_video(replace(whole_picture, paste_back=True, scale=2), loaded_of(use_intensity=True))


def test_a_refusal_of_the_picture_is_the_only_message(
    request_of: VideoRequest, caplog: pytest.LogCaptureFixture
) -> None:
    Image.new("RGB", (64, 64)).save(request_of.image)
    with pytest.raises(WrongUse, match="64 x 64 pixels is no aligned crop"):
        make_video(replace(request_of, face="largest"), tiny_loaded())
    assert not caplog.messages


def test_a_picture_too_large_is_refused_before_speech_and_face_models_are_loaded(
    whole_picture: VideoRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    def too_late(*_: object) -> None:
        raise AssertionError("the picture should be looked at first")

    monkeypatch.setattr(talking_video, "build_landmark_detector", too_late)
    monkeypatch.setattr(talking_video, "read_speech", too_late)
    Image.new("1", (20_000, 20_000)).save(whole_picture.image)
    with pytest.raises(WrongUse, match="20000 x 20000 pixels are more than 100000000"):
        make_video(whole_picture, tiny_loaded())
