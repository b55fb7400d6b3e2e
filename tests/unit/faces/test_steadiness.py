"""Upright faces hold still when looked at again, others do not; by a real model and a made one."""

import cv2
import numpy as np
import pytest

from emotalk.config.etl import LandmarksConfig
from emotalk.faces.backends import build_landmark_detector
from emotalk.faces.landmarks import FaceLandmarks, LandmarkDetector
from emotalk.faces.plausible import MAX_DRIFT, landmark_fault
from emotalk.faces.steadiness import DOUBTFUL, measure_drift
from emotalk.faces.template import template_LP
from emotalk.faces.tracking import TrackingDetector
from emotalk.media.frames import read_video
from emotalk.media.image import read_image
from emotalk.schema import Bytes, Doubles, Floats
from tests.helpers.shared import shared_data


class Shifting:
    """Gives landmarks that follow the box by a share: 0 is steady, 1 sees nothing but the box."""

    def __init__(self, share: float) -> None:
        self.share = share

    def boxes(self, frame_HWC: Bytes) -> Doubles:
        return np.empty((0, 5))

    def landmarks(self, frame_HWC: Bytes, box: Doubles) -> Floats:
        middle = (box[:2] + box[2:4]) / 2 - 100
        return (template_LP() - 64 + 100 + self.share * middle).astype(np.float32)


@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
def test_drift_is_the_mean_move_in_units_of_the_face(share: float) -> None:
    frame = np.zeros((201, 201, 3), np.uint8)
    box = np.array([50.0, 50.0, 150.0, 150.0])
    found = FaceLandmarks(1, box, 0.9, Shifting(share).landmarks(frame, box))
    again = measure_drift(Shifting(share), frame, found)
    assert again.drift is not None
    # of five looks: the mirror's at the middle (0 but for the template's own asymmetry, below
    # 0.005), the larger box's 0, and three moved by (10, 5), (-5, -10) and (-5, 5) pixels
    wanted = share * (2 * np.hypot(0.1, 0.05) + np.hypot(0.05, 0.05)) / 5
    assert again.drift == pytest.approx(wanted, abs=0.005)


def test_nothing_is_measured_where_nothing_is_found() -> None:
    nothing = FaceLandmarks(0)
    assert measure_drift(Shifting(1), np.zeros((9, 9, 3), np.uint8), nothing) is nothing


@pytest.fixture(scope="module")
def detector() -> TrackingDetector:
    root = shared_data("data", "insightface")
    found: LandmarkDetector = build_landmark_detector(LandmarksConfig(pack="faces68", root=root))
    assert isinstance(found, TrackingDetector)
    return found


def pictures() -> list[Bytes]:
    names = (
        "eskimez_img01.png",
        "eskimez_img06.png",
        "liveportrait_s5.jpg",
        "sadtalker_full4.jpeg",
    )
    clips = ("grid/lbax4n.mpg", "grid/sbia1a.mpg", "wild/retalking_2.mp4")
    stills = [read_image(shared_data("data", "images", name)) for name in names]
    return stills + [next(read_video(shared_data("data", "clips", c)).at([20])) for c in clips]


def seen(detector: TrackingDetector, picture: Bytes) -> FaceLandmarks:
    return measure_drift(detector, picture, detector.detect([picture])[0])


def test_real_upright_faces_hold_still_also_tilted_grey_and_small(
    detector: TrackingDetector,
) -> None:
    for picture in pictures():
        height, width = picture.shape[:2]
        grey = np.repeat(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)[..., None], 3, axis=2)
        tilt = cv2.getRotationMatrix2D((width / 2, height / 2), 30, 1)
        tilted = cv2.warpAffine(picture, tilt, (width, height), borderMode=cv2.BORDER_REPLICATE)
        half = cv2.resize(picture, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
        for kind in (picture, grey, np.asarray(tilted), np.asarray(half)):
            face = seen(detector, kind.astype(np.uint8))
            assert face.drift is not None
            assert face.drift < DOUBTFUL
            assert landmark_fault(face, (kind.shape[0], kind.shape[1])) is None


def test_dark_faces_are_believed(detector: TrackingDetector) -> None:
    for picture in pictures():
        face = seen(detector, (picture * 0.15).astype(np.uint8))
        assert landmark_fault(face, (picture.shape[0], picture.shape[1])) is None


@pytest.mark.parametrize("quarters", [1, 2, 3])
def test_faces_that_do_not_stand_upright_are_not_believed(
    detector: TrackingDetector, quarters: int
) -> None:
    for picture in pictures():
        turned = np.ascontiguousarray(np.rot90(picture, quarters))
        face = seen(detector, turned)
        if not face.count:
            continue  # as good
        assert face.drift is not None
        assert face.drift > DOUBTFUL
        assert face.quarter_turns == 4 - quarters or face.drift > MAX_DRIFT
        assert landmark_fault(face, (turned.shape[0], turned.shape[1])) is not None
