"""Every row of a pair is measured beside the true clip, the generated one with its own sound."""

import numpy as np
import pytest

from emotalk.evaluation.comparison import Comparison, Metric, Quantity
from emotalk.evaluation.pairs import measure as module
from emotalk.evaluation.pairs.measure import measure_pair
from emotalk.evaluation.pairs.reading import ReadPair
from emotalk.metrics.as_reported import psnr_of_wrapped_bytes
from tests.helpers.evaluation_clips import ToldLandmarks, face_TLP, noise_frames, plain_clip

CLIP = plain_clip(frames=10)
OWN_S = np.full(len(CLIP.audio_S), 0.5, np.float32)


def told(comparison: Comparison) -> dict[str, float]:
    return {
        "heard": float(comparison.truth.clip.audio_S[0]),
        "bright": float(comparison.frames_THWC.mean() / 255),
        "still": float((comparison.frames_THWC / 255).std(0).mean()),
        "nlmd_iod": 0.25,
        "others": float(len(comparison.truth.speech.others)),
    }


@pytest.fixture(autouse=True)
def one_metric(monkeypatch: pytest.MonkeyPatch) -> None:
    names = ("heard", "bright", "still", "nlmd_iod", "others")
    quantities = {name: Quantity(name, "lower", 2) for name in names}
    monkeypatch.setattr(module, "METRICS", (Metric(quantities, told, of_truth=True),))


def pair() -> ReadPair:
    made = noise_frames(5, 10)
    return ReadPair(CLIP, made, OWN_S, has_sound=True, same_place=True, notes=())


def test_generated_frames_are_heard_with_their_own_sound_and_the_true_ones_with_theirs() -> None:
    model = ToldLandmarks(lambda frames: face_TLP([4.0] * len(frames)))
    rows = measure_pair(pair(), model, others=(OWN_S, OWN_S)).rows
    assert {figures["others"] for figures in rows.values()} == {2}
    assert {row: figures["heard"] for row, figures in rows.items()} == {
        "generated": 0.5, "repeat": 0.0, "reencoded": 0.0, "truth": 0.0,
    }  # fmt: skip
    assert rows["generated"]["bright"] == pytest.approx(pair().generated_THWC.mean() / 255)
    assert rows["truth"]["bright"] == pytest.approx(CLIP.video_THWC.mean() / 255)
    assert rows["reencoded"]["bright"] == pytest.approx(rows["truth"]["bright"], abs=0.02)
    assert rows["repeat"]["still"] == pytest.approx(0, abs=1e-6)
    assert rows["generated"]["still"] > 0.1


def test_the_faulty_figures_are_measured_on_request() -> None:
    model = ToldLandmarks(lambda frames: face_TLP([4.0] * len(frames)))
    read = pair()
    assert measure_pair(read, model, as_reported=False).as_reported == {}
    faulty = measure_pair(read, model, as_reported=True).as_reported
    assert faulty == {
        "psnr_of_wrapped_bytes": psnr_of_wrapped_bytes(read.generated_THWC, CLIP.video_THWC),
        "nlmd_without_procrustes": 0.25,
    }
