"""The noise of a frame depends on its number alone."""

import torch

from emotalk.models.noise_encoder import frame_noise


def test_noise_depends_on_the_frames_number_alone() -> None:
    whole = frame_noise(1, clip="a", first=0, frames=9, features=4)
    piece = frame_noise(1, clip="a", first=3, frames=4, features=4)
    torch.testing.assert_close(whole[:, 3:7], piece)
    assert not torch.equal(whole, frame_noise(1, clip="b", first=0, frames=9, features=4))
    assert not torch.equal(whole[:, 0], whole[:, 1])
    many = frame_noise(0, clip="a", first=0, frames=500, features=8)
    assert abs(float(many.mean())) < 0.1
    assert abs(float(many.std()) - 1) < 0.05
