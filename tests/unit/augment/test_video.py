"""Pictures: each transform against an independent formulation, and one draw for a whole clip."""

import colorsys

import cv2
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from kornia.color import hsv_to_rgb, rgb_to_hsv
from skimage.color import hsv2rgb, rgb2hsv
from skimage.exposure import adjust_gamma
from torch import Tensor

from emotalk.augment.clahe import clahe, equalise_lightness
from emotalk.augment.hsv import shift_hsv
from emotalk.augment.video import VideoAugment, VideoDraw
from emotalk.config.augment import VideoAugmentConfig

NAMES = tuple(VideoAugmentConfig.model_fields)
KEYS = ("a", "b", "c", "d")


def config_of(**p: float) -> VideoAugmentConfig:
    return VideoAugmentConfig.model_validate({name: {"p": value} for name, value in p.items()})


def everything(p: float = 1.0) -> VideoAugmentConfig:
    return config_of(**dict.fromkeys(NAMES, p))


def still_clips(frames: int = 3) -> tuple[Tensor, Tensor]:
    """Return clips whose frames and condition image are all the same picture."""
    generator = torch.Generator().manual_seed(0)
    image_BCHW = torch.rand(4, 3, 128, 128, generator=generator)
    return image_BCHW.unsqueeze(1).repeat(1, frames, 1, 1, 1), image_BCHW


def augmented(
    config: VideoAugmentConfig,
    *,
    keys: tuple[str, ...] = KEYS,
    places: tuple[int, ...] = (0, 1, 2, 3),
    rows: slice = slice(None),
) -> tuple[Tensor, Tensor]:
    video, condition = still_clips()
    return VideoAugment(config)(
        video[rows], condition[rows], keys=keys[rows], places=places[rows], seed=7
    )


@pytest.mark.parametrize("name", [name for name in NAMES if name != "noise"])
def test_one_draw_holds_for_all_frames_and_the_condition_image(name: str) -> None:
    video, condition = augmented(config_of(**{name: 1.0}))
    assert torch.equal(video, condition.unsqueeze(1).expand_as(video))
    changes = (condition - still_clips()[1]).abs().mean(dim=(1, 2, 3))
    assert int((changes > 1e-4).sum()) >= 2  # a shuffle may leave the order as it is
    assert len({round(float(change), 6) for change in changes}) > 1


def test_noise_is_equally_strong_in_all_frames_and_fresh_in_each() -> None:
    video, condition = still_clips()
    video, condition = video * 0.2 + 0.4, condition * 0.2 + 0.4  # nothing reaches the clamp
    config = config_of(noise=1.0)
    changed, still = VideoAugment(config)(video, condition, keys=KEYS, places=(0, 1, 2, 3), seed=7)
    field = torch.cat([changed - video, (still - condition).unsqueeze(1)], dim=1)
    for row, (key, place) in enumerate(zip(KEYS, range(4), strict=True)):
        wanted = VideoDraw.of(config, 7, place, key).noise
        spread = field[row].flatten(1).std(dim=1)
        assert torch.allclose(spread, torch.full_like(spread, wanted or 0.0), rtol=0.02)
    for first, second in [(0, 1), (1, 2), (2, 3)]:
        pair = torch.stack([field[:, first].flatten(), field[:, second].flatten()])
        assert abs(float(torch.corrcoef(pair)[0, 1])) < 0.02


def test_draws_do_not_depend_on_which_rank_holds_the_clip() -> None:
    whole_video, whole_condition = augmented(everything())
    for row in range(4):
        video, condition = augmented(everything(), rows=slice(row, row + 1))
        assert torch.equal(video[0], whole_video[row])
        assert torch.equal(condition[0], whole_condition[row])


def test_a_clip_is_changed_in_another_way_each_time_it_comes() -> None:
    first, _ = augmented(everything())
    again, _ = augmented(everything())
    later, _ = augmented(everything(), places=(4, 5, 6, 7))
    assert torch.equal(first, again)
    assert not torch.equal(first, later)


def test_a_transforms_probability_changes_nothing_about_the_others() -> None:
    alone = VideoDraw.of(config_of(gamma=1.0), 1, 2, "k")
    all_of_them = VideoDraw.of(everything(), 1, 2, "k")
    assert alone.gamma == all_of_them.gamma
    assert alone.hue is None


def test_probabilities_and_ranges_are_met() -> None:
    config = VideoAugmentConfig.model_validate({"hue": {"p": 0.3, "range": [-10, 30]}})
    hues = [VideoDraw.of(config, 0, place, "k").hue for place in range(3000)]
    drawn = [hue for hue in hues if hue is not None]
    assert len(drawn) / 3000 == pytest.approx(0.3, abs=0.03)
    assert min(drawn) >= -10
    assert max(drawn) <= 30
    assert np.mean(drawn) == pytest.approx(10, abs=1.5)


def on_its_own(name: str, value: object) -> tuple[np.ndarray, np.ndarray]:
    """Return a picture and what one transform alone makes of it, both (H, W, 3) in [0, 1]."""
    tree = {"p": 1} | ({} if value is None else {"range": [value, value]})
    config = VideoAugmentConfig.model_validate({name: tree})
    image = torch.rand(1, 3, 128, 128, generator=torch.Generator().manual_seed(3))
    video, still = VideoAugment(config)(image.unsqueeze(1), image, keys=("k",), places=(1,), seed=2)
    assert torch.equal(video[0, 0], still[0])
    return image[0].permute(1, 2, 0).numpy(), still[0].permute(1, 2, 0).numpy()


@pytest.mark.parametrize("value", [-0.3, 0.0, 0.2])
def test_brightness_is_added(value: float) -> None:
    image, changed = on_its_own("brightness", value)
    np.testing.assert_allclose(changed, np.clip(image + value, 0, 1), atol=1e-6)


@pytest.mark.parametrize("value", [0.5, 1.0, 1.4])
def test_contrast_is_multiplied(value: float) -> None:
    image, changed = on_its_own("contrast", value)
    np.testing.assert_allclose(changed, np.clip(image * value, 0, 1), atol=1e-6)


@pytest.mark.parametrize("value", [0.6, 1.0, 1.7])
def test_gamma_is_scikit_images(value: float) -> None:
    image, changed = on_its_own("gamma", value)
    np.testing.assert_allclose(changed, adjust_gamma(image, value), atol=1e-6)


@pytest.mark.parametrize(
    ("name", "axis", "value"),
    [("hue", 0, 33.0), ("hue", 0, -120.0), ("saturation", 1, 0.1), ("value", 2, -0.07)],
)
def test_hue_saturation_and_value_are_shifted_in_scikit_images_hsv(
    name: str, axis: int, value: float
) -> None:
    image, changed = on_its_own(name, value)
    hsv = rgb2hsv(image)
    shifted = hsv[..., axis] + (value / 360 if axis == 0 else value)
    hsv[..., axis] = shifted % 1 if axis == 0 else np.clip(shifted, 0, 1)
    np.testing.assert_allclose(changed, hsv2rgb(hsv), atol=1e-5)


def test_each_channel_is_shifted_by_its_own_number() -> None:
    config = VideoAugmentConfig.model_validate({"rgb_shift": {"p": 1, "range": [-0.1, 0.1]}})
    drawn = VideoDraw.of(config, 2, 1, "k").rgb_shift
    image = torch.rand(1, 3, 8, 8, generator=torch.Generator().manual_seed(3)) * 0.5 + 0.25
    _, still = VideoAugment(config)(image.unsqueeze(1), image, keys=("k",), places=(1,), seed=2)
    assert drawn is not None
    assert len(set(drawn)) == 3
    np.testing.assert_allclose((still - image)[0].mean(dim=(1, 2)).numpy(), drawn, atol=1e-6)


def test_shuffled_channels_are_the_same_channels() -> None:
    image, changed = on_its_own("channel_shuffle", None)
    found = [
        next(n for n in range(3) if np.array_equal(changed[..., channel], image[..., n]))
        for channel in range(3)
    ]
    config = VideoAugmentConfig.model_validate({"channel_shuffle": {"p": 1}})
    assert tuple(found) == VideoDraw.of(config, 2, 1, "k").channels
    orders = {VideoDraw.of(config, 2, place, "k").channels for place in range(200)}
    assert len(orders) == 6


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 2**31), size=st.sampled_from([0.0, 0.5, 1.0]))
def test_pictures_stay_within_their_range(seed: int, size: float) -> None:
    video, condition = (images[:1] * size for images in still_clips(1))
    changed, still = VideoAugment(everything())(
        video, condition, keys=("k",), places=(seed,), seed=seed
    )
    for images in (changed, still):
        assert bool(torch.isfinite(images).all())
        assert float(images.min()) >= 0
        assert float(images.max()) <= 1


def test_nothing_is_drawn_where_every_probability_is_zero() -> None:
    config = VideoAugmentConfig()
    assert not config.enabled
    assert config_of(clahe=0.1).enabled
    video, condition = augmented(config)
    assert torch.equal(video, still_clips()[0])
    assert torch.equal(condition, still_clips()[1])


@pytest.mark.parametrize(
    ("hue", "saturation", "value"),
    [(0, 0, 0), (40, 0, 0), (-170, 0, 0), (0, 0.3, 0), (0, -0.3, 0.1), (25, 0.2, -0.2), (0, 0, 1)],
)
def test_hsv_shifts_equal_two_conversions(hue: float, saturation: float, value: float) -> None:
    frames = torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(1))
    hsv = rgb_to_hsv(frames)
    hsv[:, 0] += np.radians(hue)
    hsv[:, 1] = (hsv[:, 1] + saturation).clamp(0, 1)
    hsv[:, 2] = (hsv[:, 2] + value).clamp(0, 1)
    shifted = shift_hsv(frames, hue=hue, saturation=saturation, value=value)
    assert (shifted - hsv_to_rgb(hsv)).abs().max() < 1e-5


@given(st.tuples(*[st.floats(0, 1)] * 3), st.floats(-180, 180), st.floats(-1, 1), st.floats(-1, 1))
@settings(max_examples=200, deadline=None)
def test_hsv_shifts_equal_the_standard_librarys(
    rgb: tuple[float, float, float], hue: float, saturation: float, value: float
) -> None:
    h, s, v = colorsys.rgb_to_hsv(*rgb)
    grey = max(rgb) - min(rgb) < 1e-4
    if grey:
        return  # no hue to keep: see the next test
    wanted = colorsys.hsv_to_rgb(
        (h + hue / 360) % 1, min(max(s + saturation, 0), 1), min(max(v + value, 0), 1)
    )
    pixel = torch.tensor(rgb, dtype=torch.float64).view(1, 3, 1, 1)
    shifted = shift_hsv(pixel, hue=hue, saturation=saturation, value=value).flatten()
    np.testing.assert_allclose(shifted.numpy(), wanted, atol=1e-6)


def test_grey_stays_grey_whatever_the_saturation() -> None:
    grey = torch.full((1, 3, 4, 4), 0.5)
    for hue in (0.0, 30.0):
        shifted = shift_hsv(grey, hue=hue, saturation=0.4, value=0.1)
        assert torch.allclose(shifted, torch.full_like(grey, 0.6))
    assert not shift_hsv(torch.zeros(1, 3, 4, 4), hue=10, saturation=1, value=0).any()


@pytest.mark.parametrize("clip_limit", [1.0, 1.7, 4.0, 40.0])
@pytest.mark.parametrize("tiles", [1, 2, 4, 8, 16])
def test_clahe_equals_opencvs_up_to_its_rounding(clip_limit: float, tiles: int) -> None:
    random = np.random.default_rng(0)
    ramp = np.add.outer(np.arange(128), np.arange(128)).astype(np.uint8)
    noise = random.integers(0, 256, (128, 128), np.uint8)
    flat = random.integers(100, 120, (128, 128)).astype(np.uint8)
    levels = np.stack([ramp, noise, flat, np.full((128, 128), 77, np.uint8)])
    reference = cv2.createCLAHE(clip_limit, (tiles, tiles))
    wanted = np.stack([reference.apply(image) for image in levels])
    found = clahe(torch.from_numpy(levels).int(), clip_limit=clip_limit, tiles=tiles)
    assert np.abs(found.numpy() - wanted).max() <= 0.501


def test_equalisation_keeps_the_colour_differences() -> None:
    frames = torch.rand(2, 3, 128, 128, generator=torch.Generator().manual_seed(2)) * 0.2 + 0.4
    changed = equalise_lightness(frames, clip_limit=2.0, tiles=8)
    inside = ((changed > 0) & (changed < 1)).all(dim=1)
    for first, second in [(0, 1), (1, 2)]:
        before = (frames[:, first] - frames[:, second])[inside]
        after = (changed[:, first] - changed[:, second])[inside]
        assert (before - after).abs().max() < 1e-5
    assert float(changed.std()) > 1.2 * float(frames.std())


def test_both_ways_of_counting_a_histogram_agree() -> None:
    """GPUs add ones where CPUs count: the same whole numbers."""
    levels_NHW = torch.randint(0, 256, (2, 16, 16), dtype=torch.int32)
    bins = levels_NHW.view(-1)
    counts = torch.zeros(256).scatter_add_(0, bins.long(), torch.ones(bins.shape))
    assert torch.equal(counts, torch.bincount(bins, minlength=256).to(torch.float32))
