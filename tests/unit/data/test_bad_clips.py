"""A clip that cannot be read stops the run by name, or its place in the batch is masked."""

import logging
import re
from pathlib import Path

import pytest

from emotalk.errors import WrongUse
from emotalk.shards.reader import DataFault
from tests.helpers.loader import loader_of, taken
from tests.helpers.shard_set import MadeClip, made_clips, made_members, write_shard_set


def broken_set(folder: Path) -> Path:
    """Write a set in which one clip's video and another one's sound are not what they should be."""

    def members(clip: MadeClip) -> dict[str, bytes]:
        found = made_members(clip)
        if clip.key == "clip0001":
            found["mp4"] = found["mp4"][: len(found["mp4"]) // 2]
        if clip.key == "clip0002":
            found["flac"] = made_members(MadeClip("x", 12, "a", "fear", None))["flac"]
        return found

    return write_shard_set(folder, [("train", made_clips(5))], members_of=members)


@pytest.mark.parametrize("workers", [0, 1])
def test_a_bad_sample_stops_the_run_by_name(tmp_path: Path, workers: int) -> None:
    loader = loader_of(broken_set(tmp_path), batch_size=5, workers=workers)
    with pytest.raises(DataFault, match=r"train-000000\.tar, sample clip000[12]") as found:
        taken(loader, 1)
    assert str(found.value).endswith("to go on without such clips: data.on_fault=skip")


def test_a_bad_samples_place_stays_masked_out(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    loader = loader_of(broken_set(tmp_path), batch_size=5, on_fault="skip")
    with caplog.at_level(logging.WARNING):
        batches = taken(loader, 2)
    for batch in batches:
        assert sorted(batch.keys) == [f"clip000{n}" for n in range(5)]
        for row, key in enumerate(batch.keys):
            bad = key in {"clip0001", "clip0002"}
            assert bool(batch.valid_B[row]) is not bad
            assert bool(batch.video_BTCHW[row].any()) is not bad
    assert sum(loader.faults.values()) == 4
    assert "clip0002: member flac: the sound has 3840 samples, expected 11520" in caplog.text


def set_without_landmarks(folder: Path) -> Path:
    """Write a set of four clips, one of which has no landmarks in tar and index."""

    def members(clip: MadeClip) -> dict[str, bytes]:
        lacking = "landmarks.npy" if clip.key == "clip0001" else ""
        return {name: data for name, data in made_members(clip).items() if name != lacking}

    return write_shard_set(folder, [("train", made_clips(4))], members_of=members)


def test_a_sample_without_a_member_it_must_have_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(WrongUse, match=r"clip0001 lacks landmarks \(landmarks\.npy\); .*skip"):
        loader_of(set_without_landmarks(tmp_path))


def test_a_sample_without_a_member_it_must_have_keeps_its_place(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    loader = loader_of(set_without_landmarks(tmp_path), on_fault="skip")
    assert "sample clip0001 lacks landmarks (landmarks.npy)" in caplog.text
    batch = taken(loader, 1)[0]
    invalid = [key for key, flag in zip(batch.keys, batch.valid_B, strict=True) if not flag]
    assert (sorted(batch.keys), invalid) == ([f"clip000{n}" for n in range(4)], ["clip0001"])
    assert sum(loader.faults.values()) == 1


def test_a_clip_whose_other_voice_cannot_be_read_is_named_with_it(tmp_path: Path) -> None:
    folder = broken_set(tmp_path)
    loader = loader_of(folder, batch_size=5, on_fault="skip", other_speech=True)
    batches = taken(loader, 4)
    masked = sum(int((~batch.valid_B).sum()) for batch in batches)
    assert sum(loader.faults.values()) == masked
    named = [fault for fault in loader.faults if "misses another clip's speech" in fault]
    assert named
    assert all(re.match(r"clip000\d misses .* sample clip0002: ", fault) for fault in named)


@pytest.mark.parametrize("on_fault", ["raise", "skip"])
def test_a_tar_cut_off_is_refused_or_left_out(tmp_path: Path, on_fault: str) -> None:
    clips = made_clips(4)
    write_shard_set(tmp_path, [("train", clips[:2]), ("train", clips[2:])])
    tar = tmp_path / "train-000001.tar"
    tar.write_bytes(tar.read_bytes()[:-20000])
    if on_fault == "raise":
        with pytest.raises(WrongUse, match=r"train-000001\.tar has \d+ bytes, the manifest says"):
            loader_of(tmp_path)
        return
    batch = taken(loader_of(tmp_path, on_fault="skip"), 1)[0]
    valid = {key for key, flag in zip(batch.keys, batch.valid_B, strict=True) if flag}
    assert valid == {"clip0000", "clip0001"}
