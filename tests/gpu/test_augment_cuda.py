"""Augmentation on a GPU draws what it draws on the CPU, and computes it alike."""

import pytest
import torch

from emotalk.augment.video import VideoAugment
from tests.unit.augment.test_video import KEYS, NAMES, config_of, still_clips

PLACES = (0, 1, 2, 3)


@pytest.mark.parametrize("name", [name for name in NAMES if name != "noise"])
def test_pictures_come_out_alike_on_both(name: str) -> None:
    augment = VideoAugment(config_of(**{name: 1.0}))
    video, condition = still_clips()
    here = augment(video.clone(), condition, keys=KEYS, places=PLACES, seed=7)
    there = augment(video.cuda(), condition.cuda(), keys=KEYS, places=PLACES, seed=7)
    for ours, theirs in zip(here, there, strict=True):
        assert torch.allclose(theirs.cpu(), ours, atol=2e-3)


def test_noise_is_equally_strong_on_both() -> None:
    """Its field comes from the device's own generator, so the pixels differ."""
    augment = VideoAugment(config_of(noise=1.0))
    video, condition = (torch.full_like(part, 0.5) for part in still_clips())
    here, _ = augment(video.clone(), condition, keys=KEYS, places=PLACES, seed=7)
    there, _ = augment(video.cuda(), condition.cuda(), keys=KEYS, places=PLACES, seed=7)
    deviations = [part.std(dim=(1, 2, 3, 4)).cpu() for part in (here, there)]
    assert torch.allclose(deviations[0], deviations[1], rtol=0.02)
