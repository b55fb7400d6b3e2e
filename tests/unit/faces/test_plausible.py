"""Landmarks that form a face, and those that do not; shapes by hand, no model."""

import numpy as np
import pytest
from scipy.spatial import procrustes

from emotalk.faces.landmarks import FaceLandmarks
from emotalk.faces.plausible import landmark_fault, shape_fault
from emotalk.faces.shape import transform_points
from emotalk.faces.template import MIRRORED, template_LP
from emotalk.schema import Doubles

SIZE = (400, 400)


def turned(degrees: float, *, scale: float = 1.0) -> Doubles:
    """Return the template turned about its middle, in the middle of a picture of `SIZE`."""
    angle = np.radians(degrees)
    cosine, sine = scale * np.cos(angle), scale * np.sin(angle)
    points = template_LP() - 64.0
    moved: Doubles = points @ np.array([[cosine, sine], [-sine, cosine]]) + 200.0
    return moved


def seen_from_the_side(degrees: float) -> Doubles:
    """Return the template's face turned about its long axis: a half ellipsoid, seen from afar."""
    points = template_LP() - template_LP().mean(0)
    reach = np.abs(points).max(0) * 1.05
    depth = 35 * np.sqrt(np.clip(1 - ((points / reach) ** 2).sum(1), 0, 1))
    depth[27:36] += 12  # the nose stands out
    angle = np.radians(degrees)
    points[:, 0] = points[:, 0] * np.cos(angle) + depth * np.sin(angle)
    moved: Doubles = points + 200.0
    return moved


def face(points_LP: Doubles, **more: float) -> FaceLandmarks:
    box = np.concatenate([points_LP.min(0), points_LP.max(0)])
    drift, turns = more.get("drift"), int(more.get("turns", 0))
    return FaceLandmarks(
        1, box, 0.9, points_LP.astype(np.float32), (box,), drift=drift, quarter_turns=turns
    )


@pytest.mark.parametrize("degrees", [0, 20, -20, 45, -45, 70, -70])
@pytest.mark.parametrize("scale", [0.2, 1.0, 2.0])
def test_a_tilted_face_of_any_size_is_one(degrees: float, scale: float) -> None:
    assert landmark_fault(face(turned(degrees, scale=scale)), SIZE) is None


@pytest.mark.parametrize("degrees", [15, -15, 30, -30, 45, -45, 60, -60])
def test_a_face_seen_from_the_side_is_one(degrees: float) -> None:
    assert landmark_fault(face(seen_from_the_side(degrees)), SIZE) is None


@pytest.mark.parametrize(("degrees", "said"), [(90, "90"), (-90, "90"), (180, "180"), (150, "150")])
def test_eyes_must_be_above_the_mouth(degrees: float, said: str) -> None:
    assert f"turned by {said} degrees" in str(landmark_fault(face(turned(degrees)), SIZE))


def test_points_in_another_order_are_no_face() -> None:
    points = turned(0)
    mixed = points[np.random.default_rng(0).permutation(68)]
    mirrored = points * (-1, 1) + (400, 0)  # left and right of the face exchanged
    relabelled = mirrored[list(MIRRORED)]
    assert "off the shape of a face" in str(shape_fault(mixed))
    assert "off the shape of a face" in str(shape_fault(mirrored))
    assert shape_fault(relabelled) is None


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_points_that_are_no_numbers_are_no_face(value: float) -> None:
    points = turned(0)
    points[5, 1] = value
    assert "not finite" in str(shape_fault(points))
    assert "all points are one" in str(shape_fault(np.full((68, 2), 7.0)))


def test_the_bound_of_the_error_is_the_template_s_distance_in_crop_pixels() -> None:
    points = turned(0) + np.random.default_rng(1).normal(0, 4, (68, 2))
    _, _, disparity = procrustes(template_LP(), points)  # of shapes brought to norm 1
    norm = np.linalg.norm(template_LP() - template_LP().mean(0))
    error_px = norm * np.sqrt(disparity / 68)
    assert f"are {error_px:.1f} crop pixels" in str(shape_fault(points, max_error=error_px - 0.01))
    assert shape_fault(points, max_error=error_px + 0.01) is None


@pytest.mark.parametrize("move", [(-190, 0), (190, 0), (0, -190), (0, 190)])
def test_eyes_nose_and_mouth_must_lie_inside_the_picture(move: tuple[float, float]) -> None:
    assert landmark_fault(face(turned(0)), SIZE) is None
    moved = transform_points(np.array([[1.0, 0, move[0]], [0, 1, move[1]]]), turned(0))
    jaw_alone = turned(0) - (200 - 64 + 25.6 + 4, 0)  # its left side lies 4 pixels outside
    assert "points of eyes, nose and mouth lie outside" in str(landmark_fault(face(moved), SIZE))
    assert landmark_fault(face(jaw_alone), SIZE) is None


def test_half_a_shape_pressed_against_the_border_is_cut() -> None:
    points = turned(0)
    nose = points[27:36, 0].mean()
    pressed = points.copy()
    left = pressed[:, 0] < nose
    pressed[left, 0] = nose + (pressed[left, 0] - nose) * 0.3
    pressed[:, 0] -= pressed[:, 0].min() - 1
    assert "cut by the picture's left border" in str(landmark_fault(face(pressed), SIZE))
    mirrored = (pressed * (-1, 1) + (399, 0))[list(MIRRORED)]
    assert "cut by the picture's right border" in str(landmark_fault(face(mirrored), SIZE))
    assert (
        landmark_fault(face(pressed + np.array([150, 0])), SIZE) is None
    )  # turned, away from borders
    away = pressed - (pressed[:, 0].max() - 399, 0)  # its far side is the narrow one
    assert landmark_fault(face(away), SIZE) is None


def test_landmarks_that_move_when_looked_for_again_are_not_believed() -> None:
    assert landmark_fault(face(turned(0), drift=0.079), SIZE) is None
    assert "move by 0.081" in str(landmark_fault(face(turned(0), drift=0.081), SIZE))
    assert landmark_fault(face(turned(0), drift=0.081), SIZE, max_drift=0.09) is None


@pytest.mark.parametrize(
    ("turns", "words"), [(1, "90 degrees to the left"), (2, "180"), (3, "90 degrees to the right")]
)
def test_a_face_that_is_upright_after_a_turn_is_not_as_it_stands(turns: int, words: str) -> None:
    assert words in str(landmark_fault(face(turned(0), turns=turns), SIZE))
