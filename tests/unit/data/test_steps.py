"""A row of a batch holds its own clip's speech, and other clips' where others are asked for."""

import itertools
from dataclasses import replace
from pathlib import Path

import pytest

from emotalk.config.data import DataConfig
from emotalk.data.batch import ClipBatch
from emotalk.data.loader import build_loader
from emotalk.schema import EMOTIONS, UNKNOWN_EMOTION
from emotalk.shards.shard_set import ShardSet
from tests.helpers.loader import loader_of, taken
from tests.helpers.shard_set import (
    empty_members,
    made_clips,
    sound_level,
    told_apart,
    write_shard_set,
)

KEYS = [clip.key for clip in made_clips(5)]
LEVELS = {key: sound_level(key) for key in KEYS}


@pytest.fixture(scope="module")
def batches(tmp_path_factory: pytest.TempPathFactory) -> list[ClipBatch]:
    """Eight batches of five clips, each of which sounds at a level of its own."""
    folder = tmp_path_factory.mktemp("levels")
    write_shard_set(folder, [("train", made_clips(5))], members_of=told_apart)
    config = DataConfig(
        workers=0, batch_size=5, frames=8, speech_margin_frames=0, speech_level="none",
        other_speech=True, babble_voices=2,
    )  # fmt: skip
    loader = build_loader(config, ShardSet.open(str(folder)), "train", 3, EMOTIONS)
    return list(itertools.islice(iter(loader), 8))


def test_a_row_holds_the_speech_of_its_own_clip(batches: list[ClipBatch]) -> None:
    for batch in batches:
        for key, speech_S in zip(batch.keys, batch.speech_BS, strict=True):
            assert set(speech_S.tolist()) == {LEVELS[key]}


def test_other_speech_is_never_the_clips_own_and_of_any_other(batches: list[ClipBatch]) -> None:
    heard = set()
    for batch in batches:
        assert batch.other_speech_BS is not None
        for key, other_S in zip(batch.keys, batch.other_speech_BS, strict=True):
            (level,) = set(other_S.tolist())
            assert level in LEVELS.values()
            assert level != LEVELS[key]
            heard.add(level)
    assert heard == set(LEVELS.values())


def test_babble_is_the_sum_of_other_clips(batches: list[ClipBatch]) -> None:
    pairs = set()
    for batch in batches:
        assert batch.babble_BS is not None
        for key, babble_S in zip(batch.keys, batch.babble_BS, strict=True):
            others = [level for name, level in LEVELS.items() if name != key]
            (total,) = set(babble_S.tolist())
            assert total in {a + b for a, b in itertools.product(others, repeat=2)}
            pairs.add(total)
    assert len(pairs) > 4, "the voices are drawn apart"


@pytest.mark.parametrize("mixed", [1, 2, 6])
def test_as_many_shards_are_mixed_as_the_configuration_says(
    tmp_path_factory: pytest.TempPathFactory, mixed: int
) -> None:
    """Six shards of six clips: the first `6 x mixed` places of an epoch come of `mixed` shards."""
    folder = tmp_path_factory.mktemp("mixed")
    clips = made_clips(36, frames=(8,))
    shards = [("train", clips[at : at + 6]) for at in range(0, 36, 6)]
    write_shard_set(folder, shards, members_of=empty_members)
    config = DataConfig(workers=0, batch_size=6, frames=8, shuffle_shards=mixed)
    order = build_loader(config, ShardSet.open(str(folder)), "train", 3, EMOTIONS).batches.order
    first = [order.place(number).sample // 6 for number in range(36)][: 6 * mixed]
    assert len(set(first)) == mixed
    assert (first != sorted(first, key=first.index)) == (mixed > 1), "mixed with one another"


def test_a_row_of_unknown_emotion_has_no_index_and_no_level(tmp_path: Path) -> None:
    clips = [replace(clip, intensity=0.3) for clip in made_clips(4)]
    clips[1] = replace(clips[1], emotion=None)
    write_shard_set(tmp_path, [("train", clips)])
    (batch,) = taken(loader_of(tmp_path), 1)
    rows = dict(zip(batch.keys, zip(batch.emotion_B.tolist(), batch.intensity_B.tolist(),
                                    strict=True), strict=True))  # fmt: skip
    assert rows["clip0001"] == (UNKNOWN_EMOTION, 1.0)
    assert rows["clip0000"] == (0, pytest.approx(0.3))
    assert batch.valid_B.all()
