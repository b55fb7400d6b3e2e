"""What is refused before a run, and what a read finds out."""

import json
import os
import shutil
import tarfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest
import webdataset

from emotalk.errors import WrongUse
from emotalk.shards import shard_set, storage
from emotalk.shards.manifest import ShardEntry
from emotalk.shards.read_once import Value
from emotalk.shards.reader import DataFault, SampleReader
from emotalk.shards.shard_set import ShardSet
from tests.helpers.shard_set import (
    empty_members,
    made_clips,
    made_members,
    rewrite_index,
    rewrite_manifest,
    write_shard_set,
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    clips = made_clips(6)
    shards = [("train", clips[:2]), ("train", clips[2:4]), ("val", clips[4:])]
    return write_shard_set(tmp_path / "set", shards, members_of=empty_members)


def test_members_are_read_from_where_the_index_says(folder: Path) -> None:
    shard_set = ShardSet.open(str(folder))
    sample = shard_set.split("train").samples[3]
    assert sample.key == "clip0003"
    assert SampleReader(shard_set).read(sample, ["json", "mp4"]) == {"json": b"{}", "mp4": b"v"}


@pytest.mark.parametrize("together", [1, 2, 5, 6])
def test_indexes_that_are_read_in_parts_give_every_sample_in_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, together: int
) -> None:
    clips = made_clips(10)
    shards = [("train", clips[n : n + 2]) for n in range(0, 10, 2)]
    folder = write_shard_set(tmp_path / "set", shards, members_of=empty_members)
    monkeypatch.setattr(shard_set, "READ_TOGETHER", together)
    samples = ShardSet.open(str(folder)).split("train").samples
    assert [sample.key for sample in samples] == [clip.key for clip in clips]
    assert [sample.shard for sample in samples] == [n // 2 for n in range(10)]


def test_reads_give_what_webdataset_reads(tmp_path: Path) -> None:
    folder = write_shard_set(tmp_path, [("train", made_clips(3))])
    shard_set = ShardSet.open(str(folder))
    streamed = list(webdataset.WebDataset(str(folder / "train-000000.tar"), shardshuffle=False))
    reader = SampleReader(shard_set, verify=True)
    samples = shard_set.split("train").samples
    assert len(streamed) == len(samples)
    for sample, other in zip(samples, streamed, strict=True):
        members = reader.read(sample, sample.members)
        assert members == {name: other[name] for name in members}
        assert sample.key == other["__key__"]


@pytest.mark.parametrize(
    "prefix", ["x" * 120, "лицо_é_", "顔" * 80, "e\u0301", "🙂 "],
    ids=["long", "Cyrillic", "long Chinese", "accent", "emoji"],
)  # fmt: skip
@pytest.mark.parametrize("form", [tarfile.PAX_FORMAT, tarfile.GNU_FORMAT], ids=["pax", "gnu"])
def test_long_keys_and_keys_in_other_letters_are_read_too(
    tmp_path: Path, prefix: str, form: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both kinds of tar write such names whole before the header, and as they can inside it."""
    monkeypatch.setattr(tarfile.TarFile, "format", form)
    clips = made_clips(2, prefix=prefix)
    folder = write_shard_set(tmp_path, [("train", clips)], members_of=empty_members)
    shard_set = ShardSet.open(str(folder))
    samples = shard_set.split("train").samples
    assert [sample.key for sample in samples] == [clip.key for clip in clips]
    for sample in samples:
        assert SampleReader(shard_set).read(sample, ["flac"]) == {"flac": b"a"}
    if len(clips[0].key.encode()) > 90:
        return  # where even the suffix is cut off, sizes tell members apart
    swapped = replace(samples[0], members=samples[0].members | {"mp4": samples[1].members["json"]})
    with pytest.raises(DataFault, match=r"the tar holds|no member begins"):
        SampleReader(shard_set).read(swapped, ["mp4"])


def test_a_folder_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(WrongUse, match="no such folder"):
        ShardSet.open(str(tmp_path / "nowhere"))


def test_a_folder_without_manifest_is_refused(tmp_path: Path) -> None:
    with pytest.raises(WrongUse, match=r"no shard set here.*writes last"):
        ShardSet.open(str(tmp_path))


def test_another_format_version_is_refused(folder: Path) -> None:
    rewrite_manifest(folder, lambda tree: tree.update(format="emotalk-shards/99"))
    with pytest.raises(WrongUse, match="format 'emotalk-shards/99', this version reads"):
        ShardSet.open(str(folder))


def test_a_manifest_that_is_not_json_is_refused(folder: Path) -> None:
    (folder / "manifest.json").write_text("{")
    with pytest.raises(WrongUse, match="not valid JSON"):
        ShardSet.open(str(folder))


def test_faults_of_a_manifest_name_their_place(folder: Path) -> None:
    rewrite_manifest(folder, lambda tree: tree["shards"][1].update(samples=-1))
    with pytest.raises(WrongUse, match=r"shards\.1\.samples"):
        ShardSet.open(str(folder))


@pytest.mark.parametrize(
    "data",
    [b"\xff\xfe{}", b"\x1f\x8b" + b"0" * 99, b"[" * 99_999, b"", b'{"format": 1' + b"0" * 9999],
)
def test_a_manifest_of_other_bytes_is_refused(folder: Path, data: bytes) -> None:
    (folder / "manifest.json").write_bytes(data)
    with pytest.raises(WrongUse, match=r"manifest\.json: not valid JSON"):
        ShardSet.open(str(folder))


@pytest.mark.parametrize("data", [b"[]", b"7", b"null", b'"emotalk-shards/1"', b"{}"])
def test_a_manifest_that_is_no_manifest_is_refused(folder: Path, data: bytes) -> None:
    (folder / "manifest.json").write_bytes(data)
    with pytest.raises(WrongUse, match="format None, this version reads 'emotalk-shards/1'"):
        ShardSet.open(str(folder))


def test_a_manifest_that_is_a_folder_is_refused(folder: Path) -> None:
    (folder / "manifest.json").unlink()
    (folder / "manifest.json").mkdir()
    with pytest.raises(WrongUse, match=r"no shard set here .*Is a directory"):
        ShardSet.open(str(folder))


@pytest.mark.parametrize(
    "name",
    [
        "../../etc/passwd",
        "../x.tar",
        "/etc/x.tar",
        "a/b.tar",
        "a\\b.tar",
        ".tar",
        "x.tar.gz",
        "\0.tar",
    ],
)
def test_a_tar_elsewhere_is_refused(folder: Path, name: str) -> None:
    rewrite_manifest(folder, lambda tree: tree["shards"][0].update(file=name))
    with pytest.raises(WrongUse, match=r"shards\.0\.file: .* is not the name of a \.tar beside"):
        ShardSet.open(str(folder))


def test_a_tar_listed_twice_is_refused(folder: Path) -> None:
    def as_test_split_too(tree: dict[str, Any]) -> None:
        tree["shards"].append({**tree["shards"][0], "split": "test"})

    rewrite_manifest(folder, as_test_split_too)
    with pytest.raises(WrongUse, match=r"train-000000\.tar is listed more than once"):
        ShardSet.open(str(folder))


def test_an_unknown_split_is_refused_with_the_known_ones(folder: Path) -> None:
    with pytest.raises(WrongUse, match="no split 'tset'; it has: train, val"):
        ShardSet.open(str(folder)).split("tset")


def test_an_empty_shard_set_is_refused(tmp_path: Path) -> None:
    write_shard_set(tmp_path, [])
    with pytest.raises(WrongUse, match="the shard set is empty"):
        ShardSet.open(str(tmp_path)).split("train")
    write_shard_set(tmp_path, [("train", [])])
    with pytest.raises(WrongUse, match="has no samples"):
        ShardSet.open(str(tmp_path)).split("train")


def test_a_missing_index_is_refused(folder: Path) -> None:
    (folder / "train-000001.index.json").unlink()
    with pytest.raises(WrongUse, match=r"train-000001\.index\.json: cannot read the index"):
        ShardSet.open(str(folder)).split("train")


def test_a_changed_index_is_refused(folder: Path) -> None:
    path = folder / "train-000000.index.json"
    path.write_text(path.read_text() + " ")
    with pytest.raises(WrongUse, match="the index was changed"):
        ShardSet.open(str(folder)).split("train")


def test_an_index_of_another_tar_is_refused(folder: Path) -> None:
    def fewer(tree: dict[str, Any]) -> None:
        tree["shards"][0]["samples"] = 5

    rewrite_manifest(folder, fewer)
    with pytest.raises(WrongUse, match=r"lists 2 samples .* the manifest says 5"):
        ShardSet.open(str(folder)).split("train")


def test_an_index_that_points_past_the_end_is_refused(folder: Path) -> None:
    rewrite_manifest(folder, lambda tree: tree["shards"][0].update(bytes=1000))
    with pytest.raises(WrongUse, match=r"would end at byte \d+, but train-000000\.tar has 1000"):
        ShardSet.open(str(folder)).split("train")


@pytest.mark.parametrize(
    ("member", "place", "message"),
    [
        ("mp4", (-512, 1), "members.mp4.0: Input should be greater than or equal to 0"),
        ("mp4", (0, 1), "cannot begin at byte 0, behind what ends at byte 0"),
        ("mp4", (513, 1), "cannot begin at byte 513"),
        ("mp4", (512, 10**30), r"would end at byte 10{27}512, but"),
        ("flac", (512, 1), r"clip0000\.(flac|mp4) cannot begin at byte 512"),
        ("mp4", (512, 2000), r"clip0000\.flac cannot begin at byte 1536, behind .* byte 2512"),
        ("json", (7 * 1024 + 512, 2), r"clip0001\.mp4 cannot begin at byte 5632"),
        ("mp4", "many", "members.mp4: Input should be a valid tuple"),
        ("mp4", (float("nan"), 1), "members.mp4.0: Input should be a finite number"),
    ],
)
def test_places_that_cannot_be_are_refused(
    folder: Path, member: str, place: object, message: str
) -> None:
    rewrite_index(
        folder, "train-000000", lambda tree: tree["samples"][0]["members"].update({member: place})
    )
    with pytest.raises(WrongUse, match=message):
        ShardSet.open(str(folder)).split("train")


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("frames", 0, r"samples\.0\.frames: Input should be greater than 0"),
        ("frames", float("nan"), r"samples\.0\.frames: Input should be a finite number"),
        ("frames", 30.5, r"samples\.0\.frames: Input should be a valid integer"),
        ("frames", 10**6, "the manifest says 2 with 71"),
        ("frames", 10**12, r"samples\.0\.frames: Input should be less than or equal to 2147483647"),
        ("intensity", 1.5, r"samples\.0\.intensity: Input should be less than or equal to 1"),
        ("key", "../../secret", "is not a key: no dot, slash, control character"),
        ("key", "", "is not a key"),
        ("key", "a\nb", "is not a key"),
        ("key", "a\udc80", r"'a\\udc80' is not a key: .*half of a surrogate pair"),
    ],
)
def test_samples_that_cannot_be_are_refused(
    folder: Path, name: str, value: object, message: str
) -> None:
    rewrite_index(folder, "train-000000", lambda tree: tree["samples"][0].update({name: value}))
    with pytest.raises(WrongUse, match=message):
        ShardSet.open(str(folder)).split("train")


def test_a_key_of_two_splits_is_refused(tmp_path: Path) -> None:
    shards = [("train", made_clips(3)), ("val", made_clips(1))]
    shard_set = ShardSet.open(str(write_shard_set(tmp_path, shards, members_of=empty_members)))
    shard_set.split("train")
    with pytest.raises(WrongUse, match=r"keys occur more than once \(1, e\.g\. clip0000\)"):
        shard_set.split("val")


def test_a_key_that_comes_twice_is_refused(tmp_path: Path) -> None:
    clips = made_clips(2)
    shards = [("train", clips), ("train", clips)]
    write_shard_set(tmp_path, shards, members_of=empty_members)
    with pytest.raises(WrongUse, match=r"keys occur more than once \(2, e\.g\. clip0000\)"):
        ShardSet.open(str(tmp_path)).split("train")


def test_a_tar_cut_off_after_the_start_is_a_fault(folder: Path) -> None:
    shard_set = ShardSet.open(str(folder))
    split = shard_set.split("train")
    assert shard_set.check_sizes(split) == []
    tar = folder / "train-000001.tar"
    tar.write_bytes(tar.read_bytes()[:3000])
    assert "has 3000 bytes" in shard_set.check_sizes(split)[0]
    with pytest.raises(DataFault, match=r"train-000001\.tar, sample clip0003: has 3000 bytes"):
        SampleReader(shard_set).read(split.samples[3], ["mp4"])


def test_a_tar_cut_off_while_it_is_open_is_a_fault(folder: Path) -> None:
    shard_set = ShardSet.open(str(folder))
    samples, reader = shard_set.split("train").samples, SampleReader(shard_set)
    reader.read(samples[0], ["mp4"])
    with (folder / "train-000000.tar").open("r+b") as tar:
        tar.truncate(4000)
    with pytest.raises(DataFault, match="clip0001: has 4000 bytes, the manifest says"):
        reader.read(samples[1], ["mp4"])


def written_over(tar: Path, at: int, data: bytes) -> None:
    """Change bytes of a file in place, at another time than its last change."""
    with tar.open("r+b") as file:
        file.seek(at)
        file.write(data)
    os.utime(tar, ns=(0, 1))


def test_a_tar_written_over_in_the_middle_of_a_run_is_a_fault(folder: Path) -> None:
    shard_set = ShardSet.open(str(folder))
    samples, reader = shard_set.split("train").samples, SampleReader(shard_set)
    reader.read(samples[0], ["mp4"])
    tar, (at, _) = folder / "train-000000.tar", samples[1].members["mp4"]
    written_over(tar, at, b"X")
    for _ in range(2):
        with pytest.raises(DataFault, match="clip0001: was changed since the run began: sha256"):
            reader.read(samples[1], ["mp4"])
    written_over(tar, at, b"v")
    os.utime(tar, ns=(0, 2))
    assert reader.read(samples[1], ["mp4"]) == {"mp4": b"v"}


def test_a_tar_replaced_before_a_worker_opens_it_is_a_fault(folder: Path) -> None:
    shard_set = ShardSet.open(str(folder))
    split = shard_set.split("train")
    assert shard_set.check_sizes(split) == []
    other = shutil.copy(folder / "train-000000.tar", folder / "other.tar")
    written_over(folder / "other.tar", split.samples[0].members["mp4"][0], b"X")
    os.replace(other, folder / "train-000000.tar")
    with pytest.raises(DataFault, match="was changed since the run began"):
        SampleReader(shard_set).read(split.samples[0], ["mp4"])


def test_a_tar_copied_again_is_read_on(folder: Path) -> None:
    shard_set = ShardSet.open(str(folder))
    split = shard_set.split("train")
    assert shard_set.check_sizes(split) == []
    for tar in folder.glob("*.tar"):
        os.replace(shutil.copy(tar, folder / "again"), tar)
    reader = SampleReader(shard_set)
    assert [reader.read(sample, ["mp4"]) for sample in split.samples] == [{"mp4": b"v"}] * 4


def test_another_tar_of_the_same_size_is_a_fault(folder: Path) -> None:
    other = (folder / "train-000000.tar").read_bytes()
    (folder / "train-000001.tar").write_bytes(other)
    shard_set = ShardSet.open(str(folder))
    with pytest.raises(DataFault, match=r"holds clip0001\.mp4 .* says clip0003\.mp4"):
        SampleReader(shard_set).read(shard_set.split("train").samples[3], ["mp4"])


def test_bytes_changed_inside_a_member_are_found_by_verify(folder: Path) -> None:
    shard_set = ShardSet.open(str(folder))
    sample = shard_set.split("train").samples[0]
    with (folder / "train-000000.tar").open("r+b") as tar:
        tar.seek(sample.members["mp4"][0])
        tar.write(b"X")
    assert SampleReader(shard_set).read(sample, ["mp4"]) == {"mp4": b"X"}
    with pytest.raises(DataFault, match="sha256"):
        SampleReader(shard_set, verify=True).read(sample, ["mp4"])


def test_a_tar_is_hashed_once_whether_it_is_right_or_wrong(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shard_set = ShardSet.open(str(folder))
    with (folder / "train-000001.tar").open("r+b") as tar:
        tar.write(b"X")
    hashed: list[str] = []
    whole = shard_set.storage.sha256

    def told(shard: ShardEntry) -> str:
        hashed.append(shard.file)
        return whole(shard)

    monkeypatch.setattr(shard_set.storage, "sha256", told)
    reader = SampleReader(shard_set, verify=True)
    for sample in [*shard_set.split("train").samples] * 2:
        if sample.shard == 0:
            reader.read(sample, ["mp4"])
        else:
            with pytest.raises(DataFault, match=f"sample {sample.key}: sha256"):
                reader.read(sample, ["mp4"])
    assert hashed == ["train-000000.tar", "train-000001.tar"]


def test_a_process_that_is_told_of_the_tars_does_not_look_and_still_notices_a_change(
    folder: Path,
) -> None:
    reader, other = ShardSet.open(str(folder)), ShardSet.open(str(folder))
    told: list[Any] = []

    def first(read: Callable[[], Value], /) -> Value:
        told.append(read())
        return cast(Value, told[0])

    def second(_: Callable[[], Value], /) -> Value:
        return cast(Value, told[0])

    reader.look_at_tars(("train",), first)
    other.look_at_tars(("train",), second)
    tar = folder / "train-000000.tar"
    data = bytearray(tar.read_bytes())
    tar.unlink()
    split = other.split("train")
    assert other.check_sizes(split) == []
    data[-1] ^= 1
    tar.write_bytes(data)
    with pytest.raises(DataFault, match="was changed since the run began"):
        SampleReader(other).read(split.samples[0], ["mp4"])


def test_a_shard_that_vanished_is_a_fault(folder: Path) -> None:
    shard_set = ShardSet.open(str(folder))
    split = shard_set.split("train")
    (folder / "train-000000.tar").unlink()
    assert "is missing" in shard_set.check_sizes(split)[0]
    with pytest.raises(DataFault, match="No such file"):
        SampleReader(shard_set).read(split.samples[0], ["mp4"])


def test_the_index_is_the_tars_own_table(tmp_path: Path) -> None:
    folder = write_shard_set(tmp_path, [("train", made_clips(2))], members_of=made_members)
    index = json.loads((folder / "train-000000.index.json").read_text())
    with tarfile.open(folder / "train-000000.tar") as tar:
        for sample in index["samples"]:
            for name, (offset, size) in sample["members"].items():
                info = tar.getmember(f"{sample['key']}.{name}")
                assert (info.offset_data, info.size) == (offset, size)


def test_no_more_tars_stay_open_than_the_limit_and_each_can_be_read_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(storage, "OPEN_FILES", 2)
    clips = made_clips(5)
    folder = write_shard_set(
        tmp_path / "set", [("train", [clip]) for clip in clips], members_of=empty_members
    )
    shard_set = ShardSet.open(str(folder))
    reader = SampleReader(shard_set)
    for sample in [*shard_set.split("train").samples] * 2:
        assert reader.read(sample, ["mp4"]) == {"mp4": b"v"}
        opened = [link.readlink() for link in Path("/proc/self/fd").iterdir() if link.is_symlink()]
        assert sum(path.parent == folder and path.suffix == ".tar" for path in opened) <= 2
