"""The networks' training crops are aligned, labelled and moved together with its landmarks."""

import numpy as np
import pytest
import torch
from rich.progress import Progress

from emotalk.errors import WrongUse
from emotalk.pretrained.distort import distort
from emotalk.pretrained.held_out import landmark_figures
from emotalk.pretrained.landmark_net import LandmarkNet
from emotalk.pretrained.portraits import LEVELS, Portraits, draw_portraits
from emotalk.pretrained.train import fit, landmark_loss, train_networks
from emotalk.schema import EMOTIONS, MOUTH, Bytes
from emotalk.seeding import numpy_generator


def drawn(frames: int = 1) -> Portraits:
    return draw_portraits(1234, range(1), frames=frames, progress=lambda: None)


@pytest.fixture(scope="module")
def portraits() -> Portraits:
    return drawn()


def test_every_emotion_comes_at_every_level(portraits: Portraits) -> None:
    pairs = set(zip(portraits.emotion_N.tolist(), portraits.level_N.tolist(), strict=True))
    assert len(pairs) == len(portraits.frames_NHWC) == len(EMOTIONS) * len(LEVELS)


def test_crops_are_aligned_and_the_same_seed_gives_the_same(portraits: Portraits) -> None:
    mouth = portraits.landmarks_NLP[:, MOUTH].mean((0, 1))
    np.testing.assert_allclose(mouth, [64, 84], atol=12)
    again = drawn()
    np.testing.assert_array_equal(again.frames_NHWC, portraits.frames_NHWC)
    np.testing.assert_array_equal(again.landmarks_NLP, portraits.landmarks_NLP)


def spot(point: tuple[int, int]) -> Bytes:
    crop = np.full((128, 128, 3), 40, np.uint8)
    crop[point[1] - 2 : point[1] + 3, point[0] - 2 : point[0] + 3] = 220
    return crop


@pytest.mark.parametrize("draw", range(12))
def test_landmarks_move_with_the_picture(draw: int) -> None:
    point = (40 + 4 * draw, 90 - 3 * draw)
    landmarks = np.tile(np.array(point, np.float32), (68, 1))
    crop, moved = distort(spot(point), landmarks, numpy_generator(0, "spot", draw))
    bright = crop.astype(float).mean(2)
    weight = np.clip(bright - (bright.min() + 0.5 * np.ptp(bright)), 0, None)
    ys, xs = np.mgrid[:128, :128]
    found = np.array([(xs * weight).sum(), (ys * weight).sum()]) / weight.sum()
    np.testing.assert_allclose(found, moved[0], atol=0.5)
    assert np.abs(moved[0] - point).max() > 0.01


def test_a_few_steps_bring_the_landmarks_closer(portraits: Portraits) -> None:
    torch.manual_seed(0)
    net = LandmarkNet()
    before = landmark_figures(net.eval(), portraits, 0)["error_px"]
    with Progress(disable=True) as bar:
        fit(net, portraits, landmark_loss, 15, 0, bar)
    assert landmark_figures(net, portraits, 0)["error_px"] < 0.8 * before


def test_corpora_that_generators_learn_from_are_refused() -> None:
    with pytest.raises(
        WrongUse, match="seed 7: these networks are trained on corpora of seed 1000"
    ):
        train_networks(7, actors=1, held_out=1, landmark_steps=2, emotion_steps=2, output=None)  # type: ignore[arg-type]
