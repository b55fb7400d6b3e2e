"""Several shard sets are read as one, and nothing of one is taken for another's."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from emotalk.config.shards import ShardSource
from emotalk.errors import WrongUse
from emotalk.shards.joined_set import JoinedSet, open_shards
from emotalk.shards.reader import SampleReader
from emotalk.shards.shard_set import ShardSet
from tests.helpers.shard_set import (
    MadeClip,
    Members,
    empty_members,
    made_clips,
    rewrite_manifest,
    write_shard_set,
)


def written(folder: Path, corpus: str | None, said: str = "", **config: Any) -> Path:
    """Write a set of four clips with the keys and actors of every other one."""

    def members(clip: MadeClip) -> Members:
        return empty_members(clip) | {"mp4": said.encode() or b"v"}

    clips = made_clips(4)
    shards = [("train", clips[:1]), ("train", clips[1:3]), ("val", clips[3:])]
    write_shard_set(folder, shards, members_of=members)
    named = config if corpus is None else {"corpus": corpus, **config}
    rewrite_manifest(folder, lambda tree: tree.update(config=named))
    return folder


def joined(folders: Sequence[Path], weights: Sequence[float | None] = ()) -> JoinedSet:
    given = [*weights, *[None] * (len(folders) - len(weights))]
    sources = [ShardSource(path=str(f), weight=w) for f, w in zip(folders, given, strict=True)]
    opened = open_shards(sources)
    assert isinstance(opened, JoinedSet)
    return opened


@pytest.fixture
def folders(tmp_path: Path) -> list[Path]:
    """Two sets whose clips and actors have the same names, and other bytes."""
    return [
        written(tmp_path / "one", "mead", "of mead"),
        written(tmp_path / "two", "crema_d", "of crema_d"),
    ]


def test_one_source_is_the_set_itself(folders: list[Path]) -> None:
    opened = open_shards([ShardSource(path=str(folders[0]), weight=0.3)])
    assert isinstance(opened, ShardSet)
    assert opened.digest == ShardSet.open(str(folders[0])).digest


def test_equal_names_are_other_clips_and_other_people(folders: list[Path]) -> None:
    both = joined(folders)
    samples = both.split("train").samples
    assert [s.key for s in samples] == [
        *(f"crema_d.clip000{n}" for n in range(3)),
        *(f"mead.clip000{n}" for n in range(3)),
    ]
    assert [s.actor for s in samples[::3]] == ["crema_d.a0", "mead.a0"]
    assert len({s.shard for s in samples}) == 4
    reader = SampleReader(both, verify=True)
    read = [reader.read(sample, ("mp4",))["mp4"] for sample in samples]
    assert read == [b"of crema_d"] * 3 + [b"of mead"] * 3


def test_neither_the_order_given_nor_the_place_decides_anything(
    folders: list[Path], tmp_path: Path
) -> None:
    before = joined(folders, [0.4])
    read = before.split("train")
    moved = folders[0].rename(tmp_path / "moved")
    after = joined([folders[1], moved], [None, 0.4])
    assert after.split("train") == read
    assert (after.names, after.weights) == (before.names, before.weights)
    assert after.digest == before.digest


def test_the_digest_is_of_every_set_and_weight(folders: list[Path], tmp_path: Path) -> None:
    third = written(tmp_path / "third", "folder")
    pair = joined(folders)
    others = [
        joined([*folders, third]),
        joined([folders[0], third]),
        joined(folders, [0.4]),
        joined(folders, [0.4, 0.6]),
    ]
    assert len({pair.digest, *(other.digest for other in others)}) == 5
    rewrite_manifest(folders[0], lambda tree: tree.update(run={"seconds": 3}))
    assert joined(folders).digest == pair.digest
    rewrite_manifest(folders[0], lambda tree: tree["shards"][0].update(sha256="0" * 64))
    assert joined(folders).digest != pair.digest


@pytest.mark.parametrize("corpus", ["mead", None, 7, "../x", "A B"])
def test_sets_of_one_corpus_are_told_apart_by_their_manifests(tmp_path: Path, corpus: Any) -> None:
    folders = [written(tmp_path / name, corpus, name) for name in "ab"]
    both = joined(folders)
    begins = "mead-" if corpus == "mead" else "set-"
    assert sorted(both.names) == sorted(
        begins + ShardSet.open(str(folder)).digest[:12] for folder in folders
    )
    assert len({sample.key for sample in both.split("train").samples}) == 6


def test_the_same_set_twice_is_refused_also_as_a_copy(folders: list[Path], tmp_path: Path) -> None:
    copy = written(tmp_path / "copy", "mead", "of mead")
    for twice in ([folders[0], folders[0]], [folders[0], folders[1], copy]):
        with pytest.raises(WrongUse, match=rf"{folders[0]} and .* are the same set"):
            joined(twice)


@pytest.mark.parametrize(
    ("setting", "value", "usual"),
    [
        ("size", 256, "128"),
        ("fps", 30, "25"),
        ("sample_rate", 16000, "8000"),
        ("template", "other.csv", "template_68"),
        ("align", "every_frame", "first_frame"),
    ],
)
def test_crops_of_another_geometry_are_refused_with_both_values(
    folders: list[Path], tmp_path: Path, setting: str, value: Any, usual: str
) -> None:
    third = written(tmp_path / "third", "folder", **{setting: value})
    with pytest.raises(WrongUse) as caught:
        joined([folders[0], third])
    said = str(caught.value)
    assert f"{setting} is '{usual}" in said or f"{setting} is {usual}" in said
    assert f"in {folders[0]}, {value!r} in {third}" in said
    joined([folders[0], written(tmp_path / "same", "folder", align="first_frame")])


def test_a_set_without_the_split_is_named_or_passed_over(
    folders: list[Path], tmp_path: Path
) -> None:
    training = write_shard_set(tmp_path / "train-only", [("train", made_clips(2))])
    both = joined([folders[0], training])
    with pytest.raises(WrongUse, match=f"{training}: no split 'val'"):
        both.split("val")
    (found,) = both.splits("val", of_all=False)
    assert found[0].location == str(folders[0])
    assert [sample.key for sample in found[1].samples] == ["mead.clip0003"]
    assert both.split_names == ("train", "val")


def test_a_missing_tar_and_an_unknown_folder_are_named_with_their_set(
    folders: list[Path], tmp_path: Path
) -> None:
    (folders[0] / "train-000001.tar").unlink()
    both = joined(folders)
    (fault,) = both.check_sizes(both.split("train"))
    assert fault.startswith(f"{folders[0]}/train-000001.tar is missing")
    with pytest.raises(WrongUse, match="nowhere: no such folder"):
        joined([folders[0], tmp_path / "nowhere"])


def test_a_masked_address_is_asked_for_by_its_place_in_the_list(folders: list[Path]) -> None:
    sources = [ShardSource(path=str(folders[0])), ShardSource(path="https://***@host/set")]
    with pytest.raises(WrongUse, match=r"shards\.1\.path=\.\.\."):
        open_shards(sources)
