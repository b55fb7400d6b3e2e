"""Every limit rejects with its own reason, the value and the key to change."""

import numpy as np
import pytest

from emotalk.config.etl import QualityConfig
from emotalk.faces.landmarks import NO_FACE, FaceLandmarks
from emotalk.schema import Rejection
from etl.quality import check_faces, check_loudness

LIMITS = QualityConfig()


def face(count: int = 1, side: float = 100) -> FaceLandmarks:
    box = np.array([0, 0, side * 0.8, side])
    return FaceLandmarks(count, box, 0.9, np.zeros((68, 2), np.float32))


@pytest.mark.parametrize(
    ("found", "reason", "words"),
    [
        ([face()] * 9 + [NO_FACE], "no_face", "1 of 10 frames .first: 9"),
        ([face()] * 8 + [face(2)] * 2, "several_faces", "2 of 10 frames"),
        ([face(side=40)] * 10, "small_face", "40 px, at least 48"),
    ],
)
def test_faces(found: list[FaceLandmarks], reason: str, words: str) -> None:
    with pytest.raises(Rejection, match=words) as caught:
        check_faces(found, LIMITS)
    assert caught.value.reason == reason


def test_a_slip_of_the_detector_is_no_second_face() -> None:
    check_faces([face()] * 9 + [face(2)], LIMITS)


def test_silence() -> None:
    check_loudness(np.full(800, 0.01, np.float32), LIMITS)
    for quiet in (np.zeros(800, np.float32), np.full(800, 1e-4, np.float32)):
        with pytest.raises(Rejection, match="at least -60 dB") as caught:
            check_loudness(quiet, LIMITS)
        assert caught.value.reason == "silent"
