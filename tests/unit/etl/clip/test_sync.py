"""Only a sure estimate shifts a sample or leaves a clip out, and only where it is asked for."""

import numpy as np
import pytest

from emotalk.config.etl import QualityConfig
from emotalk.errors import Stopped
from emotalk.lip_sync.estimate import SyncEstimate, Verdict
from emotalk.schema import Rejection, Sync
from etl.clip import sync
from etl.clip.sync import judge_sync, parts_in_step

LIPS, SOUND = np.zeros((75, 68, 2), np.float32), np.zeros(75 * 320, np.float32)


@pytest.fixture
def estimate(monkeypatch: pytest.MonkeyPatch) -> dict[str, SyncEstimate]:
    """Put an estimate in the model's place."""
    given: dict[str, SyncEstimate] = {}
    monkeypatch.setattr(sync, "estimate_sync", lambda *_: given["now"])
    return given


def found(offset: int, verdict: Verdict, confidence: float = 0.93) -> SyncEstimate:
    return SyncEstimate(offset, confidence, verdict, 0.4)


def test_off_looks_at_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sync, "estimate_sync", None)
    monkeypatch.setattr(sync, "load_lip_sync_model", None)
    assert judge_sync(LIPS, SOUND, QualityConfig(sync="off")) is None


@pytest.mark.parametrize("offset", [-15, -3, 0, 2, 9])
def test_report_stores_and_changes_nothing(offset: int, estimate: dict[str, SyncEstimate]) -> None:
    for verdict in ("in_step", "shifted", "no_lag_fits", "unsure"):
        estimate["now"] = found(offset, verdict)
        judged = judge_sync(LIPS, SOUND, QualityConfig())
        assert judged == Sync(offset, 0.93, verdict, 0)


@pytest.mark.parametrize("mode", ["correct", "reject"])
@pytest.mark.parametrize(("offset", "shifted"), [(2, 2), (-2, -2), (6, 6), (-6, -6)])
def test_two_to_six_frames_are_shifted(
    offset: int, shifted: int, mode: str, estimate: dict[str, SyncEstimate]
) -> None:
    estimate["now"] = found(offset, "shifted")
    limits = QualityConfig.model_validate({"sync": mode})
    assert judge_sync(LIPS, SOUND, limits) == Sync(offset, 0.93, "shifted", shifted)


@pytest.mark.parametrize("mode", ["correct", "reject"])
@pytest.mark.parametrize("verdict", ["unsure", "in_step"])
def test_what_is_unsure_or_in_step_stays_as_it_is(
    verdict: Verdict, mode: str, estimate: dict[str, SyncEstimate]
) -> None:
    limits = QualityConfig.model_validate({"sync": mode})
    for offset in (0, 1, -1) if verdict == "in_step" else (0, 4, -11):
        estimate["now"] = found(offset, verdict, 0.4)
        assert judge_sync(LIPS, SOUND, limits) == Sync(offset, 0.4, verdict, 0)


@pytest.mark.parametrize(
    ("offset", "words"), [(7, r"7 frames \(280 ms\) late"), (-8, r"8 frames \(320 ms\) early")]
)
def test_more_than_six_frames_are_rejected_with_value_and_limit(
    offset: int, words: str, estimate: dict[str, SyncEstimate]
) -> None:
    estimate["now"] = found(offset, "shifted")
    with pytest.raises(Rejection, match=f"{words}, with confidence 0.93; at most 6") as caught:
        judge_sync(LIPS, SOUND, QualityConfig(sync="reject"))
    assert caught.value.reason == "out_of_sync"
    assert caught.value.measures == {"sync_offset": offset, "sync_confidence": 0.93}
    assert judge_sync(LIPS, SOUND, QualityConfig(sync="correct")) == Sync(
        offset, 0.93, "shifted", 0
    )
    wider = QualityConfig(sync="reject", max_sync_shift=8)
    assert judge_sync(LIPS, SOUND, wider) == Sync(offset, 0.93, "shifted", offset)


def test_another_voice_is_rejected_by_reject_alone(estimate: dict[str, SyncEstimate]) -> None:
    estimate["now"] = found(3, "no_lag_fits", 0.04)
    with pytest.raises(Rejection, match=r"best one, 3, has confidence 0\.04, and 0\.8 is needed"):
        judge_sync(LIPS, SOUND, QualityConfig(sync="reject"))
    kept = judge_sync(LIPS, SOUND, QualityConfig(sync="correct"))
    assert kept == Sync(3, 0.04, "no_lag_fits", 0)


def test_a_damaged_network_stops_the_job_and_rejects_no_clip(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def damaged() -> None:
        raise ValueError("lip_sync_net.safetensors: sha256 0 is not the one of lip_sync_net.json")

    monkeypatch.setattr(sync, "load_lip_sync_model", damaged)
    with pytest.raises(Stopped, match=r"sha256 0 .* install the project anew"):
        judge_sync(np.zeros((50, 68, 2), np.float32), np.zeros(16000, np.float32), QualityConfig())


def test_sound_that_is_late_loses_its_beginning_and_the_picture_its_end() -> None:
    assert parts_in_step(75, 0) == (slice(0, 75), slice(0, 75))
    assert parts_in_step(75, 4) == (slice(0, 71), slice(4, 75))
    assert parts_in_step(75, -3) == (slice(3, 75), slice(0, 72))
