"""A landmark back end is one new file and its name in the configuration."""

import sys
from pathlib import Path
from typing import get_args

import pytest

from emotalk.config.etl import LandmarksConfig
from emotalk.faces import backends
from emotalk.faces.backends import build_landmark_detector
from tests.helpers.clips import frames

BACK_END = """
from emotalk.faces.landmarks import FaceLandmarks

class Lucky:
    def __init__(self, pack):
        self.pack = pack

    def detect(self, frames, *, clip=None, indices=None):
        return [FaceLandmarks(7) for _ in frames]

def build(config, source):
    return Lucky(config.pack)
"""


def test_a_new_back_end_is_one_new_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "lucky.py").write_text(BACK_END)
    monkeypatch.setattr(backends, "__path__", [*backends.__path__, str(tmp_path)])
    monkeypatch.delitem(sys.modules, "emotalk.faces.backends.lucky", raising=False)
    config = LandmarksConfig().model_copy(update={"backend": "lucky"})
    assert build_landmark_detector(config).detect(list(frames(2)))[1].count == 7


def test_every_back_end_of_the_configuration_is_a_file() -> None:
    names = get_args(LandmarksConfig.model_fields["backend"].annotation)
    folder = Path(backends.__path__[0])
    assert [name for name in names if not (folder / f"{name}.py").is_file()] == []
