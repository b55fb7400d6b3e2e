"""Compute the loss of mouth shapes that are read from speech."""

import torch
from torch import Tensor

from emotalk.losses.checks import check_floats
from emotalk.schema import LANDMARKS, MOUTH, MOUTH_POINTS, OUTER_EYE_CORNERS


def mouth_shapes(landmarks_BTLP: Tensor) -> Tensor:
    """Return landmarks 48..67 (B, T, 20, 2) around their centre, in percent of the eyes' distance.

    The centre is each frame's, so that moves of the head do not count; the distance of the outer
    eye corners is the mean of the window, so that its noise does not. In percent the lips' motion
    is of the order of 1: a head that starts with outputs of that size need not shrink its input.
    """
    check_floats(landmarks_BTLP, f"B T {LANDMARKS} 2", "landmarks_BTLP")
    left, right = OUTER_EYE_CORNERS
    eyes_BT: Tensor = torch.linalg.vector_norm(
        landmarks_BTLP[:, :, left] - landmarks_BTLP[:, :, right], dim=-1
    )
    mouth_BTLP = landmarks_BTLP[:, :, MOUTH]
    centred_BTLP = mouth_BTLP - mouth_BTLP.mean(dim=2, keepdim=True)
    shapes_BTLP: Tensor = 100 * centred_BTLP / eyes_BT.mean(dim=1)[:, None, None, None].clamp_min(1)
    return shapes_BTLP


def mouth_shape_loss(read_BTLP: Tensor, landmarks_BTLP: Tensor) -> Tensor:
    """Return the mean absolute error of the mouth's motion (B,), in percent of the eyes' distance.

    Both shapes count as differences from their own mean over the window: people's lips differ at
    rest, which no speech can tell.

    Args:
        read_BTLP: shapes that were read from the speech, (B, T, 20, 2).
        landmarks_BTLP: the true landmarks (B, T, 68, 2) in pixels.
    """
    true_BTLP = mouth_shapes(landmarks_BTLP)
    batch, frames = true_BTLP.shape[:2]
    check_floats(read_BTLP, f"{batch} {frames} {MOUTH_POINTS} 2", "read_BTLP")
    difference = (read_BTLP - read_BTLP.mean(dim=1, keepdim=True)) - (
        true_BTLP - true_BTLP.mean(dim=1, keepdim=True)
    )
    return difference.abs().mean(dim=(1, 2, 3))
