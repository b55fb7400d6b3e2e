"""The reconstruction loss is the mean absolute difference, one value a clip."""

import pytest
import torch

from emotalk.losses.reconstruction import l1


def test_each_clip_has_the_mean_of_its_own_differences() -> None:
    real = torch.zeros(2, 2, 3, 2, 2)
    fake = real.clone()
    fake[1, 0, 0, 0, 0] = -1.0  # one of 2 * 3 * 2 * 2 values
    fake[1, 1] = 0.5  # half of them
    assert l1(fake, real).tolist() == pytest.approx([0.0, (1 + 12 * 0.5) / 24])


def test_videos_of_other_shapes_or_in_bytes_are_refused() -> None:
    video = torch.zeros(1, 2, 3, 4, 4)
    with pytest.raises(ValueError, match="real_BTCHW: got shape"):
        l1(video, video[:, :1])
    with pytest.raises(ValueError, match=r"fake_BTCHW: got torch\.uint8"):
        l1(video.to(torch.uint8), video)
