"""Landmarks of crops count as found only where they are a face's."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest

from emotalk.faces.crop_landmarks import BORDER, ENLARGED, CropLandmarks
from emotalk.faces.landmarks import NO_FACE, FaceLandmarks
from emotalk.faces.template import template_LP
from emotalk.schema import Bytes, Doubles


class Answering:
    """Gives the same answer to every crop: these points of the crop, or nothing."""

    def __init__(self, points_LP: Doubles | None) -> None:
        self.points_LP = points_LP

    def detect(
        self,
        frames: Sequence[Bytes],
        *,
        clip: Path | None = None,
        indices: Sequence[int] | None = None,
    ) -> list[FaceLandmarks]:
        if self.points_LP is None:
            return [NO_FACE] * len(frames)
        framed = (self.points_LP + BORDER) * ENLARGED + 0.5
        return [FaceLandmarks(1, landmarks_LP=framed.astype(np.float32))] * len(frames)

    def track(
        self,
        frames: Iterable[Bytes],
        *,
        clip: Path | None = None,
        indices: Iterable[int] | None = None,
    ) -> Iterator[tuple[Bytes, FaceLandmarks]]:
        raise AssertionError("crops are looked at one by one")


CROPS = np.zeros((2, 128, 128, 3), np.uint8)


def test_a_face_s_landmarks_come_back_in_the_crop_s_pixels() -> None:
    found = CropLandmarks(Answering(template_LP()), "told").landmarks(CROPS)
    np.testing.assert_allclose(found, np.stack([template_LP()] * 2), atol=1e-4)


@pytest.mark.parametrize(
    "points_LP",
    [
        None,
        128 - template_LP(),  # upside down
        template_LP()[::-1],  # in another order
        np.full((68, 2), np.nan),
    ],
)
def test_what_is_no_upright_face_counts_as_missed(points_LP: Doubles | None) -> None:
    assert np.isnan(CropLandmarks(Answering(points_LP), "told").landmarks(CROPS)).all()
