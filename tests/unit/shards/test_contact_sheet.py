"""The contact sheet: a row for each emotion, white where there is no further clip."""

from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image

from emotalk.shards.contact_sheet import COLUMNS, write_sheet
from emotalk.shards.reader import SampleReader
from emotalk.shards.shard_set import ShardSet
from tests.helpers.shard_set import made_clips, write_shard_set


def test_a_single_clip_stands_in_a_row_that_is_white_behind_it(tmp_path: Path) -> None:
    folder = write_shard_set(tmp_path / "set", [("train", made_clips(1))])
    shard_set = ShardSet.open(str(folder))
    write_sheet(tmp_path / "sheet.png", SampleReader(shard_set), shard_set.split("train").samples)
    sheet = np.asarray(Image.open(tmp_path / "sheet.png").convert("RGB"))
    width = sheet.shape[1] // COLUMNS
    assert (sheet[:256, :width] != 255).any()
    assert (sheet[:256, width + 8 :] == 255).all()


def test_without_samples_no_file_is_written(tmp_path: Path) -> None:
    folder = write_shard_set(tmp_path / "set", [("train", made_clips(1))])
    write_sheet(tmp_path / "sheet.png", SampleReader(ShardSet.open(str(folder))), [])
    assert not (tmp_path / "sheet.png").exists()


def test_clips_of_unknown_emotion_have_a_row_of_their_own(tmp_path: Path) -> None:
    first, second = made_clips(2)
    clips = [first, replace(second, emotion=None)]
    shard_set = ShardSet.open(str(write_shard_set(tmp_path / "set", [("train", clips)])))
    write_sheet(tmp_path / "sheet.png", SampleReader(shard_set), shard_set.split("train").samples)
    write_sheet(tmp_path / "one.png", SampleReader(shard_set), shard_set.split("train").samples[:1])
    both, one = (np.asarray(Image.open(tmp_path / name)) for name in ("sheet.png", "one.png"))
    assert both.shape[0] == 2 * one.shape[0]
