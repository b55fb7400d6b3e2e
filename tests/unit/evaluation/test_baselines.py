"""The baselines that need no generator."""

import numpy as np
from skimage.metrics import peak_signal_noise_ratio

from emotalk.evaluation.baselines import reencode, repeat
from tests.helpers.evaluation_clips import noise_frames


def test_a_reencoded_video_has_the_true_one_s_frames_at_crf_23() -> None:
    frames = noise_frames(1, 7)
    again = reencode(frames)
    assert again.shape == frames.shape
    psnr = peak_signal_noise_ratio(frames / 255.0, again / 255.0, data_range=1.0)
    assert 25 < psnr < 45
    assert not np.array_equal(again, frames)


def test_the_repeated_frame_is_the_condition_in_every_frame() -> None:
    image = noise_frames(2, 1)[0]
    video = repeat(image, 7)
    assert video.shape == (7, *image.shape)
    assert (video == image).all()
