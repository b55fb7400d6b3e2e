"""Lips, brows and head: a still has none, half the motion half, and each sees its own part."""

import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import pdist

from emotalk.faces.template import template_LP
from emotalk.metrics.face_motion import (
    brow_dynamics,
    head_motion,
    landmark_jitter,
    lip_dynamics,
    lip_speed,
)
from emotalk.schema import Doubles

FRAMES = 50
EYES = float(np.linalg.norm(template_LP()[36] - template_LP()[45]))
FIGURES: dict[str, Callable[[Doubles], float]] = {
    "lip_dynamics": lip_dynamics,
    "lip_speed": lambda points: lip_speed(points, template_LP()),
    "brow_dynamics": brow_dynamics,
    "head_motion": lambda points: head_motion(points, template_LP()),
    "jitter": landmark_jitter,
}


def still() -> Doubles:
    return np.repeat(template_LP()[None], FRAMES, 0)


def wave(frames_a_turn: float, pixels: float = 1.0) -> Doubles:
    return np.asarray(pixels * np.sin(2 * np.pi * np.arange(FRAMES) / frames_a_turn))


def talking(pixels: float, frames_a_turn: float = 10) -> Doubles:
    """Return a face whose lower lip moves down and up."""
    points = still()
    points[:, [55, 56, 57, 58, 59, 65, 66, 67], 1] += wave(frames_a_turn, pixels)[:, None]
    return points


def raising(pixels: float) -> Doubles:
    points = still()
    points[:, 17:27, 1] -= wave(25, pixels)[:, None]
    return points


def moved(points: Doubles, scale: float, turn: float, x: float, y: float) -> Doubles:
    c, s = math.cos(turn), math.sin(turn)
    return np.asarray(scale * points @ np.array([[c, s], [-s, c]]) + (x, y))


@pytest.mark.parametrize("name", FIGURES)
def test_a_still_has_none(name: str) -> None:
    assert FIGURES[name](still()) == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize(
    ("name", "video"),
    [("lip_dynamics", talking), ("lip_speed", talking), ("brow_dynamics", raising)],
)
def test_half_the_motion_has_half_the_figure(name: str, video: Callable[[float], Doubles]) -> None:
    whole, half = FIGURES[name](video(2.0)), FIGURES[name](video(1.0))
    assert whole > 0.01
    assert half / whole == pytest.approx(0.5, abs=0.08)  # distances are not linear in the opening


def test_lip_dynamics_is_the_root_of_thevals_variance_of_pairwise_distances() -> None:
    points = talking(2.0) + np.random.default_rng(0).normal(0, 0.3, (FRAMES, 68, 2))
    distances = np.stack([pdist(frame[48:68]) for frame in points])
    eyes = np.mean([math.dist(frame[36], frame[45]) for frame in points])
    assert lip_dynamics(points) == pytest.approx(math.sqrt((distances / eyes).var(0).mean()))


def test_a_slow_mouth_has_the_same_dynamics_and_a_lower_speed() -> None:
    quick, slow = talking(2.0, 12.5), talking(2.0, 25)
    assert lip_dynamics(slow) == pytest.approx(lip_dynamics(quick), rel=0.02)
    ratio = FIGURES["lip_speed"](slow) / FIGURES["lip_speed"](quick)
    assert 0.4 < ratio < 0.6


def test_the_speed_of_the_head_is_its_way_by_the_second() -> None:
    points = still()
    points[:, :, 0] += np.arange(FRAMES)[:, None]  # a pixel a frame
    assert FIGURES["head_motion"](points) == pytest.approx(25 / EYES)
    assert FIGURES["jitter"](points) == pytest.approx(0, abs=1e-9)


def test_jitter_is_the_mean_length_of_the_second_difference() -> None:
    points = still()
    points[::2, :, 1] += 1.0  # up and down: a second difference of two pixels
    assert landmark_jitter(points) == pytest.approx(100 * 2 / EYES)


def test_each_figure_sees_its_own_part_of_the_face() -> None:
    for name in ("brow_dynamics", "head_motion", "jitter"):
        assert FIGURES[name](talking(3.0)) == pytest.approx(0, abs=1e-9), name
    for name in ("lip_dynamics", "lip_speed", "head_motion", "jitter"):
        assert FIGURES[name](raising(3.0)) == pytest.approx(0, abs=1e-9), name
    blinking = still()
    blinking[::7, [37, 38, 40, 41, 43, 44, 46, 47], 1] += 1.0
    for name, figure in FIGURES.items():
        assert figure(blinking) == pytest.approx(0, abs=1e-9), name


@settings(max_examples=20, deadline=None)
@given(scale=st.floats(0.3, 3), turn=st.floats(-1, 1), x=st.floats(-50, 50), y=st.floats(-50, 50))
def test_place_size_and_turn_of_the_face_do_not_matter(
    scale: float, turn: float, x: float, y: float
) -> None:
    points = talking(2.0) + raising(2.0) - still()
    points[:, :, 0] += wave(20)[:, None]
    for name, figure in FIGURES.items():
        assert figure(moved(points, scale, turn, x, y)) == pytest.approx(
            figure(points), rel=1e-6
        ), name


def test_a_moving_head_does_not_move_the_lips() -> None:
    points = talking(2.0)
    swaying = np.stack(
        [
            moved(frame[None], 1.0, 0.1 * a, 3 * a, 0)[0]
            for frame, a in zip(points, wave(20), strict=True)
        ]
    )
    for name in ("lip_dynamics", "lip_speed", "brow_dynamics"):
        assert FIGURES[name](swaying) == pytest.approx(FIGURES[name](points), abs=1e-6), name


@pytest.mark.parametrize("name", FIGURES)
def test_frames_without_a_face_are_left_out(name: str) -> None:
    points = talking(2.0) + raising(2.0) - still()
    points[:, :, 1] += np.arange(FRAMES)[:, None] * 0.2
    whole = FIGURES[name](points)
    points[20:23] = np.nan
    assert FIGURES[name](points) == pytest.approx(whole, rel=0.15, abs=1e-9)
    assert math.isnan(FIGURES[name](np.full((FRAMES, 68, 2), np.nan)))
    assert math.isnan(FIGURES[name](still()[:5]))
    assert math.isnan(FIGURES[name](still()[:1]))


def test_points_of_another_kind_are_refused() -> None:
    with pytest.raises(ValueError, match="axis 68"):
        lip_dynamics(np.zeros((3, 5, 2)))
