"""The models that find faces are loaded when the first picture needs them, once."""

from pathlib import Path

import numpy as np
import pytest

from emotalk.config.etl import LandmarksConfig
from emotalk.errors import WrongUse
from emotalk.faces import on_demand
from emotalk.faces.landmarks import NO_FACE, FaceLandmarks
from emotalk.faces.on_demand import OnDemandDetector
from emotalk.schema import Bytes

FRAME: Bytes = np.zeros((8, 8, 3), np.uint8)


class Nothing:
    """Finds no face."""

    def detect(self, frames: list[Bytes], **_: object) -> list[FaceLandmarks]:
        return [NO_FACE for _ in frames]

    def track(self, frames: list[Bytes], **_: object) -> list[tuple[Bytes, FaceLandmarks]]:
        return [(frame, NO_FACE) for frame in frames]


def test_nothing_is_loaded_before_the_first_frames_and_one_detector_serves_all(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    loads: list[LandmarksConfig] = []

    def build(config: LandmarksConfig) -> Nothing:
        loads.append(config)
        return Nothing()

    monkeypatch.setattr(on_demand, "build_landmark_detector", build)
    config = LandmarksConfig()
    detector = OnDemandDetector(config)
    assert loads == []
    assert detector.detect([FRAME, FRAME]) == [NO_FACE, NO_FACE]
    assert list(detector.track([FRAME])) == [(FRAME, NO_FACE)]
    assert loads == [config]


def test_a_missing_pack_is_told_at_the_first_frames(tmp_path: Path) -> None:
    detector = OnDemandDetector(LandmarksConfig(root=tmp_path))
    with pytest.raises(WrongUse, match="buffalo_l"):
        detector.detect([FRAME])
