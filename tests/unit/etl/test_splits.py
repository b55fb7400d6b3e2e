"""No person in two splits, unless it is sentences that are told apart; fixed lists for CREMA-D."""

import csv
from collections import Counter
from pathlib import Path

import pytest

from emotalk.config.etl import EtlConfig
from emotalk.errors import WrongUse
from emotalk.schema import ClipLabel
from etl.corpora.listing import SourceClip
from etl.corpora.make_crema_d_splits import SIZES, balanced_splits, imbalance, one_hot
from etl.splits import crema_d_lists, method_of, split_clips
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


@pytest.mark.parametrize(("corpus", "method"), [("mead", "crema_d"), ("folder", "last_sentences")])
def test_a_split_of_another_corpus_is_refused(corpus: str, method: str) -> None:
    with pytest.raises(ValueError, match=f"split.method={method} is of the corpus"):
        config(corpus, method=method)
