"""The loader as training uses it, on real tars."""

import hashlib
import itertools
import json
import logging
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from emotalk.config.data import BalanceConfig, DataConfig
from emotalk.data.batch import ClipBatch, from_unit, to_unit, zeros_in_one_piece
from emotalk.data.loader import ClipLoader, build_loader, read_clip
from emotalk.data.windows import cut_speech
from emotalk.errors import WrongUse
from emotalk.schema import EMOTIONS
from emotalk.shards.shard_set import DataFault, ShardSet
from tests.helpers.shard_set import (
    MadeClip,
    frame_level,
    made_audio,
    made_clips,
    made_landmarks,
    made_members,
    rewrite_manifest,
    write_shard_set,
)

CLIPS = {clip.key: clip for clip in made_clips(17)}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    clips = list(CLIPS.values())
    shards = [("train", clips[:5]), ("train", clips[5:6]), ("train", clips[6:13])]
    return write_shard_set(tmp_path_factory.mktemp("set"), [*shards, ("val", clips[13:])])


def loader_of(folder: Path, split: str = "train", **options: Any) -> ClipLoader:
    ranks = {name: options.pop(name) for name in ("rank", "world_size") if name in options}
    start = options.pop("start_step", 0)
    config = DataConfig(**{"workers": 0, "batch_size": 4, "frames": 8, **options})
    return build_loader(config, str(folder), split, 3, EMOTIONS, start_step=start, **ranks)


def taken(loader: ClipLoader, steps: int) -> list[ClipBatch]:
    return list(itertools.islice(iter(loader), steps))


def seen(batch: ClipBatch) -> list[tuple[Any, ...]]:
    """Return what is in each row of a batch, as comparable values."""
    tensors = [part for part in batch if isinstance(part, torch.Tensor)]
    return [
        (key, place, hashlib.sha256(b"".join(t[row].numpy().tobytes() for t in tensors)).digest())
        for row, (key, place) in enumerate(zip(batch.keys, batch.places, strict=True))
    ]


def test_a_row_holds_the_window_its_sound_and_its_landmarks(folder: Path) -> None:
    for batch in taken(loader_of(folder, speech_margin_frames=3, speech_level="none"), 3):
        assert batch.video_BTCHW.shape == (4, 8, 3, 128, 128)
        assert bool(batch.valid_B.all())
        for row, key in enumerate(batch.keys):
            clip = CLIPS[key]
            start = int(batch.landmarks_BTLP[row, 0, 0, 0])
            levels = batch.video_BTCHW[row].float().mean(dim=(1, 2, 3))
            wanted = torch.tensor([float(frame_level(start + t)) for t in range(8)])
            assert (levels - wanted).abs().max() <= 2
            assert torch.equal(batch.condition_BCHW[row], batch.video_BTCHW[row, 0])
            landmarks = made_landmarks(clip)[start : start + 8]
            np.testing.assert_array_equal(batch.landmarks_BTLP[row].numpy(), landmarks)
            speech = cut_speech(made_audio(clip), start=start, frames=8, margin_frames=3)
            np.testing.assert_allclose(batch.speech_BS[row].numpy(), speech, atol=1e-4)
            assert EMOTIONS[int(batch.emotion_B[row])] == clip.emotion
            assert float(batch.intensity_B[row]) == pytest.approx(clip.intensity or 1.0)


def test_ranks_and_workers_change_nothing(folder: Path) -> None:
    """Over two epochs and a half: 1, 2 and 4 ranks, with 0 to 4 worker processes each."""
    one = [row for batch in taken(loader_of(folder), 8) for row in seen(batch)]
    assert [place for _, place, _ in one] == list(range(32))
    assert sorted(key for key, _, _ in one[:13]) == sorted(list(CLIPS)[:13])
    for world_size, workers in [(1, 1), (1, 4), (2, 0), (2, 2), (2, 3), (4, 0)]:
        shares = [
            taken(loader_of(folder, rank=rank, world_size=world_size, workers=workers), 8)
            for rank in range(world_size)
        ]
        together = [
            row for step in zip(*shares, strict=True) for part in step for row in seen(part)
        ]
        assert together == one, (world_size, workers)


def test_a_run_goes_on_as_if_unbroken_with_other_ranks_and_workers(folder: Path) -> None:
    unbroken = [row for batch in taken(loader_of(folder), 7) for row in seen(batch)]
    for start in (1, 3, 5):
        halves = [
            taken(loader_of(folder, rank=r, world_size=2, workers=1, start_step=start), 7 - start)
            for r in range(2)
        ]
        resumed = [row for step in zip(*halves, strict=True) for part in step for row in seen(part)]
        assert resumed == unbroken[4 * start :]


def test_a_batch_may_hold_several_epochs_of_one_clip_on_seven_ranks(tmp_path: Path) -> None:
    write_shard_set(tmp_path, [("train", made_clips(1))])
    for start in (0, 10**9):
        whole = [row for b in taken(loader_of(tmp_path, batch_size=14, start_step=start), 2)
                 for row in seen(b)]  # fmt: skip
        shares = [
            taken(
                loader_of(
                    tmp_path, batch_size=14, rank=rank, world_size=7, workers=rank % 2,
                    start_step=start,
                ),
                2,
            )
            for rank in range(7)
        ]  # fmt: skip
        assert [r for step in zip(*shares, strict=True) for b in step for r in seen(b)] == whole
        assert [place for _, place, _ in whole] == list(range(14 * start, 14 * start + 28))
        assert len({digest for _, _, digest in whole}) > 10  # a window of its own each epoch


def test_more_workers_than_steps_read_every_clip_once(folder: Path) -> None:
    batches = list(iter(loader_of(folder, "val", workers=4)))
    assert [key for batch in batches for key in batch.keys] == list(CLIPS)[13:]


def test_decoded_clips_kept_in_memory_are_the_same(folder: Path) -> None:
    plain = [
        row for batch in taken(loader_of(folder, condition="neutral"), 8) for row in seen(batch)
    ]
    for mib in (2, 100):  # a few clips fit, all fit
        kept = taken(loader_of(folder, condition="neutral", cache_mib=mib), 8)
        assert [row for batch in kept for row in seen(batch)] == plain


def test_validation_sees_every_clip_once_with_the_same_window(folder: Path) -> None:
    first, second = ([*iter(loader_of(folder, "val", batch_size=3))] for _ in range(2))
    assert [seen(batch) for batch in first] == [seen(batch) for batch in second]
    keys = [key for batch in first for key in batch.keys]
    valid = [bool(flag) for batch in first for flag in batch.valid_B]
    assert keys == [*list(CLIPS)[13:], "", ""]
    assert valid == [True] * 4 + [False] * 2


def test_neutral_condition_is_the_actors_still(folder: Path) -> None:
    batch = taken(loader_of(folder, condition="neutral"), 1)[0]
    assert batch.condition_BCHW[:, :, 64, 64].tolist() == [[200, 10, 60]] * 4


def test_other_speech_and_babble_come_from_other_clips(folder: Path) -> None:
    options: dict[str, Any] = {"other_speech": True, "babble_voices": 3, "speech_margin_frames": 1}
    whole = [row for batch in taken(loader_of(folder, **options), 3) for row in seen(batch)]
    halves = [taken(loader_of(folder, rank=r, world_size=2, **options), 3) for r in range(2)]
    assert [r for step in zip(*halves, strict=True) for part in step for r in seen(part)] == whole
    batch = taken(loader_of(folder, **options), 1)[0]
    assert batch.other_speech_BS is not None
    assert batch.babble_BS is not None
    assert batch.other_speech_BS.shape == batch.babble_BS.shape == (4, 10 * 320)
    assert float(batch.babble_BS.max()) > 1  # several voices at peak level


def test_short_clips_and_clips_without_a_still_are_named(tmp_path: Path) -> None:
    clips = [
        MadeClip("long", 30, "a", "anger", None),
        MadeClip("short", 9, "a", "anger", None),
        MadeClip("still-less", 30, "b", "anger", None, neutral=False),
    ]
    write_shard_set(tmp_path, [("train", clips)])
    loader = loader_of(tmp_path, frames=10, condition="neutral")
    assert [sample.key for sample in loader.samples] == ["long"]
    assert list(loader.left_out.values()) == [("short",), ("still-less",)]
    assert "shorter than data.frames=10: short" in loader.describe()[1]
    assert len(loader_of(tmp_path, frames=10).samples) == 2


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"batch_size": 3, "world_size": 2}, "batch_size 3 cannot be shared equally by 2 ranks"),
        ({"frames": 500}, "no clip can be used .* the longest clip has 41"),
        ({"split": "tset"}, "no split 'tset'"),
    ],
)
def test_what_cannot_work_is_refused_before_a_worker_starts(
    folder: Path, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(WrongUse, match=message):
        loader_of(folder, **options)


def test_emotions_the_run_does_not_know_are_refused(tmp_path: Path) -> None:
    clip = MadeClip("k", 30, "a", "contempt", None)
    write_shard_set(tmp_path, [("train", [clip])])
    with pytest.raises(WrongUse, match="clips of contempt, but the run's emotions are anger"):
        loader_of(tmp_path)


def test_one_clip_alone_has_no_other(tmp_path: Path) -> None:
    write_shard_set(tmp_path, [("train", made_clips(1))])
    with pytest.raises(WrongUse, match="one usable clip"):
        loader_of(tmp_path, other_speech=True)


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
    with pytest.raises(DataFault, match=r"train-000000\.tar, sample clip000[12]"):
        taken(loader, 1)


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


def test_balance_repeats_clips_a_fixed_number_of_times(tmp_path: Path) -> None:
    """Four neutral clips and one of anger: anger comes four times, in windows of its own."""
    clips = [MadeClip(f"n{n}", 41, "a", "neutral", None) for n in range(4)]
    clips.append(MadeClip("angry", 41, "a", "anger", None))
    write_shard_set(tmp_path, [("train", clips)])
    loader = loader_of(tmp_path, batch_size=8, balance=BalanceConfig(emotions="equal"))
    assert loader.clips_per_epoch == 8
    batch = taken(loader, 1)[0]
    assert sorted(batch.keys) == ["angry"] * 4 + ["n0", "n1", "n2", "n3"]
    starts = {
        int(batch.landmarks_BTLP[row, 0, 0, 0])
        for row, key in enumerate(batch.keys)
        if key == "angry"
    }
    assert len(starts) > 1


def test_levels_can_be_weighted(tmp_path: Path) -> None:
    clips = [MadeClip(f"c{level}", 30, "a", "fear", level / 10) for level in (3, 6, 10)]
    write_shard_set(tmp_path, [("train", clips)])
    loader = loader_of(tmp_path, batch_size=5, balance=BalanceConfig(low=0, medium=2, high=3))
    assert sorted(taken(loader, 1)[0].keys) == ["c10", "c10", "c10", "c6", "c6"]


def test_weights_that_leave_no_clip_are_refused(tmp_path: Path) -> None:
    clips = [MadeClip(f"c{n}", 30, "a", "fear", None) for n in range(3)]
    write_shard_set(tmp_path, [("train", clips)])
    with pytest.raises(WrongUse, match=r"no clip would ever come: low=1, .*unknown=0"):
        loader_of(tmp_path, balance=BalanceConfig(emotions="equal", unknown=0))


def test_the_printed_balance_is_the_one_that_holds(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    clips = [MadeClip(f"n{n}", 41, "a", "neutral", 1.0) for n in range(5)]
    clips += [MadeClip(f"a{n}", 41, "a", "anger", 0.3) for n in range(2)]
    write_shard_set(tmp_path, [("train", clips)])
    with caplog.at_level(logging.INFO):
        loader = loader_of(tmp_path, balance=BalanceConfig(emotions="equal", high=2))
    assert "balance: 2 clips of anger come 5 times an epoch" in caplog.text
    assert "balance: 5 clips of neutral come 2 times an epoch" in caplog.text
    assert loader.clips_per_epoch == 20


def test_a_whole_clip_is_read_with_all_its_members(folder: Path) -> None:
    clip = read_clip(ShardSet.open(str(folder)), "clip0014")
    made = CLIPS["clip0014"]
    levels = clip.video_THWC.mean(axis=(1, 2, 3))
    assert np.abs(levels - [frame_level(frame) for frame in range(made.frames)]).max() <= 2
    np.testing.assert_allclose(clip.audio_S, made_audio(made), atol=1e-4)
    assert clip.landmarks_TLP.shape == (made.frames, 68, 2)
    assert clip.neutral_HWC is not None
    assert clip.json == {"clip": "clip0014"}
    assert (clip.actor, clip.emotion, clip.intensity) == (made.actor, made.emotion, made.intensity)
    with pytest.raises(WrongUse, match="no sample 'nobody' in train, val"):
        read_clip(ShardSet.open(str(folder)), "nobody")


def test_bytes_become_the_networks_numbers_and_back() -> None:
    images = torch.arange(256, dtype=torch.uint8)
    unit = to_unit(images)
    assert (float(unit[0]), float(unit[255])) == (-1.0, 1.0)
    assert torch.equal(from_unit(unit), images)
    assert torch.allclose(to_unit(images / 255), unit, atol=1e-6)
    assert from_unit(torch.tensor([-3.0, 3.0])).tolist() == [0, 255]


def test_a_batch_is_one_piece_of_memory_whose_parts_do_not_touch(folder: Path) -> None:
    options: dict[str, Any] = {"other_speech": True, "babble_voices": 2, "workers": 1}
    batch = taken(loader_of(folder, **options), 1)[0]
    tensors = [part for part in batch if isinstance(part, torch.Tensor)]
    assert len({tensor.untyped_storage().data_ptr() for tensor in tensors}) == 1
    parts = zeros_in_one_piece({"a": ((2, 3), torch.int64), "b": ((5,), torch.bool)})
    parts["b"].fill_(True)
    assert not parts["a"].any()
    assert (parts["a"].shape, parts["b"].tolist()) == ((2, 3), [True] * 5)


def test_later_versions_may_add_keys(tmp_path: Path) -> None:
    write_shard_set(tmp_path, [("train", made_clips(2))])
    rewrite_manifest(tmp_path, lambda tree: tree.update(new_thing=1))
    assert json.loads((tmp_path / "manifest.json").read_text())["new_thing"] == 1
    assert len(loader_of(tmp_path).samples) == 2


def test_python_ends_while_workers_still_read(folder: Path) -> None:
    """Workers leave SIGTERM to the training process, so nothing may wait for it to end them."""
    script = f"""
from emotalk.config.data import DataConfig
from emotalk.data.loader import build_loader
from emotalk.schema import EMOTIONS
config = DataConfig(workers=1, batch_size=2, frames=8)
batches = iter(build_loader(config, {str(folder)!r}, "train", 0, EMOTIONS))
next(batches)
"""
    done = subprocess.run([sys.executable, "-c", script], timeout=60, check=False)
    assert done.returncode == 0


def test_workers_start_after_opencv_has_used_its_threads(folder: Path) -> None:
    script = f"""
import cv2, numpy
from emotalk.config.data import DataConfig
from emotalk.data.loader import build_loader
from emotalk.schema import EMOTIONS
cv2.setNumThreads(3)
cv2.GaussianBlur(numpy.zeros((2000, 2000, 3), numpy.uint8), (0, 0), 3)
config = DataConfig(workers=1, batch_size=2, frames=8)
next(iter(build_loader(config, {str(folder)!r}, "train", 0, EMOTIONS)))
assert cv2.getNumThreads() == 3
"""
    done = subprocess.run([sys.executable, "-c", script], timeout=60, check=False)
    assert done.returncode == 0
