"""The picture of a face that is compared between frames does not depend on the head's motion."""

import cv2
import numpy as np
import pytest

from emotalk.faces.face_track import face_patch
from emotalk.faces.shape import transform_points
from emotalk.faces.template import template_LP
from tests.helpers.squares import SIDE, drawn


@pytest.mark.parametrize(("turn", "scale"), [(0.0, 1.0), (25.0, 0.7), (-40.0, 1.6)])
def test_the_compared_picture_is_the_same_wherever_and_however_the_face_is_held(
    turn: float, scale: float
) -> None:
    frame = cv2.GaussianBlur(drawn((1, 120, 90)), (0, 0), 2)
    shape_LP = (template_LP() / 128 * SIDE + (120, 90)).astype(np.float32)
    moved = cv2.getRotationMatrix2D((152, 122), turn, scale)
    moved[:, 2] += 13.7, -8.2
    elsewhere = cv2.warpAffine(frame, moved, (320, 240))
    there_LP = transform_points(moved, shape_LP.astype(np.float64)).astype(np.float32)
    pictures = (face_patch(frame, shape_LP), face_patch(elsewhere, there_LP))
    assert float(np.vdot(*pictures)) > 0.98
    assert float(np.vdot(pictures[0], face_patch(elsewhere, shape_LP + 25))) < 0.5
