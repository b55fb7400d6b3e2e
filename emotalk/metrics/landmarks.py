"""Compute distances between landmarks, with Procrustes alignment (NLMD) and without.

A frame without a face has NaN landmarks. It is left out of the means and counted.
"""

from collections.abc import Sequence
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from emotalk.schema import LANDMARKS, MOUTH, OUTER_EYE_CORNERS, SIZE, Doubles, check_shape

Points: TypeAlias = NDArray[np.float32] | NDArray[np.float64]


class LandmarkDistance(NamedTuple):
    """Distance of one clip's landmarks from the true ones.

    Attributes:
        nlmd: mean over frames and points after Procrustes alignment, in sides of the crop (times
            128: template pixels); NaN without a comparable frame.
        nlmd_mouth: as `nlmd`, aligned by all points, but the mean of the mouth's (48..67) alone.
        nlmd_iod: mean L2 distance without alignment, divided by the true outer-eye distance; NaN
            without a comparable frame.
        missed_share: share of frames left out because one of the videos has no face.
    """

    nlmd: float
    nlmd_mouth: float
    nlmd_iod: float
    missed_share: float


def procrustes_align(points_TLP: Points, template_LP: Points) -> Doubles:
    """Return each frame's points aligned to the template by all of them; see `align_by`."""
    return align_by(points_TLP, template_LP, range(len(template_LP)))


def align_by(points_TLP: Points, template_LP: Points, by: Sequence[int]) -> Doubles:
    """Return each frame's points aligned to the template by some of them, (T, L, 2) float64.

    Each frame gets its own least-squares similarity, without reflection. With points as complex
    numbers z and w about their means it is w = a z with a = sum(conj(z) w) / sum |z|^2.

    Args:
        points_TLP: landmarks; a frame with NaN gives NaN.
        template_LP: the target; the result is in its units.
        by: indices of the points that fix the similarity; it moves all points.

    Raises:
        ValueError: shapes do not fit, or all points of a frame coincide.

    Source: Gower 1975; in the plane the rotation needs no singular values.
    """
    sizes = check_shape(points_TLP, "T L 2", "landmarks")
    check_shape(template_LP, f"{sizes['L']} 2", "template")
    points, template = _complex(points_TLP), _complex(template_LP)
    chosen = list(by)
    middle, goal = points[:, chosen].mean(1, keepdims=True), template[chosen].mean()
    centred, wanted = points[:, chosen] - middle, template[chosen] - goal
    spread = np.square(np.abs(centred)).sum(1)
    if (spread == 0).any():
        raise ValueError(f"landmarks: all points of frame {int(spread.argmin())} coincide")
    with np.errstate(invalid="ignore"):  # frames without a face
        turn = (centred.conj() * wanted).sum(1) / spread
    aligned = (points - middle) * turn[:, None] + goal
    return np.stack([aligned.real, aligned.imag], -1)


def nlmd_per_frame(points_TLP: Points, truth_TLP: Points, template_LP: Points) -> Doubles:
    """Return the normalised landmark distance of every frame, (T,); NaN where a face is missing.

    Both sets are aligned to the template, then the L2 distance is averaged over points. The unit is
    the crop's side, so 0.01 is 1.28 template pixels. The template is in pixels of the crop.

    Source: the report, section "Objective evaluation" (which states no unit).
    """
    return np.asarray(_aligned_distances(points_TLP, truth_TLP, template_LP).mean(1))


def nlmd_iod_per_frame(points_TLP: Points, truth_TLP: Points) -> Doubles:
    """Return the mean L2 distance over the true outer-eye distance of every frame, (T,).

    Without alignment, so head motion counts. The original report's scripts computed this.
    """
    check_shape(truth_TLP, " ".join(map(str, points_TLP.shape)), "true landmarks")
    truth = np.asarray(truth_TLP, np.float64)
    distance_T = np.linalg.norm(np.asarray(points_TLP, np.float64) - truth, axis=-1).mean(1)
    return np.asarray(distance_T / outer_eye_distance(truth))


def landmark_distance(
    points_TLP: Points, truth_TLP: Points, template_LP: Points
) -> LandmarkDistance:
    """Return the clip's distances, over the frames in which both videos show a face.

    Raises:
        ValueError: the points are not the 68 of a face.
    """
    check_shape(points_TLP, f"T {LANDMARKS} 2", "landmarks")
    found_T = np.isfinite(points_TLP).all((1, 2)) & np.isfinite(truth_TLP).all((1, 2))
    if not found_T.any():
        return LandmarkDistance(float("nan"), float("nan"), float("nan"), 1.0)
    points, truth = points_TLP[found_T], truth_TLP[found_T]
    distances_TL = _aligned_distances(points, truth, template_LP)
    return LandmarkDistance(
        nlmd=float(distances_TL.mean()),
        nlmd_mouth=float(distances_TL[:, MOUTH].mean()),
        nlmd_iod=float(nlmd_iod_per_frame(points, truth).mean()),
        missed_share=float(1 - found_T.mean()),
    )


def outer_eye_distance(points_TLP: Points) -> Doubles:
    """Return the distance of the outer eye corners of every frame, (T,), in pixels."""
    right, left = OUTER_EYE_CORNERS
    return np.asarray(
        np.linalg.norm(points_TLP[:, right] - points_TLP[:, left], axis=-1), np.float64
    )


def _aligned_distances(points_TLP: Points, truth_TLP: Points, template_LP: Points) -> Doubles:
    """Return each point's distance from the true one after alignment, (T, L), in crop sides."""
    check_shape(truth_TLP, " ".join(map(str, points_TLP.shape)), "true landmarks")
    moved = procrustes_align(points_TLP, template_LP) - procrustes_align(truth_TLP, template_LP)
    return np.asarray(np.linalg.norm(moved, axis=-1) / SIZE)


def _complex(points: Points) -> NDArray[np.complex128]:
    doubles = np.asarray(points, np.float64)
    return np.asarray(doubles[..., 0] + 1j * doubles[..., 1])
