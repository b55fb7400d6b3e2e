"""The loss of mouth shapes that are read from speech."""

import numpy as np
import pytest
import torch

from emotalk.faces.template import template_LP
from emotalk.losses.mouth_shape import mouth_shape_loss, mouth_shapes

EYES = float(np.linalg.norm(template_LP()[36] - template_LP()[45]))


def talking(frames: int = 6) -> torch.Tensor:
    """Return landmarks (1, T, 68, 2) whose lower inner lip sinks by one pixel a frame."""
    landmarks = torch.tensor(np.repeat(template_LP()[None, None], frames, 1)).double()
    landmarks[0, :, 66, 1] += torch.arange(frames)
    return landmarks


def test_the_error_of_a_still_reading_is_the_mean_motion_of_the_true_mouth() -> None:
    found = mouth_shape_loss(torch.zeros(1, 6, 20, 2).double(), talking())
    sinking_T = (
        100 * np.arange(6.0) / EYES
    )  # of one of 20 points; the centre takes a twentieth of it
    points_TL = np.zeros((6, 20))
    points_TL[:, 18] = sinking_T
    points_TL -= points_TL.mean(1, keepdims=True)
    expected = np.abs(points_TL - points_TL.mean(0)).mean() / 2  # x does not move
    assert float(found) == pytest.approx(expected, rel=1e-5)


def test_a_right_reading_has_no_error_also_with_other_lips_at_rest() -> None:
    other_lips = torch.randn(20, 2, generator=torch.Generator().manual_seed(0)).double()
    read = mouth_shapes(talking()) + other_lips
    assert float(mouth_shape_loss(read, talking())) == pytest.approx(0, abs=1e-9)


def test_moves_of_the_head_do_not_count() -> None:
    moving = talking() + torch.linspace(-8, 8, 6).double()[None, :, None, None]
    assert torch.allclose(mouth_shapes(moving), mouth_shapes(talking()))


def test_each_clip_has_its_own_error() -> None:
    still = torch.tensor(np.repeat(template_LP()[None, None], 6, 1)).double()
    both = torch.cat([still, talking()])
    errors = mouth_shape_loss(torch.zeros(2, 6, 20, 2).double(), both)
    assert errors[0] < 1e-9 < errors[1]


def test_a_reading_of_another_length_is_refused() -> None:
    with pytest.raises(ValueError, match="predicted_BTLP"):
        mouth_shape_loss(torch.zeros(1, 5, 20, 2), talking().float())
