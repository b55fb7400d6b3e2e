"""Samples whose bytes are not what they should be: read, or named as faulty; nothing else."""

import io
import pickle
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emotalk.shards.clip import read_window
from emotalk.shards.reader import DataFault, SampleReader
from emotalk.shards.sample_table import Sample
from emotalk.shards.shard_set import ShardSet
from tests.helpers.shard_set import (
    MadeClip,
    Members,
    frame_level,
    made_audio,
    made_clips,
    made_landmarks,
    made_members,
    write_shard_set,
)

CLIP = made_clips(1)[0]
WHOLE = made_members(CLIP)


class HandedReader(SampleReader):
    """Hands out the members it was given, whatever the tar holds."""

    members: Members

    def read(self, sample: Sample, members: Iterable[str]) -> dict[str, bytes]:
        """Return the members asked for."""
        return {name: self.members[name] for name in members}


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> HandedReader:
    folder = write_shard_set(tmp_path_factory.mktemp("set"), [("train", [CLIP])])
    return HandedReader(ShardSet.open(str(folder)))


def read(reader: HandedReader, **members: bytes) -> None:
    reader.members = WHOLE | {name.replace("_", "."): data for name, data in members.items()}
    sample = reader.shard_set.split("train").samples[0]
    clip = read_window(reader, sample, start=5, frames=12, extras=("neutral.png", "json"))
    assert clip.video_THWC.shape == (12, 128, 128, 3)
    assert clip.audio_S.shape == (CLIP.frames * 320,)
    assert clip.landmarks_TLP.shape == (12, 68, 2)
    assert np.isfinite(clip.landmarks_TLP).all()


@pytest.mark.parametrize("name", sorted(WHOLE))
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_damaged_bytes_are_read_or_named_and_raise_nothing_else(
    reader: HandedReader, name: str, data: st.DataObject
) -> None:
    damaged = bytearray(WHOLE[name])
    places = st.tuples(st.integers(0, len(damaged) - 1), st.integers(0, 255))
    for place, value in data.draw(st.lists(places, min_size=1, max_size=8)):
        damaged[place] = value
    del damaged[data.draw(st.integers(0, len(damaged)) | st.just(len(damaged))) :]
    try:
        read(reader, **{name: bytes(damaged)})
    except DataFault as fault:
        assert f"train-000000.tar, sample {CLIP.key}: " in str(fault)  # noqa: PT017 either will do


@pytest.mark.parametrize("name", sorted(WHOLE))
@settings(max_examples=30, deadline=None)
@given(data=st.binary(max_size=300))
def test_any_other_bytes_are_named(reader: HandedReader, name: str, data: bytes) -> None:
    if name == "json":
        return  # `{}` is an object like any other
    with pytest.raises(DataFault, match=f"sample {CLIP.key}: member {name}"):
        read(reader, **{name: data})


class Planted:
    """Makes a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Callable[[Path], None], tuple[Path]]:
        return Path.touch, (self.path,)


def test_nothing_is_ever_unpickled(reader: HandedReader, tmp_path: Path) -> None:
    """Neither where an array should be, nor under the names that webdataset would unpickle."""
    trap = pickle.dumps(Planted(tmp_path / "sprung"))
    objects = io.BytesIO()
    np.save(objects, np.array([Planted(tmp_path / "sprung")], object), allow_pickle=True)
    for data in (trap, objects.getvalue()):
        with pytest.raises(DataFault, match="not an array file of real numbers"):
            read(reader, landmarks_npy=data)

    def members(clip: MadeClip) -> Members:
        return made_members(clip) | dict.fromkeys(("pyd", "pickle", "pth", "cls", "ten"), trap)

    folder = write_shard_set(tmp_path / "set", [("train", [CLIP])], members_of=members)
    shard_set = ShardSet.open(str(folder))
    sample = shard_set.split("train").samples[0]
    extras = ("pyd", "pickle", "pth", "cls", "ten")
    read_window(SampleReader(shard_set), sample, start=0, frames=4, extras=extras)
    assert not (tmp_path / "sprung").exists()
    pickle.loads(trap)  # noqa: S301  our own
    assert (tmp_path / "sprung").exists()  # the trap was a real one


@pytest.mark.parametrize("dtype", ["<f2", "<f4", ">f4", "<f8"])
@pytest.mark.parametrize("order", ["C", "F"])
def test_arrays_of_real_numbers_are_read_as_numpy_reads_them(
    reader: HandedReader, dtype: str, order: str
) -> None:
    wanted = made_landmarks(CLIP)
    stored = io.BytesIO()
    np.save(stored, np.array(wanted, dtype, order="F" if order == "F" else "C"))
    reader.members = WHOLE | {"landmarks.npy": stored.getvalue()}
    sample = reader.shard_set.split("train").samples[0]
    clip = read_window(reader, sample, start=5, frames=12, extras=())
    np.testing.assert_array_equal(clip.landmarks_TLP, wanted[5:17])


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.zeros((30, 68, 3), np.float32), r"landmarks \(30, 68, 3\), the index says 30 frames"),
        (np.zeros((29, 68, 2), np.float32), r"landmarks \(29, 68, 2\), the index says 30 frames"),
        (np.full((30, 68, 2), np.nan, np.float32), "landmarks: there are values that are not"),
        (np.full((30, 68, 2), np.inf, np.float32), "landmarks: there are values that are not"),
        (np.zeros((30, 68, 2), np.int32), "not an array file of real numbers"),
        (np.zeros((), np.float32), r"landmarks \(\), the index says 30 frames"),
    ],
)
def test_landmarks_that_cannot_be_are_named(
    reader: HandedReader, array: np.ndarray, message: str
) -> None:
    stored = io.BytesIO()
    np.save(stored, array)
    with pytest.raises(DataFault, match=message):
        read(reader, landmarks_npy=stored.getvalue())


def test_an_array_header_that_promises_more_than_there_is_is_named(reader: HandedReader) -> None:
    data = WHOLE["landmarks.npy"].replace(b"(30, 68, 2)", b"(999999999, 68, 2)")
    with pytest.raises(DataFault, match="the array file is not as its header says"):
        read(reader, landmarks_npy=data)


def test_a_whole_clip_is_read_with_all_its_members(tmp_path: Path) -> None:
    made = made_clips(15)[14]
    shard_set = ShardSet.open(str(write_shard_set(tmp_path, [("train", made_clips(15))])))
    sample = shard_set.split("train").samples[14]
    extras = ("neutral.png", "json")
    clip = read_window(
        SampleReader(shard_set), sample, start=0, frames=sample.frames, extras=extras
    )
    levels = clip.video_THWC.mean(axis=(1, 2, 3))
    assert np.abs(levels - [frame_level(frame) for frame in range(made.frames)]).max() <= 2
    np.testing.assert_allclose(clip.audio_S, made_audio(made), atol=1e-4)
    assert clip.landmarks_TLP.shape == (made.frames, 68, 2)
    assert clip.neutral_HWC is not None
    assert clip.json == {"clip": "clip0014"}
    assert (clip.actor, clip.emotion, clip.intensity) == (made.actor, made.emotion, made.intensity)
