"""The example reads our shards with WebDataset alone, and loses what the README says."""

from pathlib import Path

import numpy as np
import pytest

from emotalk.shards.clip import read_window
from emotalk.shards.names import JSON_MEMBER
from emotalk.shards.reader import SampleReader
from emotalk.shards.shard_set import ShardSet
from examples.read_with_webdataset import read
from tests.helpers.shard_set import made_clips, made_members, textured_video, write_shard_set

ROOT = Path(__file__).parents[3]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    clips = made_clips(9, frames=(12, 15))
    shards = [("train", clips[:5]), ("train", clips[5:7]), ("val", clips[7:])]
    return write_shard_set(
        tmp_path, shards, members_of=lambda clip: made_members(clip, textured_video(clip))
    )


def test_it_yields_what_our_reader_reads(folder: Path) -> None:
    shard_set = ShardSet.open(str(folder))
    reader = SampleReader(shard_set)
    found = {sample["__key__"]: sample for sample in read(str(folder), "train")}
    samples = shard_set.split("train").samples
    assert sorted(found) == [sample.key for sample in samples]
    for sample in samples:
        clip = read_window(reader, sample, start=0, frames=sample.frames, extras=(JSON_MEMBER,))
        stock = found[sample.key]
        np.testing.assert_allclose(stock["mp4"].astype(int), clip.video_THWC, atol=2)
        np.testing.assert_array_equal(stock["flac"], clip.audio_S)
        np.testing.assert_array_equal(stock["landmarks.npy"], clip.landmarks_TLP)
        assert stock["json"] == clip.json


def test_a_tar_that_was_cut_off_between_samples_passes_unnoticed(folder: Path) -> None:
    """Which is why our loader compares every read with the index."""
    shard_set = ShardSet.open(str(folder))
    third = shard_set.split("train").samples[2]
    end = min(offset for offset, _ in third.members.values()) - 512
    with (folder / "train-000000.tar").open("r+b") as tar:
        tar.truncate(end)
    assert len([*read(str(folder), "train")]) == 4
    (fault,) = ShardSet.open(str(folder)).check_sizes(shard_set.split("train"))
    assert "train-000000.tar has" in fault


def test_the_readme_shows_the_example_as_it_is() -> None:
    code = (ROOT / "examples/read_with_webdataset.py").read_text(encoding="utf-8")
    readme = (ROOT / "emotalk/data/README.md").read_text(encoding="utf-8")
    assert f"```python\n{code}```" in readme
