"""The loader as training uses it, on real tars."""

import hashlib
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from emotalk.data.batch import ClipBatch
from emotalk.data.windows import cut_speech
from emotalk.errors import WrongUse
from emotalk.schema import EMOTIONS
from tests.helpers.loader import loader_of, taken
from tests.helpers.shard_set import (
    MadeClip,
    frame_level,
    made_audio,
    made_clips,
    made_landmarks,
    rewrite_manifest,
    write_shard_set,
)

CLIPS = {clip.key: clip for clip in made_clips(17)}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    clips = list(CLIPS.values())
    shards = [("train", clips[:5]), ("train", clips[5:6]), ("train", clips[6:13])]
    return write_shard_set(tmp_path_factory.mktemp("set"), [*shards, ("val", clips[13:])])


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
from emotalk.shards.shard_set import ShardSet
config = DataConfig(workers=1, batch_size=2, frames=8)
batches = iter(build_loader(config, ShardSet.open({str(folder)!r}), "train", 0, EMOTIONS))
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
from emotalk.shards.shard_set import ShardSet
cv2.setNumThreads(3)
cv2.GaussianBlur(numpy.zeros((2000, 2000, 3), numpy.uint8), (0, 0), 3)
config = DataConfig(workers=1, batch_size=2, frames=8)
next(iter(build_loader(config, ShardSet.open({str(folder)!r}), "train", 0, EMOTIONS)))
assert cv2.getNumThreads() == 3
"""
    done = subprocess.run([sys.executable, "-c", script], timeout=60, check=False)
    assert done.returncode == 0
