"""Who finds landmarks, and where the judges of drawn faces are refused."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from emotalk.config.evaluate import EvaluateConfig
from emotalk.errors import WrongUse
from emotalk.evaluation import landmark_models as module
from emotalk.evaluation.landmark_models import (
    JUDGE_LIMIT_PX,
    FinderExaminer,
    JudgeExaminer,
    build_examiner,
    refuse_judges_on_photographs,
)
from emotalk.faces.landmarks import FaceLandmarks
from emotalk.pretrained import load_landmark_judge
from emotalk.shards.clip import Clip
from tests.helpers.drawn_shards import DrawnClip
from tests.helpers.evaluation_clips import face_TLP, noise_frames, plain_clip

Clips = dict[tuple[int, str, str], DrawnClip]


def config(**more: Any) -> EvaluateConfig:
    tree = {"checkpoint": "run", "shards": "the-set", "output": "out", **more}
    return EvaluateConfig.model_validate(tree)


def drawn(clips: Clips, *, shift: float = 0.0) -> Clip:
    source = clips[0, "IEO", "happiness"]
    return replace(
        plain_clip(), video_THWC=source.frames_THWC, landmarks_TLP=source.landmarks_TLP + shift
    )


def test_the_error_is_the_mean_distance_at_the_first_and_the_middle_frame(
    drawn_clips: Clips,
) -> None:
    clip = drawn(drawn_clips)
    judge = load_landmark_judge()
    by_hand = [
        np.hypot(*(judge.landmarks(clip.video_THWC[[t]])[0] - clip.landmarks_TLP[t]).T).mean()
        for t in (0, len(clip.video_THWC) // 2)
    ]
    other = drawn(drawn_clips, shift=0.5)
    error = refuse_judges_on_photographs([clip], config())
    assert error == pytest.approx(np.mean(by_hand), rel=1e-3)
    both = refuse_judges_on_photographs([clip, other], config())
    alone = refuse_judges_on_photographs([other], config())
    assert both == pytest.approx((error + alone) / 2, rel=1e-4)


def test_landmarks_as_far_off_as_those_of_people_are_refused(drawn_clips: Clips) -> None:
    """The judge is 2.3 to 3.8 px off on the speakers of GRID, at most 1.1 px on drawn faces."""
    assert 1.1 < JUDGE_LIMIT_PX < 2.2
    with pytest.raises(WrongUse, match=r"the-set: .* photographs: use landmarks=insightface"):
        refuse_judges_on_photographs([drawn(drawn_clips, shift=2.0)], config())


def test_an_error_of_just_the_limit_is_let_through(
    drawn_clips: Clips, monkeypatch: pytest.MonkeyPatch
) -> None:
    clip = drawn(drawn_clips)
    error = refuse_judges_on_photographs([clip], config())
    monkeypatch.setattr(module, "JUDGE_LIMIT_PX", error)
    assert refuse_judges_on_photographs([clip], config()) == error
    monkeypatch.setattr(module, "JUDGE_LIMIT_PX", np.nextafter(error, 0))
    with pytest.raises(WrongUse, match="photographs"):
        refuse_judges_on_photographs([clip], config())


def test_the_judge_is_taken_for_drawn_faces() -> None:
    examiner = build_examiner(config(landmarks="judge"))
    assert isinstance(examiner, JudgeExaminer)
    assert "landmark net for drawn faces" in examiner.name
    frames = noise_frames(1, 2)
    np.testing.assert_array_equal(
        examiner.landmarks(frames), load_landmark_judge().landmarks(frames)
    )


class OneFace:
    """Finds the same face in every frame."""

    def find(self, frames: Any, **_: Any) -> list[FaceLandmarks]:
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

    monkeypatch.setattr(module, "build_finder", build)
    finder = {"pack": "p68", "detector": "a.onnx", "landmarker": "b.onnx"}
    examiner = build_examiner(config(landmarks=landmarks, finder=finder))
    assert isinstance(examiner, FinderExaminer)
    assert examiner.name == name
    assert built[0].backend == landmarks
    assert built[0].pack == "p68"
    assert examiner.landmarks(noise_frames(0, 2)).shape == (2, 68, 2)


@pytest.mark.parametrize("given", [{}, {"detector": "a.onnx"}, {"landmarker": "b.onnx"}])
def test_onnx_needs_both_of_its_files(given: dict[str, str], tmp_path: Path) -> None:
    with pytest.raises(WrongUse, match=r"finder\.detector and finder\.landmarker"):
        build_examiner(config(landmarks="onnx", finder=given))
