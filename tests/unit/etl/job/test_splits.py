"""No person in two splits, unless it is sentences that are told apart; fixed lists for CREMA-D."""

import csv
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emotalk.config.etl import EtlConfig, SplitConfig
from emotalk.errors import WrongUse
from emotalk.schema import ClipLabel
from etl.corpora.listing import SourceClip
from etl.corpora.make_crema_d_splits import SIZES, balanced_splits, imbalance, one_hot
from etl.job.splits import crema_d_lists, method_of, split_clips, split_groups
from tests.helpers.shared import shared_data


def config(corpus: str = "crema_d", **split: object) -> EtlConfig:
    return EtlConfig.model_validate(
        {"corpus": corpus, "source": "x", "output": "y", "split": split}
    )


def clips_of(*actors: str) -> dict[str, SourceClip]:
    labels = [
        ClipLabel(f"{actor}_{n}", f"{actor}/{n}", actor, "anger") for actor in actors for n in "ab"
    ]
    return {label.key: SourceClip(label, Path(label.clip)) for label in labels}


def test_crema_d_s_lists_hold_each_of_its_actors_once() -> None:
    lists = crema_d_lists()
    assert sorted(lists) == [str(number) for number in range(1001, 1092)]
    assert Counter(lists.values()) == {"train": 70, "val": 10, "test": 11}


def test_the_committed_lists_are_what_the_script_makes_and_they_are_balanced() -> None:
    with shared_data("data", "crema_d", "VideoDemographics.csv").open(newline="") as file:
        people = sorted(csv.DictReader(file), key=lambda row: row["ActorID"])
    assert balanced_splits(people) == crema_d_lists()
    traits = one_hot(people)
    where = {row["ActorID"]: number for number, row in enumerate(people)}
    order = [
        where[a] for s in ("train", "val", "test") for a, of in crema_d_lists().items() if of == s
    ]
    # A share of a split's actors with a given sex, race, ethnicity or age group is nowhere further
    # than 8 points from that of all actors; one person is 10 points of the validation split.
    assert imbalance(traits[order]) < 0.08
    assert imbalance(traits) > 0.08  # as they are numbered they are not
    by_hand = abs(traits[order][: SIZES[0], 0].mean() - traits[:, 0].mean())
    assert by_hand <= imbalance(traits[order])


def test_the_whole_of_crema_d_is_split_by_the_lists_and_a_part_by_shares() -> None:
    everyone = clips_of(*crema_d_lists())
    assert method_of(config(), everyone.values()) == "crema_d"
    split = split_clips(config(), everyone)
    assert all(split[f"{a}_{n}"] == s for a, s in crema_d_lists().items() for n in "ab")
    some = clips_of(*list(crema_d_lists())[:20])
    assert method_of(config(), some.values()) == "shares"
    assert method_of(config(method="shares"), everyone.values()) == "shares"
    assert split_clips(config(method="crema_d"), some)["1001_a"] == crema_d_lists()["1001"]


def test_an_actor_in_no_list_is_refused() -> None:
    with pytest.raises(WrongUse, match=r"actor 2001 is none of CREMA-D's 91.*shares"):
        split_clips(config(method="crema_d"), clips_of("1001", "2001"))


def mead_clips() -> dict[str, SourceClip]:
    clips = {}
    for view in ("front", "left_30"):
        for number in range(1, 31):
            label = ClipLabel(
                f"M003_{view}_angry_level_3_{number:03d}", f"{view}/{number:03d}", "M003", "anger",
                extra={"level": "level_3", "number": f"{number:03d}", "view": view},
            )  # fmt: skip
            clips[label.key] = SourceClip(label, Path(label.clip))
    return clips


def test_mead_s_last_sentences_are_its_test_set_in_every_view() -> None:
    split = split_clips(
        config("mead", method="last_sentences", shares=[0.8, 0.1, 0.1]), mead_clips()
    )
    for view in ("front", "left_30"):
        names = [split[f"M003_{view}_angry_level_3_{n:03d}"] for n in range(1, 31)]
        assert names == ["train"] * 24 + ["val"] * 3 + ["test"] * 3


@st.composite
def recordings(draw: st.DrawFn) -> dict[str, SourceClip]:
    """Some of the recordings that MEAD could hold: any views and levels of any sentences."""
    fields = st.tuples(
        st.sampled_from(["M003", "W009"]), st.sampled_from(["anger", "neutral"]),
        st.integers(1, 3), st.sampled_from(["front", "left_30"]), st.integers(1, 30),
    )  # fmt: skip
    clips = {}
    for actor, emotion, level, view, number in draw(st.sets(fields, min_size=3, max_size=80)):
        extra = {"level": f"level_{level}", "number": f"{number:03d}", "view": view}
        key = f"{actor}_{view}_{emotion}_level_{level}_{number:03d}"
        clips[key] = SourceClip(ClipLabel(key, key, actor, emotion, extra=extra), Path(key))
    return clips


def said(clip: SourceClip) -> tuple[str, str | None, object]:
    extra = clip.label.extra
    return clip.label.actor, clip.label.emotion, extra.get("number") or extra.get("sentence")


SHARES = st.sampled_from([(0.7, 0.15, 0.15), (0.8, 0.1, 0.1), (0.5, 0.0, 0.5), (1.0, 0.0, 0.0)])


@settings(max_examples=100, deadline=None)
@given(recordings(), SHARES)
def test_no_sentence_of_an_actor_and_emotion_is_in_two_splits(
    clips: dict[str, SourceClip], shares: tuple[float, float, float]
) -> None:
    split = split_clips(config("mead", method="last_sentences", shares=shares), clips)
    assert set(split) == set(clips)
    where: dict[object, set[str]] = {}
    for key, clip in clips.items():
        where.setdefault(said(clip), set()).add(split[key])
    assert all(len(splits) == 1 for splits in where.values())
    order = ("train", "val", "test")
    for one in clips.values():  # the last ones are test
        for other in clips.values():
            if said(one)[:2] == said(other)[:2] and str(said(one)[2]) < str(said(other)[2]):
                assert order.index(split[one.label.key]) <= order.index(split[other.label.key])


@settings(max_examples=100, deadline=None)
@given(recordings(), st.integers(0, 3))
def test_a_split_by_clip_keeps_the_levels_and_views_of_a_sentence_together(
    clips: dict[str, SourceClip], seed: int
) -> None:
    given_ = config("mead", by="clip", seed=seed, shares=(0.5, 0.0, 0.5))
    if len({said(clip) for clip in clips.values()}) < 2:
        with pytest.raises(WrongUse, match="cannot fill"):
            split_clips(given_, clips)
        return
    split = split_clips(given_, clips)
    where: dict[object, set[str]] = {}
    for key, clip in clips.items():
        where.setdefault(said(clip), set()).add(split[key])
    assert all(len(splits) == 1 for splits in where.values())
    assert set(split.values()) == {"train", "test"}


def test_three_levels_of_a_crema_d_sentence_are_one_group() -> None:
    clips = {}
    for sentence in ("IEO", "TIE", "DFA", "WSI"):
        for level in ("LO", "MD", "HI"):
            key = f"1001_{sentence}_ANG_{level}"
            label = ClipLabel(key, key, "1001", "anger", extra={"sentence": sentence})
            clips[key] = SourceClip(label, Path(key))
    split = split_clips(config(by="clip", shares=(0.5, 0.25, 0.25)), clips)
    assert Counter(split.values()) == {"train": 6, "val": 3, "test": 3}
    assert all(len({split[key] for key in clips if key[5:8] == s}) == 1 for s in ("IEO", "TIE"))


def test_clips_of_unknown_words_are_split_one_by_one_as_ever() -> None:
    clips = clips_of("a", "b", "c")
    by_key = split_groups(set(clips), SplitConfig(by="clip", seed=4))
    assert split_clips(config("folder", by="clip", seed=4), clips) == by_key


@pytest.mark.parametrize(
    ("sentences", "sizes"), [(1, [1, 0, 0]), (2, [1, 0, 1]), (3, [1, 1, 1]), (30, [21, 5, 4])]
)
def test_a_few_sentences_are_learnt_from_first_then_measured(
    sentences: int, sizes: list[int]
) -> None:
    clips = dict(list(mead_clips().items())[:sentences])
    split = list(split_clips(config("mead", method="last_sentences"), clips).values())
    assert [split.count(name) for name in ("train", "val", "test")] == sizes


@pytest.mark.parametrize(("corpus", "method"), [("mead", "crema_d"), ("folder", "last_sentences")])
def test_a_split_of_another_corpus_is_refused(corpus: str, method: str) -> None:
    with pytest.raises(ValueError, match=f"split.method={method} is of the corpus"):
        config(corpus, method=method)
