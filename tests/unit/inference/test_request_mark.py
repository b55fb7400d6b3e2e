"""A mark changes with everything that decides a video, and is read from the video alone."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from emotalk.config.etl import LandmarksConfig
from emotalk.inference.request_mark import mark_of, model_hash, request_mark
from emotalk.inference.talking_video import VideoRequest
from emotalk.inference.video import write_talking_video
from tests.helpers.tiny_model import write_tiny_model

MODEL = "0" * 64
MARK = "a1" * 32


@pytest.fixture
def request_of(tmp_path: Path) -> VideoRequest:
    (tmp_path / "a.png").write_bytes(b"picture")
    (tmp_path / "a.wav").write_bytes(b"sound")
    return VideoRequest(
        image=tmp_path / "a.png",
        audio=tmp_path / "a.wav",
        emotion="happiness",
        output=tmp_path / "o.mp4",
        landmarks=None,
    )


@pytest.mark.parametrize(
    "change",
    [
        {"emotion": "sadness"},
        {"emotion": None},
        {"intensity": 0.5},
        {"seed": 1},
        {"scale": 2},
        {"face": "0"},
        {"paste_back": True},
        {"long_side": 400},
        {"precision": "float32"},
        {"landmarks": LandmarksConfig(backend="insightface", pack="faces68")},
    ],
)
def test_every_setting_that_decides_changes_the_mark(
    request_of: VideoRequest, change: dict[str, Any]
) -> None:
    mark = request_mark(request_of, MODEL)
    assert request_mark(request_of, MODEL) == mark
    assert request_mark(replace(request_of, **change), MODEL) != mark


@pytest.mark.parametrize("name", ["image", "audio"])
def test_other_content_changes_the_mark_and_another_name_does_not(
    request_of: VideoRequest, name: str, tmp_path: Path
) -> None:
    mark = request_mark(request_of, MODEL)
    file = getattr(request_of, name)
    file.rename(tmp_path / "renamed")
    changes: dict[str, Any] = {name: tmp_path / "renamed", "output": tmp_path / "p.mp4"}
    moved = replace(request_of, **changes)
    assert request_mark(moved, MODEL) == mark
    (tmp_path / "renamed").write_bytes(b"other")
    assert request_mark(moved, MODEL) != mark
    assert request_mark(moved, "1" * 64) != mark


def test_other_weights_are_another_model(tmp_path: Path) -> None:
    hashes = {model_hash(write_tiny_model(tmp_path / str(seed), seed)) for seed in (0, 1)}
    assert len(hashes) == 2
    assert model_hash(write_tiny_model(tmp_path / "again", 0)) in hashes


@pytest.mark.parametrize("name", ["a.mp4", "a.webm", "a.gif"])
def test_a_video_of_any_format_keeps_its_mark(tmp_path: Path, name: str) -> None:
    frames = np.zeros((3, 64, 64, 3), np.uint8)
    write_talking_video(tmp_path / name, frames, None, provenance=f"Seed: 0. Request: {MARK}.")
    assert mark_of(tmp_path / name) == MARK
    write_talking_video(tmp_path / name, frames, None, provenance="Seed: 0.")
    assert mark_of(tmp_path / name) is None


def test_a_picture_named_like_a_mark_does_not_pass_for_one(tmp_path: Path) -> None:
    text = f"Picture: Request: {'b' * 64}.. Request: {MARK}."
    write_talking_video(
        tmp_path / "a.mp4", np.zeros((3, 64, 64, 3), np.uint8), None, provenance=text
    )
    assert mark_of(tmp_path / "a.mp4") == MARK


@pytest.mark.parametrize("content", [b"", b"mine", b"\x21\xfe", bytes(999)])
@pytest.mark.parametrize("name", ["a.mp4", "a.gif"])
def test_other_files_have_no_mark(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    assert mark_of(tmp_path / name) is None
