"""A new shot is found where it begins; light, motion, cameras and encoders begin none."""

from itertools import pairwise

import cv2
import numpy as np
import pytest

from emotalk.media.frames import read_video
from emotalk.schema import Bytes, Floats
from etl.clip.picture_change import BLOCK, HEIGHT, WIDTH, Thumbnail
from etl.clip.shot_changes import ShotChange, ShotChanges
from tests.helpers.shared import shared_data
from tests.helpers.shots import ALTERATIONS, dissolve, hard_cut, through_black


def scene(seed: int, *, frames: int = 50) -> Bytes:
    """Return frames of a cloudy picture in which something round swings."""
    rng = np.random.default_rng(seed)
    noise = rng.normal(0, 1, (96, 128, 3)).astype(np.float32)
    clouds = np.asarray(cv2.GaussianBlur(noise, (0, 0), 6))
    still = (120 + 45 * clouds / clouds.std()).clip(0, 255).astype(np.uint8)
    moving = np.repeat(still[None], frames, 0)
    for number in range(frames):
        x = int(64 + 12 * np.sin(number / 12))
        cv2.circle(moving[number], (x, 50), 9, (180, 140, 120), -1)
    return moving


def found(frames_THWC: Bytes) -> list[ShotChange]:
    shots = ShotChanges()
    return [shots.found for frame in frames_THWC if shots.add(frame) and shots.found is not None]


def test_one_shot_is_one() -> None:
    assert found(scene(0)) == []


def test_a_cut_is_found_at_its_frame_with_its_value() -> None:
    joined, _ = hard_cut(scene(0, frames=30), scene(1))
    (change,) = found(joined)
    assert (change.last, change.first) == (29, 30)
    assert 0.25 < change.value <= 1


def test_the_frame_of_the_cut_is_the_one_that_is_told_of() -> None:
    dark = (scene(1) * 0.9).astype(np.uint8)  # not lighter, so that no flash is waited for
    shots = ShotChanges()
    told = [shots.add(frame) for frame in np.concatenate([scene(0, frames=30), dark])]
    assert [number for number, new in enumerate(told) if new] == [30]


def test_an_expression_that_sets_in_on_two_fifths_of_a_still_picture_begins_no_shot() -> None:
    rng = np.random.default_rng(3)
    one, other = rng.normal(0, 1, (2, HEIGHT, WIDTH))
    face = np.zeros((HEIGHT, WIDTH), np.bool_)
    face[:BLOCK, : 3 * BLOCK] = face[BLOCK : 2 * BLOCK, BLOCK : 3 * BLOCK] = True
    changed = np.where(face, 0.8 * one + 0.6 * other, one)
    frames = [*[one] * 12, *[changed] * 12]
    assert 0.018 < Thumbnail(_levels(one)).change_to(Thumbnail(_levels(changed))).whole < 0.25
    large = [
        np.repeat(_levels(frame)[..., None] + 128, 3, 2).repeat(4, 0).repeat(4, 1)
        for frame in frames
    ]
    assert found(np.stack(large).clip(0, 255).astype(np.uint8)) == []


def _levels(texture: Floats) -> Floats:
    return (30 * texture).astype(np.float32)


@pytest.mark.parametrize("name", ALTERATIONS)
def test_light_motion_and_cameras_begin_no_shot(name: str) -> None:
    assert found(ALTERATIONS[name](scene(2, frames=75))) == []


def test_a_picture_that_comes_back_after_two_odd_frames_is_the_same_shot() -> None:
    scenes = scene(0), (scene(1) * 0.7).astype(np.uint8)
    odd = [
        (scenes[0][30] * (1 - share) + scenes[1][30] * share).astype(np.uint8)
        for share in (0.4, 0.62)
    ]
    ways = [Thumbnail.of(frame) for frame in (scenes[0][29], *odd, scenes[0][32])]
    steps = [one.change_to(other).whole for one, other in pairwise(ways)]
    assert steps[0] < 0.25
    assert steps[1] < 0.25 < steps[2]
    assert found(np.concatenate([scenes[0][27:30], np.stack(odd), scenes[0][32:]])) == []


def test_a_camera_that_pans_far_within_a_frame_begins_no_shot() -> None:
    wide = np.concatenate([scene(seed, frames=1)[0] for seed in (5, 6, 7)], axis=1)
    wide = np.asarray(cv2.GaussianBlur(wide, (0, 0), 2))
    panned = [wide[:, left : left + 128] for left in (*[0] * 9, *range(0, 240, 18))]
    assert found(np.stack(panned)) == []


def test_what_is_found_in_a_lighter_shot_is_its_first_frame_though_it_is_told_later() -> None:
    light = (scene(1).astype(np.int64) + 40).clip(0, 255).astype(np.uint8)
    shots = ShotChanges()
    told = [shots.add(frame) for frame in np.concatenate([scene(0, frames=30), light])]
    assert told.index(True) in range(31, 34)
    assert shots.found is not None
    assert (shots.found.last, shots.found.first) == (29, 30)


@pytest.mark.parametrize("frames", [6, 12, 20])
def test_a_dissolve_is_found_once_when_it_has_ended(frames: int) -> None:
    joined, allowed = dissolve(scene(0), scene(1), frames=frames)
    (change,) = found(joined)
    assert change.first in allowed
    assert change.last <= 50 - frames + 2


def test_a_fade_through_black_to_another_scene_is_found_and_to_the_same_one_is_not() -> None:
    joined, allowed = through_black(scene(0), scene(1))
    (change,) = found(joined)
    assert change.first in allowed
    assert found(through_black(scene(0), scene(0))[0]) == []


def test_a_small_jump_counts_only_where_all_was_calm() -> None:
    calm = np.repeat(scene(0, frames=1), 30, 0)
    other = (0.8 * calm + 0.2 * scene(3, frames=1)).astype(np.uint8)
    assert Thumbnail.of(calm[0]).change_to(Thumbnail.of(other[0])).whole < 0.25
    assert [change.first for change in found(np.concatenate([calm, other]))] == [30]
    unrest = [(calm, other)[number % 2][0] for number in range(60)]
    assert found(np.stack(unrest)) == []


def test_the_limit_decides() -> None:
    joined, _ = hard_cut(scene(0, frames=3), scene(1, frames=5))
    for limit, number in ((0.1, 1), (0.99, 0)):
        shots = ShotChanges(limit)
        assert sum(shots.add(frame) for frame in joined) == number


def test_a_change_is_one_minus_the_correlation_of_blocks() -> None:
    rng = np.random.default_rng(0)
    one = rng.normal(100, 15, (HEIGHT, WIDTH)).astype(np.float32)
    assert change(one, one) == pytest.approx(0, abs=1e-6)
    assert change(one, 0.5 * one + 20) == pytest.approx(0, abs=1e-5)
    assert change(one, np.roll(one, (2, -3), (0, 1))) < 0.2  # but for what left the picture
    half = one.copy()
    half[:, : WIDTH // 2] = rng.normal(100, 15, (HEIGHT, WIDTH // 2))
    blocks = WIDTH // BLOCK * (HEIGHT // BLOCK)
    assert blocks == 12
    lost = change(one, half)
    assert 0.3 < lost < 0.5  # of half the blocks, but for what chance finds nearby


def test_blank_pictures_are_no_shots() -> None:
    assert found(np.zeros((20, 90, 120, 3), np.uint8)) == []
    joined = np.concatenate([np.zeros((5, 96, 128, 3), np.uint8), scene(0)])
    assert found(joined) == []


@pytest.mark.parametrize("size", [(8, 8), (37, 2000), (480, 640), (2000, 37)])
def test_frames_of_any_size_are_taken(size: tuple[int, int]) -> None:
    rows, columns = size
    resized = [cv2.resize(frame, (columns, rows)) for frame in scene(0, frames=6)]
    assert found(np.stack(resized).astype(np.uint8)) == []


def test_real_speakers_are_one_shot_and_two_of_them_are_two() -> None:
    folder = shared_data("data", "clips")
    one, other = (
        np.stack(list(read_video(folder / name)))
        for name in ("grid/sbwe5n.mpg", "grid_s1/s1_pbwj5a.mpg")
    )
    for frames in (one, other):
        assert found(frames) == []
    joined, _ = hard_cut(one[:30], other[10:30])
    assert [change.first for change in found(joined)] == [30]
    joined, allowed = dissolve(one[:40], other, frames=10)
    (change,) = found(joined)
    assert change.first in allowed


def test_most_cuts_to_another_take_of_the_same_man_are_found() -> None:
    folder = shared_data("data", "clips", "grid_s1")
    takes = [np.stack(list(read_video(path))) for path in sorted(folder.glob("*.mpg"))]
    joined = [hard_cut(one[:30], other[20:40])[0] for one, other in pairwise(takes)]
    firsts = [[change.first for change in found(frames)] for frames in joined]
    assert firsts.count([30]) >= 0.8 * len(joined)
    assert firsts.count([30]) + firsts.count([]) == len(joined)


def test_the_cut_of_the_cleaning_folder_is_found_and_the_good_clip_is_one_shot() -> None:
    folder = shared_data("data", "faults", "cleaning")
    assert found(np.stack(list(read_video(folder / "good.mp4")))) == []
    assert len(found(np.stack(list(read_video(folder / "cut_two_people.mp4"))))) == 1


def change(one: Floats, other: Floats) -> float:
    return Thumbnail(one).change_to(Thumbnail(other)).whole
