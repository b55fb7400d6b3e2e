"""Augmentation varies lips and speech within bounds, leaves time alone and obeys its generator."""

import numpy as np
import torch

from emotalk.lip_sync.augment import MIRRORED, stretch, vary_lips, vary_speech
from emotalk.lip_sync.features import lip_distances, lip_shapes, power_spectra
from tests.helpers.talking_clips import talking_clip


def clip() -> tuple[torch.Tensor, torch.Tensor]:
    landmarks_TLP, speech_S = talking_clip("lrwp9a")
    return lip_shapes(landmarks_TLP), power_spectra(speech_S)


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def correlation(first: torch.Tensor, second: torch.Tensor) -> float:
    return float(np.corrcoef(first, second)[0, 1])


def test_the_mirror_image_exchanges_the_sides_of_the_mouth() -> None:
    assert sorted(MIRRORED) == list(range(20))
    assert [MIRRORED[MIRRORED[point]] for point in range(20)] == list(range(20))
    lips, _ = clip()
    mirrored = lips[:, list(MIRRORED)] * torch.tensor([-1.0, 1.0])
    assert float((mirrored.mean(0) - lips.mean(0)).abs().max()) < 0.2  # a mouth is symmetrical
    exchanged = [*range(10), 11, 10]  # left and right height
    np.testing.assert_allclose(
        lip_distances(mirrored), lip_distances(lips)[:, exchanged], atol=1e-5
    )


def test_lips_stay_a_mouth_that_opens_at_the_same_times() -> None:
    lips, _ = clip()
    varied = vary_lips(lips.expand(24, -1, -1, -1), generator())
    assert varied.shape == (24, *lips.shape)
    before = lip_distances(lips)[:, 1]
    alike = [correlation(before, lip_distances(each)[:, 1]) for each in varied]
    assert np.median(alike) > 0.6
    assert max(alike) < 0.999


def test_speech_keeps_its_times() -> None:
    _, power = clip()
    varied = vary_speech(power.expand(24, -1, -1), generator())
    assert varied.shape == (24, *power.shape)
    assert bool((varied >= 0).all())
    before = torch.log(power.sum(1) + 1e-3)
    alike = [correlation(before, torch.log(each.sum(1) + 1e-3)) for each in varied]
    assert np.median(alike) > 0.6


def test_a_room_answers_after_the_sound_alone() -> None:
    click = torch.zeros(64, 100, 129)
    click[:, 40] = 1.0
    varied = vary_speech(click, generator())
    quiet = varied[:, :40].mean((1, 2))
    tail = varied[:, 42:52].mean((1, 2))
    assert float((tail / quiet).median()) < 1.5  # most rooms are dry
    assert float((tail / quiet).max()) > 3


def test_the_same_generator_gives_the_same() -> None:
    lips, power = clip()
    for vary, given in ((vary_lips, lips), (vary_speech, power)):
        batch = given[None].repeat(3, *[1] * given.ndim)
        assert torch.equal(vary(batch, generator(1)), vary(batch, generator(1)))
        assert not torch.equal(vary(batch, generator(1)), vary(batch, generator(2)))


def test_fast_speech_is_shorter_and_stays_in_step() -> None:
    lips, power = clip()
    fast_lips, fast_power = stretch(lips, power, 1.25)
    assert (len(fast_lips), len(fast_power)) == (60, 240)
    np.testing.assert_allclose(fast_lips[20], lips[25], atol=0.03)
    loud, fast_loud = power.sum(1), fast_power.sum(1)
    assert abs(int(fast_loud.argmax()) * 1.25 - int(loud.argmax())) <= 3
