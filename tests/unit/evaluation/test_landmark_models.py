"""The landmark model is built as configured, and refused where it does not fit the faces."""

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from emotalk.config.etl import LandmarksConfig
from emotalk.config.evaluate import EvaluateConfig
from emotalk.errors import WrongUse
from emotalk.evaluation import judges
from emotalk.evaluation import landmark_models as module
from emotalk.evaluation.landmark_models import average_of, build_landmark_model
from emotalk.faces.crop_landmarks import CropLandmarks
from emotalk.faces.landmarks import FaceLandmarks
from emotalk.pretrained import DrawnFaceLandmarkModel, load_landmark_model
from tests.helpers.evaluation_clips import face_TLP, noise_frames
from tests.helpers.shared import shared_data


def test_the_shipped_model_is_taken_for_drawn_faces() -> None:
    model = build_landmark_model("judge", LandmarksConfig())
    assert isinstance(model, DrawnFaceLandmarkModel)
    assert "landmark net for drawn faces" in model.name
    frames = noise_frames(1, 2)
    np.testing.assert_array_equal(model.landmarks(frames), load_landmark_model().landmarks(frames))


class OneFace:
    """Finds the same face in every frame."""

    def detect(self, frames: Any, **_: Any) -> list[FaceLandmarks]:
        face = face_TLP([3.0])[0]
        box = np.array([10.0, 10, 100, 100])
        return [FaceLandmarks(1, box=box, score=1.0, landmarks_LP=face) for _ in frames]


@pytest.mark.parametrize(
    ("landmarks", "name"), [("insightface", "insightface (pack p68)"), ("onnx", "onnx (b.onnx)")]
)
def test_a_detector_is_built_from_its_own_section(
    monkeypatch: pytest.MonkeyPatch, landmarks: str, name: str
) -> None:
    built: list[Any] = []

    def build(section: Any) -> OneFace:
        built.append(section)
        return OneFace()

    monkeypatch.setattr(module, "build_landmark_detector", build)
    finder = {"pack": "p68", "detector": "a.onnx", "landmarker": "b.onnx"}
    model = build_landmark_model(landmarks, LandmarksConfig.model_validate(finder))
    assert isinstance(model, CropLandmarks)
    assert model.name == name
    assert built[0].backend == landmarks
    assert built[0].pack == "p68"
    assert model.landmarks(noise_frames(0, 2)).shape == (2, 68, 2)


@pytest.mark.parametrize("given", [{}, {"detector": "a.onnx"}, {"landmarker": "b.onnx"}])
def test_onnx_needs_both_of_its_files(given: dict[str, str], tmp_path: Path) -> None:
    with pytest.raises(WrongUse, match=r"finder\.detector and finder\.landmarker"):
        build_landmark_model("onnx", LandmarksConfig.model_validate(given))


def test_detections_are_averaged_in_photographs_and_once_in_drawn_faces() -> None:
    assert [average_of(name, None) for name in ("judge", "onnx", "insightface")] == [1, 4, 4]
    assert average_of("onnx", 1) == 1
    with pytest.raises(WrongUse, match="landmark_average is 4"):
        build_landmark_model("judge", LandmarksConfig(), 4)


def test_the_average_is_of_the_detector_s_own_landmarks() -> None:
    """With real models: the mean moves the points a little, and the report names it."""
    finder = LandmarksConfig(
        detector=shared_data("data", "models", "yunet_n_dynamic.onnx"),
        landmarker=shared_data("data", "models", "peppa_slim_160_68.onnx"),
    )
    picture = cv2.imread(str(shared_data("data", "images", "eskimez_img01.png")))
    assert picture is not None
    frames = cv2.resize(picture[:, :, ::-1], (128, 128), interpolation=cv2.INTER_AREA)[None]
    frames = frames.astype(np.uint8)
    once = build_landmark_model("onnx", finder, 1).landmarks(frames)
    model = build_landmark_model("onnx", finder, 4)
    assert model.name.endswith("mean of 4 detections")
    moved = np.linalg.norm(model.landmarks(frames) - once, axis=-1)
    assert 0.05 < moved.mean() < 2


@pytest.mark.parametrize(("given", "expected"), [(None, 4), (2, 2)])
def test_an_evaluation_averages_as_configured(
    monkeypatch: pytest.MonkeyPatch, given: int | None, expected: int
) -> None:
    asked: list[int] = []
    monkeypatch.setattr(
        judges, "build_landmark_model", lambda _kind, _finder, average: asked.append(average)
    )
    config = EvaluateConfig(
        checkpoint=Path("c"), shards="s", output=Path("o"), landmarks="onnx",
        landmark_average=given,
    )  # fmt: skip
    judges._landmark_model(config)
    assert asked == [expected]
