"""A judge that fails on true clips is not used, and the reader is told why."""

from dataclasses import replace

import numpy as np
import pytest

from emotalk.evaluation.ceilings import (
    LIMITS_PX,
    LandmarkCheck,
    check_landmarks,
    drop_failed_metrics,
    emotion_warning,
    landmark_warning,
    without_emotions,
    without_quantities,
)
from emotalk.evaluation.comparison import Ceiling, Metric, Quantity
from emotalk.evaluation.emotion_results import EmotionPredictions, JudgedClip, summarise_emotions
from emotalk.evaluation.report import EmotionReport
from emotalk.evaluation.results import ClipResults, Results
from emotalk.pretrained import load_landmark_model
from emotalk.schema import EMOTIONS, Bytes, Floats
from emotalk.shards.clip import Clip
from tests.helpers.drawn_shards import DrawnClip
from tests.helpers.evaluation_clips import ToldLandmarks, face_TLP, plain_clip

Clips = dict[tuple[int, str, str], DrawnClip]


def drawn(clips: Clips, *, shift: float = 0.0) -> Clip:
    source = clips[0, "IEO", "happiness"]
    return replace(
        plain_clip(), video_THWC=source.frames_THWC, landmarks_TLP=source.landmarks_TLP + shift
    )


def test_the_error_is_the_mean_distance_at_the_first_and_the_middle_frame(
    drawn_clips: Clips,
) -> None:
    clip, other = drawn(drawn_clips), drawn(drawn_clips, shift=0.5)
    model = load_landmark_model()
    by_hand = [
        np.hypot(*(model.landmarks(clip.video_THWC[[t]])[0] - clip.landmarks_TLP[t]).T).mean()
        for t in (0, len(clip.video_THWC) // 2)
    ]
    error = check_landmarks(model, [clip]).error_px
    assert error == pytest.approx(np.mean(by_hand), rel=1e-3)
    both = check_landmarks(model, [clip, other]).error_px
    alone = check_landmarks(model, [other]).error_px
    assert both == pytest.approx((error + alone) / 2, rel=1e-4)


def test_landmarks_as_far_off_as_those_of_people_fail(drawn_clips: Clips) -> None:
    """The shipped model is 2.3 to 4.4 px off on speakers of GRID, at most 1.1 px on drawn faces."""
    assert 1.1 < LIMITS_PX["judge"] < 2.2
    model = load_landmark_model()
    assert check_landmarks(model, [drawn(drawn_clips)]).fault("judge") is None
    fault = check_landmarks(model, [drawn(drawn_clips, shift=2.0)]).fault("judge")
    assert fault is not None
    assert "px off the stored landmarks of this set's true frames (limit 1.6 px)" in fault


def test_who_has_other_faces_than_plainly_drawn_ones_is_told_what_measures_them() -> None:
    said = landmark_warning("the net", "is 2.8 px off", "judge")
    assert said.startswith("NO FIGURES OF LANDMARKS AND LIPS: the landmark model (the net) is 2.8")
    for part in ("--variety photo", "finder.pack", "finder.detector", "finder.landmarker"):
        assert part in said
    assert "finder" not in landmark_warning("the net", "is 4.0 px off", "onnx")


@pytest.mark.parametrize(("kind", "limit"), LIMITS_PX.items())
def test_an_error_of_just_the_limit_passes(kind: str, limit: float) -> None:
    assert LandmarkCheck(limit, 0.0).fault(kind) is None
    assert LandmarkCheck(float(np.nextafter(limit, 9)), 0.0).fault(kind) is not None


def test_a_model_that_misses_most_true_faces_fails_and_the_found_ones_count() -> None:
    clip = plain_clip()

    def told(frames: Bytes) -> Floats:
        found = face_TLP([4.0] * len(frames), shift=1.0)
        found[1:] = np.nan
        return found

    half = check_landmarks(ToldLandmarks(told), [clip])
    assert half.error_px == pytest.approx(2**0.5)
    assert half.missed == 0.5
    assert half.fault("onnx") is None
    blind = ToldLandmarks(lambda frames: np.full((len(frames), 68, 2), np.nan))
    fault = check_landmarks(blind, [clip]).fault("onnx")
    assert fault == "finds no face in 100 % of this set's true frames"


def judged(wanted: list[int], seen: list[int], actors: str) -> EmotionReport:
    """Return the report of a judge that sees these classes in the true clips."""
    rows = ("generated", "still", "truth")
    clips = [
        JudgedClip(actor, None, EmotionPredictions(want, dict.fromkeys(rows, np.eye(7)[see])))
        for want, see, actor in zip(wanted, seen, actors, strict=True)
    ]  # fmt: skip
    report = summarise_emotions(clips, 0)
    assert report is not None
    return report


def test_a_judge_above_chance_by_its_whole_interval_is_used() -> None:
    right = judged([0, 1, 2, 3] * 3, [0, 1, 2, 3] * 3, "aaaabbbbcccc")
    assert right.chance == 0.25
    assert emotion_warning("somebody", right) is None


def test_a_judge_whose_interval_reaches_down_to_chance_is_not_used() -> None:
    """Two of three actors are judged rightly, one not at all: the interval begins at 0."""
    found = judged([0, 1, 2, 3] * 3, [0, 1, 2, 3, 0, 1, 2, 3, 5, 5, 5, 5], "aaaabbbbcccc")
    assert found.accuracy["truth"].mean == pytest.approx(2 / 3)
    said = emotion_warning("somebody", found)
    assert said is not None
    assert said.startswith("NO FIGURES OF EMOTIONS")
    assert "somebody" in said
    assert "chance (0.25)" in said


def test_always_saying_the_most_frequent_emotion_is_chance() -> None:
    found = judged([4, 4, 4, 4, 4, 0], [4] * 6, "abcdef")
    assert found.chance == pytest.approx(5 / 6)
    assert emotion_warning("somebody", found) is not None


def test_clips_of_one_emotion_tell_nothing_of_a_judge() -> None:
    said = emotion_warning("somebody", judged([4] * 4, [4] * 4, "aabb"))
    assert said is not None
    assert "a single one" in said


def clip_with(actor: str, sync: float) -> ClipResults:
    rows = {row: {"sync": sync, "sync_lag": 1.0, "psnr": 30.0} for row in ("truth", "generated")}
    shares = dict.fromkeys(("generated", "still", "truth"), np.eye(7)[0])
    return ClipResults(
        key=actor, actor=actor, emotion=EMOTIONS[0], intensity=None, rows=rows, openings={},
        voiced_T=np.ones(1, bool), predictions=EmotionPredictions(0, shares), as_reported={},
    )  # fmt: skip


@pytest.mark.parametrize(
    ("values", "used"), [((0.9, 0.8, 0.7), True), ((0.9, 0.5, 0.4), False), ((0.5,) * 3, False)]
)
def test_a_metric_below_its_ceiling_loses_all_its_quantities_and_no_other_does(
    values: tuple[float, ...], *, used: bool
) -> None:
    quantity = Quantity("own speech above another's", "higher", 2)
    metric = Metric(
        {"sync": quantity, "sync_lag": quantity}, lambda _: {}, of_truth=True,
        ceiling=Ceiling("sync", 0.5, "the lip-sync model"),
    )  # fmt: skip
    results = Results([clip_with(a, v) for a, v in zip("abc", values, strict=True)])
    kept, warnings = drop_failed_metrics(results, [metric], 0)
    for clip in kept.clips:
        names = {"sync", "sync_lag", "psnr"} if used else {"psnr"}
        assert all(set(figures) == names for figures in clip.rows.values())
    assert len(warnings) == (0 if used else 1)
    if not used:
        assert warnings[0].startswith("NO FIGURES OF THE LIP-SYNC MODEL")
        assert "own speech above another's" in warnings[0]


def test_what_is_taken_out_leaves_the_rest_as_it_was() -> None:
    results = Results([clip_with("a", 0.5)])
    assert without_quantities(results, set()) is results
    assert without_quantities(results, {"sync"}).clips[0].predictions is not None
    without = without_emotions(results).clips[0]
    assert without.predictions is None
    assert without.rows == results.clips[0].rows
