"""The loader over several shard sets, on real tars.

Landmarks and stills tell which set a row was read from.
"""

import io
import shlex
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch

from emotalk.config.shards import ShardSource
from emotalk.data.batch import ClipBatch
from emotalk.errors import WrongUse
from emotalk.shards.reader import DataFault
from tests.helpers.loader import loader_of, taken
from tests.helpers.read_as_rank import rows_of
from tests.helpers.shard_set import (
    MadeClip,
    Members,
    empty_members,
    made_clips,
    made_landmarks,
    made_members,
    name_corpus,
    write_shard_set,
)

MARK = {"crema_d": 0, "mead": 500}  # in front of the landmarks' y, and the stills' grey level


def marked(corpus: str) -> Callable[[MadeClip], Members]:
    def members(clip: MadeClip) -> Members:
        landmarks = io.BytesIO()
        np.save(landmarks, made_landmarks(clip) + np.array([0, MARK[corpus]], np.float32))
        still = np.full((128, 128, 3), MARK[corpus] // 4, np.uint8)
        png = bytes(cv2.imencode(".png", still)[1])
        return made_members(clip) | {"landmarks.npy": landmarks.getvalue(), "neutral.png": png}

    return members


def write_corpus(folder: Path, corpus: str, clips: Sequence[MadeClip]) -> Path:
    half = len(clips) // 2
    shards = [("train", clips[:half]), ("train", clips[half:]), ("val", made_clips(3, prefix="v"))]
    write_shard_set(folder, shards, members_of=marked(corpus))
    return name_corpus(folder, corpus)


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Two sets with the same names of clips and actors, 9 and 5 of them."""
    folder = tmp_path_factory.mktemp("sets")
    clips = made_clips(9)
    return [
        write_corpus(folder / "A", "crema_d", clips),
        write_corpus(folder / "B", "mead", clips[:5]),
    ]


def sources(folders: Sequence[Path | str], *weights: float | None) -> list[ShardSource]:
    given = [*weights, *[None] * (len(folders) - len(weights))]
    return [ShardSource(path=str(f), weight=w) for f, w in zip(folders, given, strict=True)]


def rows(batches: Sequence[ClipBatch]) -> list[dict[str, Any]]:
    return [row for batch in batches for row in rows_of(batch)]


def set_of(key: str) -> str:
    return key.partition(".")[0]


@pytest.mark.parametrize("weights", [(), (0.3,)])
def test_ranks_workers_and_a_resume_change_nothing(
    folders: list[Path], weights: tuple[float, ...]
) -> None:
    given = sources(folders, *weights)
    options: dict[str, Any] = {"other_speech": True, "shuffle_shards": 1}
    one = rows(taken(loader_of(given, **options), 8))
    assert all(row["valid"] for row in one)
    assert [row["place"] for row in one] == list(range(32))
    for world_size, workers, start in [(2, 2, 3), (4, 0, 5)]:
        shares = [
            taken(
                loader_of(
                    given[::-1], rank=rank, world_size=world_size, workers=workers,
                    start_step=start, **options,
                ),
                8 - start,
            )
            for rank in range(world_size)
        ]  # fmt: skip
        together = [row for step in zip(*shares, strict=True) for row in rows(step)]
        assert together == one[4 * start :], (world_size, workers, start)


def test_by_size_every_clip_of_every_set_comes_once_an_epoch(folders: list[Path]) -> None:
    keys = Counter(row["key"] for row in rows(taken(loader_of(sources(folders)), 7)))
    names = {f"crema_d.clip000{n}" for n in range(9)} | {f"mead.clip000{n}" for n in range(5)}
    assert keys == dict.fromkeys(names, 2)


def test_sets_of_one_size_are_shuffled_each_in_its_own_way(tmp_path: Path) -> None:
    folders = [tmp_path / name for name in ("crema_d", "mead")]
    for folder in folders:
        write_shard_set(folder, [("train", made_clips(20))], members_of=empty_members)
        name_corpus(folder, folder.name)
    loader = loader_of(sources(folders))
    order, samples = loader.batches.order, loader.samples
    keys = [samples[order.place(number).sample].key for number in range(40)]
    own = [[key[-2:] for key in keys if set_of(key) == folder.name] for folder in folders]
    assert own[0] != own[1]
    assert sorted(own[0]) == sorted(own[1])


def test_a_weight_is_the_share_of_the_windows(folders: list[Path]) -> None:
    loader = loader_of(sources(folders, 0.5, 0.5))
    keys = [row["key"] for row in rows(taken(loader, 7))]
    assert Counter(map(set_of, keys)) == {"crema_d": 14, "mead": 14}
    assert len({key for key in keys if set_of(key) == "crema_d"}) == 9
    assert loader.describe()[1:3] == [
        f"crema_d: 9 clips, 7 windows an epoch (50.0%), {folders[0]}",
        f"mead: 5 clips, 7 windows an epoch (50.0%), {folders[1]}",
    ]


def test_a_clip_its_landmarks_and_its_still_are_of_its_own_set(folders: list[Path]) -> None:
    for batch in taken(loader_of(sources(folders), condition="neutral", cache_mib=50), 5):
        for row, key in enumerate(batch.keys):
            mark = MARK[set_of(key)]
            assert float(batch.landmarks_BTLP[row, 0, 0, 1]) == mark
            assert batch.condition_BCHW[row].numpy().flatten().tolist() == [mark // 4] * 3 * 128**2


def test_a_window_of_a_clip_that_comes_again_is_another(folders: list[Path]) -> None:
    """With a large weight the five clips of B come several times an epoch."""
    seen: dict[str, set[int]] = {}
    for batch in taken(loader_of(sources(folders, None, 0.9)), 8):
        for row, key in enumerate(batch.keys):
            seen.setdefault(key, set()).add(int(batch.landmarks_BTLP[row, 0, 0, 0]))
    assert all(len(starts) > 2 for key, starts in seen.items() if set_of(key) == "mead")


def test_validation_reads_one_set_after_the_other(folders: list[Path]) -> None:
    for given in (sources(folders, 0.9), sources(folders[::-1])):
        batches = [*loader_of(given, "val")]
        keys = [key for batch in batches for key in batch.keys]
        names = [f"{name}.vclip000{n}" for name in ("crema_d", "mead") for n in range(3)]
        assert keys == [*names, "", ""]


@pytest.fixture
def uneven(tmp_path: Path) -> list[Path]:
    """Two sets: anger 8 and sadness 4 clips; anger 1 and disgust 3."""
    told = {"mead": {"anger": 8, "sadness": 4}, "crema_d": {"anger": 1, "disgust": 3}}
    for name, emotions in told.items():
        spread = [emotion for emotion, count in emotions.items() for _ in range(count)]
        clips = [MadeClip(f"k{n:04d}", 30, "a", e, None) for n, e in enumerate(spread)]
        write_shard_set(tmp_path / name, [("train", clips)], members_of=empty_members)
        name_corpus(tmp_path / name, name)
    return [tmp_path / name for name in told]


def shown(given: Sequence[ShardSource], epochs: int) -> Counter[tuple[str, str]]:
    """Return how often clips of each (set, emotion) come in balanced epochs."""
    loader = loader_of(given, balance={"emotions": "equal"})
    order, samples = loader.batches.order, loader.samples
    places = (order.place(number) for number in range(epochs * len(order)))
    come = (samples[place.sample] for place in places)
    return Counter((set_of(sample.key), str(sample.emotion)) for sample in come)


def test_without_weights_emotions_are_balanced_over_all_sets(uneven: list[Path]) -> None:
    """Anger 9, so that disgust comes three times and sadness, 4, twice."""
    assert shown(sources(uneven), 2) == {
        ("mead", "anger"): 16, ("mead", "sadness"): 16,
        ("crema_d", "anger"): 2, ("crema_d", "disgust"): 18,
    }  # fmt: skip


def test_with_weights_emotions_are_balanced_inside_each_set(uneven: list[Path]) -> None:
    """Epochs of 22 windows, 11 of each set; 48 of them are whole epochs of both."""
    assert shown(sources(uneven, 0.5, 0.5), 48) == {
        ("mead", "anger"): 264, ("mead", "sadness"): 264,
        ("crema_d", "anger"): 264, ("crema_d", "disgust"): 264,
    }  # fmt: skip


def test_a_set_in_a_folder_and_one_elsewhere(folders: list[Path], tmp_path: Path) -> None:
    local = rows(taken(loader_of(sources(folders)), 4))
    command = f"pipe:cat {shlex.quote(str(folders[1]))}/{{}}"
    remote = {"cache_dir": tmp_path / "cache"}
    mixed = loader_of([*sources(folders[:1]), ShardSource(path=command)], remote=remote)
    assert rows(taken(mixed, 4)) == local
    assert len([*(tmp_path / "cache").rglob("*.tar")]) == 2


def test_a_bad_clip_is_named_with_its_set(folders: list[Path], tmp_path: Path) -> None:
    def members(clip: MadeClip) -> Members:
        return made_members(clip) | ({"mp4": b"no video"} if clip.key == "clip0001" else {})

    broken = write_shard_set(tmp_path / "bad", [("train", made_clips(3))], members_of=members)
    with pytest.raises(
        DataFault, match=rf"{broken}/train-000000\.tar, sample clip0001: member mp4"
    ):
        taken(loader_of(sources([folders[0], broken])), 3)
    loader = loader_of(sources([folders[0], broken]), on_fault="skip", batch_size=12)
    (batch,) = taken(loader, 1)
    masked = [key for key, valid in zip(batch.keys, batch.valid_B, strict=True) if not valid]
    assert masked == ["set.clip0001"]
    assert torch.equal(batch.valid_B.sum(), torch.tensor(11))


@pytest.mark.parametrize(
    ("clip", "options", "message"),
    [
        (MadeClip("k", 30, "a", "contempt", None), {}, "has clips of contempt, but the run's"),
        (MadeClip("k", 8, "a", "anger", None), {"frames": 9}, "split train: no clip can be used"),
        (
            MadeClip("k", 30, "a", "anger", None),
            {"balance": {"unknown": 0}},
            "would ever come: none has a level that counts",
        ),
    ],
)
def test_a_set_that_cannot_be_used_is_named(
    folders: list[Path], tmp_path: Path, clip: MadeClip, options: dict[str, Any], message: str
) -> None:
    third = write_shard_set(tmp_path / "third", [("train", [clip])], members_of=empty_members)
    with pytest.raises(WrongUse, match=message) as caught:
        loader_of(sources([folders[0], third]), **options)
    assert str(third) in str(caught.value)
    assert str(folders[0]) not in str(caught.value)


def test_a_weight_too_small_for_one_window_is_refused(folders: list[Path]) -> None:
    with pytest.raises(
        WrongUse, match=rf"no clip of {folders[1]} would ever come: its weight 1e-06"
    ):
        loader_of(sources(folders, None, 1e-6))


def test_a_rest_too_small_for_one_window_is_refused(folders: list[Path]) -> None:
    with pytest.raises(
        WrongUse, match=rf"no clip of {folders[1]} would ever come: what the others leave is less"
    ):
        loader_of(sources(folders, 1 - 1e-6, None))
