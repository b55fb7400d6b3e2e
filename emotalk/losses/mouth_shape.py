"""Compute the loss of mouth shapes that are predicted from speech."""

import torch
from torch import Tensor

from emotalk.losses.checks import check_floats
from emotalk.schema import LANDMARKS, MOUTH, MOUTH_POINTS, OUTER_EYE_CORNERS


def mouth_shapes(landmarks_BTLP: Tensor) -> Tensor:
    """Return landmarks 48..67 (B, T, 20, 2) around their centre, in percent of the eyes' distance.

    Each frame has its own centre, so that moves of the head do not count. The distance is that of
    the outer eye corners, averaged over the frames, so that its noise counts little. In percent the
    lips' motion is of the order of 1, as are the outputs of a linear layer when training starts.

    Args:
        landmarks_BTLP: (B, T, 68, 2) in pixels.
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


def mouth_shape_loss(predicted_BTLP: Tensor, landmarks_BTLP: Tensor) -> Tensor:
    """Return the mean absolute error of the mouth's motion (B,), in percent of the eyes' distance.

    Motion is the difference of a shape from its own mean over the frames, because the shape of a
    person's lips at rest cannot be predicted from speech.

    Args:
        predicted_BTLP: shapes that were predicted from speech, (B, T, 20, 2), as `mouth_shapes`.
        landmarks_BTLP: the true landmarks (B, T, 68, 2) in pixels.

    Source: ours.
    """
    true_BTLP = mouth_shapes(landmarks_BTLP)
    batch, frames = true_BTLP.shape[:2]
    check_floats(predicted_BTLP, f"{batch} {frames} {MOUTH_POINTS} 2", "predicted_BTLP")
    difference = (predicted_BTLP - predicted_BTLP.mean(dim=1, keepdim=True)) - (
        true_BTLP - true_BTLP.mean(dim=1, keepdim=True)
    )
    return difference.abs().mean(dim=(1, 2, 3))
