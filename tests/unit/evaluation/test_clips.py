"""Clips are chosen fairly and read whole, or named as faulty."""

from collections import Counter
from itertools import product
from pathlib import Path

import numpy as np
import pytest

from emotalk.config.data import RemoteConfig
from emotalk.evaluation.clips import choose_clips, read_clip, read_sentence, spread_clips
from emotalk.schema import EMOTIONS
from emotalk.seeding import draw_seed
from emotalk.shards.reader import DataFault, SampleReader
from emotalk.shards.sample_table import Sample
from emotalk.shards.shard_set import ShardSet
from tests.helpers.broken_sets import BROKEN
from tests.helpers.drawn_shards import DrawnClip


def sample(actor: int, emotion: str, number: int) -> Sample:
    return Sample(f"{actor}_{emotion}_{number}", 30, str(actor), emotion, 1.0, 0, {})


SAMPLES = [sample(*parts) for parts in product(range(4), EMOTIONS, range(5))]


def test_a_few_clips_are_spread_over_actors_and_emotions() -> None:
    chosen = choose_clips(SAMPLES, 24, seed=0)
    assert set(Counter((s.actor, s.emotion) for s in chosen).values()) == {1}
    few = choose_clips(SAMPLES, 12, seed=0)
    assert set(Counter(s.emotion for s in few).values()) == {2}
    assert set(Counter(s.actor for s in few).values()) == {3}


def test_the_choice_depends_on_the_seed_and_not_on_the_order() -> None:
    assert choose_clips(SAMPLES[::-1], 30, seed=1) == choose_clips(SAMPLES, 30, seed=1)
    assert choose_clips(SAMPLES, 30, seed=1) != choose_clips(SAMPLES, 30, seed=2)


def test_no_count_means_all_in_the_order_of_the_keys() -> None:
    assert [s.key for s in choose_clips(SAMPLES, 0, seed=0)] == sorted(s.key for s in SAMPLES)


@pytest.mark.parametrize("count", [1, 7, 100, 0])
def test_validation_draws_the_clips_that_published_runs_were_validated_on(count: int) -> None:
    """By hand: each emotion's clips in the order of their draw, one emotion after the other."""
    rows = [
        sorted(
            (s for s in SAMPLES if s.emotion == emotion),
            key=lambda s: draw_seed(5, "validation", s.key),
        )
        for emotion in sorted(EMOTIONS)
    ]
    turns = [row[turn] for turn in range(20) for row in rows if turn < len(row)]
    chosen = spread_clips(SAMPLES[::-1], count, seed=5, purpose="validation", over_actors=False)
    assert chosen == turns[: count or None]


def test_a_clip_is_read_whole(
    shards: Path, drawn_clips: dict[tuple[int, str, str], DrawnClip]
) -> None:
    shard_set = ShardSet.open(str(shards), RemoteConfig())
    reader, samples = SampleReader(shard_set), shard_set.split("test").samples
    wanted = next(s for s in samples if s.key == "1001_IEO_happiness")
    clip, drawn = read_clip(reader, wanted), drawn_clips[0, "IEO", "happiness"]
    np.testing.assert_array_equal(clip.landmarks_TLP, drawn.landmarks_TLP)
    np.testing.assert_allclose(clip.audio_S, drawn.speech_S, atol=1e-4)
    assert np.abs(clip.video_THWC.astype(int) - drawn.frames_THWC).mean() < 3
    still = drawn_clips[0, "TIE", "neutral"].frames_THWC[0]
    np.testing.assert_array_equal(clip.neutral_HWC, still)
    assert read_sentence(reader, wanted) == "IEO"


def test_a_missing_member_is_named(shards: Path) -> None:
    shard_set = ShardSet.open(str(shards), RemoteConfig())
    first = shard_set.split("test").samples[0]
    members = {name: place for name, place in first.members.items() if name != "wav"}
    lacking = Sample(first.key, first.frames, first.actor, first.emotion, 1.0, 0, members)
    with pytest.raises(DataFault, match=r"lacks sound \(flac or wav\)"):
        read_clip(SampleReader(shard_set), lacking)


def test_a_broken_json_is_a_fault_of_the_sample(tmp_path: Path) -> None:
    BROKEN["json garbage"][0](tmp_path)
    shard_set = ShardSet.open(str(tmp_path))
    broken, whole = shard_set.split("train").samples
    with pytest.raises(DataFault, match="clip0000: member json: not valid JSON") as found:
        read_sentence(SampleReader(shard_set), broken)
    assert "data.on_fault" not in str(found.value), "a setting of the training"
    assert read_sentence(SampleReader(shard_set), whole) == "clip0001"
