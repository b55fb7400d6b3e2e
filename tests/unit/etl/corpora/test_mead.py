"""MEAD: labels come from paths, nested or flat."""

from pathlib import Path

import pytest

from etl.corpora import list_clips
from tests.helpers.corpora import config, touch


def test_mead_is_read_by_its_paths(tmp_path: Path) -> None:
    touch(
        tmp_path,
        "M003/video/front/angry/level_3/001.mp4",
        "M003/audio/angry/level_3/001.m4a",
        "M003/video/front/neutral/level_1/002.mp4",
        "M003/video/left_30/angry/level_3/001.mp4",
        "W009/video/front/contempt/level_2/001.mp4",
        "W009/video/front/bored/level_2/001.mp4",
    )
    listing = list_clips(config("mead", tmp_path))
    labels = {clip.label.key: clip for clip in listing.clips}
    assert set(labels) == {"M003_front_angry_level_3_001", "M003_front_neutral_level_1_002"}
    angry = labels["M003_front_angry_level_3_001"]
    assert (angry.label.actor, angry.label.emotion, angry.label.intensity) == ("M003", "anger", 1.0)
    assert angry.audio == tmp_path / "M003/audio/angry/level_3/001.m4a"
    assert labels["M003_front_neutral_level_1_002"].label.intensity is None
    assert [r.clip for r in listing.rejected] == ["W009/video/front/bored/level_2/001.mp4"]
    assert listing.left_out == 2
    eight = list_clips(config("mead", tmp_path, emotions="mead8", views=["front", "left_30"]))
    assert {clip.label.emotion for clip in eight.clips} == {"anger", "neutral", "contempt"}
    assert len(eight.clips) == 4


def test_mead_copied_into_one_folder_is_read_by_its_names(tmp_path: Path) -> None:
    touch(
        tmp_path,
        "M003_front_angry_level_3_001.mp4",
        "M003_angry_level_3_001.m4a",
        "test/W009_left_30_sad_level_1_030.mp4",
        "test/W009_left_30_sad_level_1_030.m4a",
        "other.mp4",
    )
    listing = list_clips(config("mead", tmp_path, views=["front", "left_30"]))
    assert {clip.label.key: clip.audio for clip in listing.clips} == {
        "M003_front_angry_level_3_001": tmp_path / "M003_angry_level_3_001.m4a",
        "W009_left_30_sad_level_1_030": tmp_path / "test/W009_left_30_sad_level_1_030.m4a",
    }
    assert [r.clip for r in listing.rejected] == ["other.mp4"]


@pytest.mark.parametrize(
    ("video", "sound", "key"),
    [
        ("M003/front/angry/level_3/001.mp4", None, "M003_front_angry_level_3_001"),
        (
            "MEAD/M003/video/down/sad/level_1/002.mp4",
            "MEAD/M003/audio/sad/level_1/002.m4a",
            "M003_down_sad_level_1_002",
        ),
        (
            "M005/front/angry/level_1/M005_front_angry_level_1_001.mp4",
            "M005/audio/angry/level_1/001.m4a",
            "M005_front_angry_level_1_001",
        ),
        ("W028_front_angry_level3_001.mp4", "W028_angry_level3_001.m4a",
         "W028_front_angry_level_3_001"),
        ("M003_angry_3_024.mp4", "M003_angry_3_024.m4a", "M003_front_angry_level_3_024"),
        ("x/M003_happy_L2_002.mp4", "x/M003_happy_L2_002.m4a", "M003_front_happy_level_2_002"),
        ("M003_left_30_fear_level_2_002.mp4", None, "M003_left_30_fear_level_2_002"),
    ],
)  # fmt: skip
def test_the_names_and_folders_that_people_give_mead_are_all_read(
    tmp_path: Path, video: str, sound: str | None, key: str
) -> None:
    touch(tmp_path, video, *([] if sound is None else [sound]))
    views = ["front", "down", "top", "left_30", "left_60", "right_30", "right_60"]
    (clip,) = list_clips(config("mead", tmp_path, views=views)).clips
    assert (clip.label.key, clip.label.clip) == (key, video)
    assert clip.label.extra["level"] in key
    assert clip.audio == (None if sound is None else tmp_path / sound)


def test_a_video_of_another_kind_among_mead_s_is_counted_as_unknown(tmp_path: Path) -> None:
    touch(tmp_path, "M003/video/front/angry/level_3/001.mp4")
    touch(tmp_path, "M003/video/front/angry/level_3/002.MOV", "notes.txt")
    listing = list_clips(config("mead", tmp_path))
    assert [r.clip for r in listing.rejected] == ["M003/video/front/angry/level_3/002.MOV"]


def test_folders_that_are_links_are_walked_into_and_circles_are_not(tmp_path: Path) -> None:
    disk = touch(tmp_path / "disk", "video/front/angry/level_3/001.mp4")
    root = tmp_path / "mead"
    root.mkdir()
    (root / "M003").symlink_to(disk)
    (disk / "video" / "back").symlink_to(root)
    listing = list_clips(config("mead", root))
    assert [clip.label.key for clip in listing.clips] == ["M003_front_angry_level_3_001"]
