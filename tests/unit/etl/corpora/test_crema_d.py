"""CREMA-D: labels come from names and tables; other names are rejected."""

import csv
import os
from collections import Counter
from pathlib import Path

import pytest

from emotalk.errors import WrongUse
from etl.corpora import list_clips
from etl.corpora.crema_d import agreement
from tests.helpers.corpora import config, touch
from tests.helpers.shared import shared_data


@pytest.fixture(scope="module")
def all_names(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with an empty file for each of CREMA-D's 7442 names, and its real tables."""
    real = shared_data("data", "crema_d")
    root = tmp_path_factory.mktemp("crema_d")
    (root / "VideoFlash").mkdir()
    for row in (real / "SentenceFilenames.csv").read_text().splitlines()[1:]:
        stem = row.split(",")[1].strip('"')
        (root / "VideoFlash" / f"{stem}.flv").touch()
    for table in ("summaryTable.csv", "VideoDemographics.csv"):
        (root / table).write_bytes((real / table).read_bytes())
    return root


def test_the_facts_of_crema_d_come_out_of_its_names(all_names: Path) -> None:
    listing = list_clips(config("crema_d", all_names))
    assert len(listing.clips) + len(listing.rejected) == 7442
    assert {r.clip for r in listing.rejected} == {
        f"VideoFlash/{stem}.flv"
        for stem in ("1064_IEO_DIS_MD", "1064_TIE_SAD_XX", "1076_MTI_NEU_XX", "1076_MTI_SAD_XX")
    }
    names = [
        *(clip.label.key for clip in listing.clips),
        *(Path(r.clip).stem for r in listing.rejected),
    ]
    assert Counter(name.split("_")[2] for name in names) == {
        "ANG": 1271, "DIS": 1271, "FEA": 1271, "HAP": 1271, "SAD": 1271, "NEU": 1087,
    }  # fmt: skip
    of_actor = Counter(name.split("_")[0] for name in names)
    odd = {"1008": 76, "1009": 76, "1019": 76, "1002": 81, "1076": 81}
    assert of_actor == {str(actor): odd.get(str(actor), 82) for actor in range(1001, 1092)}
    sexes = {clip.label.actor: clip.label.extra["demographics"]["sex"] for clip in listing.clips}
    assert Counter(sexes.values()) == {"Male": 48, "Female": 43}
    emotions = Counter(clip.label.emotion for clip in listing.clips)
    assert emotions == {
        "anger": 1271, "disgust": 1270, "fear": 1271, "happiness": 1271,
        "neutral": 1086, "sadness": 1269,
    }  # fmt: skip
    actors = Counter(clip.label.actor for clip in listing.clips)
    assert len(actors) == 91
    assert [actors[a] for a in ("1001", "1008", "1009", "1019", "1002", "1076")] == [
        82, 76, 76, 76, 81, 79,
    ]  # fmt: skip


def test_levels_votes_and_demographics_are_kept(all_names: Path) -> None:
    listing = list_clips(config("crema_d", all_names))
    by_key = {clip.label.key: clip.label for clip in listing.clips}
    label = by_key["1001_IEO_HAP_LO"]
    assert (label.actor, label.emotion) == ("1001", "happiness")
    assert label.intensity == pytest.approx(1 / 3)
    assert by_key["1001_IEO_NEU_XX"].intensity is None
    assert label.extra["sentence"] == "IEO"
    assert label.extra["demographics"]["age"] == 51
    assert label.extra["votes"]["both"] == {"vote": "H", "level": 57.38, "agreement": 1.0}
    agreed = Counter(
        clip.label.extra["votes"]["both"]["vote"] == str(clip.label.emotion)[0].upper()
        for clip in listing.clips
        if "votes" in clip.label.extra
    )
    assert agreed[True] / agreed.total() == pytest.approx(0.72, abs=0.01)
    sad = [c.label.extra["votes"]["both"]["vote"] for c in listing.clips
           if c.label.emotion == "sadness" and "votes" in c.label.extra]  # fmt: skip
    assert sad.count("S") / len(sad) == pytest.approx(0.32, abs=0.01)


@pytest.mark.parametrize(
    ("votes", "emotion", "expected"),
    [
        ("A", "ANG", 1),
        ("A:D", "DIS", 0.5),
        ("D:N:S", "SAD", 1 / 3),
        ("N", "SAD", 0),
        ("", "ANG", 0),
    ],
)
def test_agreement_is_the_acted_emotion_s_share_of_the_majority(
    votes: str, emotion: str, expected: float
) -> None:
    assert agreement(votes, emotion) == pytest.approx(expected)


def test_clips_in_which_the_crowd_saw_something_else_can_be_left_out(all_names: Path) -> None:
    def taken(**votes: object) -> int:
        listing = list_clips(config("crema_d", all_names, votes=votes))
        assert len(listing.clips) + len(listing.rejected) + listing.left_out == 7442
        return len(listing.clips)

    rows = list(csv.DictReader((all_names / "summaryTable.csv").open()))
    bad = {"1064_IEO_DIS_MD", "1064_TIE_SAD_XX", "1076_MTI_NEU_XX", "1076_MTI_SAD_XX"}
    acted = {r["FileName"]: r["FileName"].split("_")[2][0] for r in rows}
    alone = sum(
        r["MultiModalVote"] == acted[r["FileName"]] for r in rows if r["FileName"] not in bad
    )
    assert taken(min_agreement=1) == alone
    assert taken(min_agreement=1, of="voice") < alone < taken(min_agreement=0.3) < 7438
    assert taken() == 7438


def one_clip_with_votes(folder: Path, table: str) -> Path:
    (folder / "VideoFlash").mkdir()
    (folder / "VideoFlash" / "1001_IEO_ANG_HI.flv").write_bytes(b"film")
    (folder / "summaryTable.csv").write_text(table)
    return folder


@pytest.mark.parametrize(
    ("cells", "votes"),
    [
        ("A,80.5", {"vote": "A", "level": 80.5, "agreement": 1.0}),
        ("A,1e999", {"vote": "A", "level": "1e999", "agreement": 1.0}),  # JSON holds no infinity
        ("A,nan", {"vote": "A", "level": "nan", "agreement": 1.0}),
        ("A", {"vote": "A", "level": None, "agreement": 1.0}),  # the row ends early
        ("A,7,8,9", {"vote": "A", "level": 7.0, "agreement": 1.0}),  # it is too long
    ],
)
def test_votes_are_read_from_rows_of_any_length(
    tmp_path: Path, cells: str, votes: dict[str, object]
) -> None:
    table = f"FileName,MultiModalVote,MultiModalLevel\n1001_IEO_ANG_HI,{cells}\nlost\n\n"
    listing = list_clips(config("crema_d", one_clip_with_votes(tmp_path, table)))
    assert listing.clips[0].label.extra["votes"] == {"both": votes}


def test_a_table_of_votes_that_is_no_table_is_named(tmp_path: Path) -> None:
    source = one_clip_with_votes(tmp_path, "FileName,VoiceVote\n" + "x" * 200_000)
    with pytest.raises(WrongUse, match=r"summaryTable\.csv: not a table as CREMA-D's is.*limit"):
        list_clips(config("crema_d", source))


def test_a_filter_by_votes_without_votes_is_refused(tmp_path: Path) -> None:
    touch(tmp_path, "VideoFlash/1001_IEO_ANG_HI.flv")
    with pytest.raises(WrongUse, match=r"min_agreement is 0\.5.*no summaryTable\.csv"):
        list_clips(config("crema_d", tmp_path, votes={"min_agreement": 0.5}))


def test_names_outside_the_grammar_are_rejected_by_name(tmp_path: Path) -> None:
    touch(tmp_path, "VideoFlash/1001_IEO_ANG_HI.flv", "VideoFlash/1001_IEO_JOY_HI.flv")
    touch(tmp_path, "VideoFlash/copy of 1001.flv", "AudioWAV/1001_IEO_ANG_HI.wav")
    listing = list_clips(config("crema_d", tmp_path))
    assert [c.label.key for c in listing.clips] == ["1001_IEO_ANG_HI"]
    assert listing.clips[0].audio == tmp_path / "AudioWAV" / "1001_IEO_ANG_HI.wav"
    assert {(r.clip, r.reason) for r in listing.rejected} == {
        ("VideoFlash/1001_IEO_JOY_HI.flv", "unknown_name"),
        ("VideoFlash/copy of 1001.flv", "unknown_name"),
    }


def test_names_that_are_no_text_are_rejected_by_a_name_that_can_be_written(tmp_path: Path) -> None:
    touch(tmp_path, "VideoFlash/1001_IEO_ANG_HI.flv")
    raw = os.fsencode(tmp_path / "VideoFlash") + b"/clip_\xe9.flv"
    os.close(os.open(raw, os.O_CREAT))
    (rejected,) = list_clips(config("crema_d", tmp_path)).rejected
    assert rejected.clip == r"VideoFlash/clip_\udce9.flv"
    assert (rejected.clip + rejected.message).encode()
