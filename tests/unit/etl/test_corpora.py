"""Labels come from names and tables, and what they do not say is refused or counted."""

import csv
import os
from collections import Counter
from pathlib import Path

import pytest

from emotalk.config.etl import EtlConfig
from emotalk.errors import WrongUse
from emotalk.shards.manifest import SampleEntry
from etl.corpora import list_clips
from etl.corpora.crema_d import agreement
from etl.corpora.folder import key_of
from etl.job.plan import make_plan
from tests.helpers.shared import shared_data


def config(corpus: str, source: Path, **more: object) -> EtlConfig:
    tree = {"corpus": corpus, "source": str(source), "output": "out", **more}
    return EtlConfig.model_validate(tree)


def touch(root: Path, *names: str) -> Path:
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")
    return root


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
        clip.label.extra["votes"]["both"]["vote"] == clip.label.emotion[0].upper()
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


@pytest.mark.parametrize("corpus", ["crema_d", "mead", "folder"])
def test_a_source_that_is_not_there_or_not_that_corpus_is_refused(
    tmp_path: Path, corpus: str
) -> None:
    with pytest.raises(WrongUse, match="no such folder"):
        list_clips(config(corpus, tmp_path / "nowhere"))
    with pytest.raises(WrongUse, match=r"VideoFlash|ACTOR/video|clips\.csv"):
        list_clips(config(corpus, tmp_path))


def test_mead_is_read_by_its_paths(tmp_path: Path) -> None:
    touch(
        tmp_path,
        "M003/video/front/angry/level_3/001.mp4",
        "M003/audio/angry/level_3/001.m4a",
        "M003/video/front/neutral/level_1/002.mp4",
        "M003/video/left_30/angry/level_3/001.mp4",
        "W009/video/front/contempt/level_2/001.mp4",
        "W009/video/front/bored/level_2/001.mp4",
    )
    listing = list_clips(config("mead", tmp_path))
    labels = {clip.label.key: clip for clip in listing.clips}
    assert set(labels) == {"M003_front_angry_level_3_001", "M003_front_neutral_level_1_002"}
    angry = labels["M003_front_angry_level_3_001"]
    assert (angry.label.actor, angry.label.emotion, angry.label.intensity) == ("M003", "anger", 1.0)
    assert angry.audio == tmp_path / "M003/audio/angry/level_3/001.m4a"
    assert labels["M003_front_neutral_level_1_002"].label.intensity is None
    assert [r.clip for r in listing.rejected] == ["W009/video/front/bored/level_2/001.mp4"]
    assert listing.left_out == 2
    eight = list_clips(config("mead", tmp_path, emotions="mead8", views=["front", "left_30"]))
    assert {clip.label.emotion for clip in eight.clips} == {"anger", "neutral", "contempt"}
    assert len(eight.clips) == 4


def test_mead_copied_into_one_folder_is_read_by_its_names(tmp_path: Path) -> None:
    touch(
        tmp_path,
        "M003_front_angry_level_3_001.mp4",
        "M003_angry_level_3_001.m4a",
        "test/W009_left_30_sad_level_1_030.mp4",
        "test/W009_left_30_sad_level_1_030.m4a",
        "other.mp4",
    )
    listing = list_clips(config("mead", tmp_path, views=["front", "left_30"]))
    assert {clip.label.key: clip.audio for clip in listing.clips} == {
        "M003_front_angry_level_3_001": tmp_path / "M003_angry_level_3_001.m4a",
        "W009_left_30_sad_level_1_030": tmp_path / "test/W009_left_30_sad_level_1_030.m4a",
    }
    assert [r.clip for r in listing.rejected] == ["other.mp4"]


@pytest.mark.parametrize(
    ("video", "sound", "key"),
    [
        ("M003/front/angry/level_3/001.mp4", None, "M003_front_angry_level_3_001"),
        (
            "MEAD/M003/video/down/sad/level_1/002.mp4",
            "MEAD/M003/audio/sad/level_1/002.m4a",
            "M003_down_sad_level_1_002",
        ),
        (
            "M005/front/angry/level_1/M005_front_angry_level_1_001.mp4",
            "M005/audio/angry/level_1/001.m4a",
            "M005_front_angry_level_1_001",
        ),
        ("W028_front_angry_level3_001.mp4", "W028_angry_level3_001.m4a",
         "W028_front_angry_level_3_001"),
        ("M003_angry_3_024.mp4", "M003_angry_3_024.m4a", "M003_front_angry_level_3_024"),
        ("x/M003_happy_L2_002.mp4", "x/M003_happy_L2_002.m4a", "M003_front_happy_level_2_002"),
        ("M003_left_30_fear_level_2_002.mp4", None, "M003_left_30_fear_level_2_002"),
    ],
)  # fmt: skip
def test_the_names_and_folders_that_people_give_mead_are_all_read(
    tmp_path: Path, video: str, sound: str | None, key: str
) -> None:
    touch(tmp_path, video, *([] if sound is None else [sound]))
    views = ["front", "down", "top", "left_30", "left_60", "right_30", "right_60"]
    (clip,) = list_clips(config("mead", tmp_path, views=views)).clips
    assert (clip.label.key, clip.label.clip) == (key, video)
    assert clip.label.extra["level"] in key
    assert clip.audio == (None if sound is None else tmp_path / sound)


def test_a_video_of_another_kind_among_mead_s_is_counted_as_unknown(tmp_path: Path) -> None:
    touch(tmp_path, "M003/video/front/angry/level_3/001.mp4")
    touch(tmp_path, "M003/video/front/angry/level_3/002.MOV", "notes.txt")
    listing = list_clips(config("mead", tmp_path))
    assert [r.clip for r in listing.rejected] == ["M003/video/front/angry/level_3/002.MOV"]


def test_folders_that_are_links_are_walked_into_and_circles_are_not(tmp_path: Path) -> None:
    disk = touch(tmp_path / "disk", "video/front/angry/level_3/001.mp4")
    root = tmp_path / "mead"
    root.mkdir()
    (root / "M003").symlink_to(disk)
    (disk / "video" / "back").symlink_to(root)
    listing = list_clips(config("mead", root))
    assert [clip.label.key for clip in listing.clips] == ["M003_front_angry_level_3_001"]


def test_names_that_are_no_text_are_rejected_by_a_name_that_can_be_written(tmp_path: Path) -> None:
    touch(tmp_path, "VideoFlash/1001_IEO_ANG_HI.flv")
    raw = os.fsencode(tmp_path / "VideoFlash") + b"/clip_\xe9.flv"
    os.close(os.open(raw, os.O_CREAT))
    (rejected,) = list_clips(config("crema_d", tmp_path)).rejected
    assert rejected.clip == r"VideoFlash/clip_\udce9.flv"
    assert (rejected.clip + rejected.told).encode()


def table(root: Path, text: str) -> EtlConfig:
    (root / "clips.csv").write_text(text, encoding="utf-8")
    return config("folder", root)


def test_a_folder_is_read_by_its_table(tmp_path: Path) -> None:
    listing = list_clips(
        table(
            tmp_path,
            "clip,actor,emotion,level,take\n"
            "a/b c.mp4,anna,happiness,HI,3\nö.mov,bo,SAD,0.25,\nx.mp4,bo,neutral,,\n",
        )
    )
    labels = [clip.label for clip in listing.clips]
    assert [label.key for label in labels] == ["a_b c_mp4", "ö_mov", "x_mp4"]
    assert [label.emotion for label in labels] == ["happiness", "sadness", "neutral"]
    assert [label.intensity for label in labels] == [1.0, 0.25, None]
    assert labels[0].extra == {"take": "3"}
    assert listing.clips[0].video == tmp_path / "a/b c.mp4"
    assert key_of("a/b.c.mp4") == "a_b_c_mp4"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("clip,emotion\na.mp4,anger\n", "no column actor"),
        ("clip,actor,emotion\na.mp4,x,joyful\nb.mp4,x,calm\n", "2 rows.*\n.*line 2.*\n.*line 3"),
        ("clip,actor,emotion,level\na.mp4,x,anger,loud\n", "level 'loud' is neither"),
        ("clip,actor,emotion\n../a.mp4,x,anger\n", "not a path inside the source"),
        ("clip,actor,emotion\na.mp4,,anger\n", "must not be empty"),
        ("clip,actor,emotion\n", "names no clip"),
        ("clip,actor,emotion\na\x07.mp4,x,anger\n", r"'a\\x07\.mp4' holds control characters"),
        ('clip,actor,emotion\n"a\nb.mp4",x,anger\n', "holds control characters"),
        (f"clip,actor,emotion\n{'ü' * 99}.mp4,x,anger\n", "longer than 200 bytes"),
        ('clip,actor,emotion\n"a.mp4,x,anger\nb.mp4,x,anger\n', "is no CSV"),
        ("clip;actor;emotion\na.mp4;x;anger\n", "no column clip.*found: clip;actor;emotion"),
        ("", "no column clip, actor, emotion .found: none"),
        (
            "clip,actor,emotion\na.mp4,x,anger\n./a.mp4,y,sad\n",
            r"line 3: clip '\./a.mp4' .* line 2",
        ),
        (
            "clip,actor,emotion\nb//a.mp4,x,anger\n\nb/a.mp4,y,sad\n",
            "line 4: clip 'b/a.mp4' is the",
        ),
        ("clip,actor,emotion\n\u00e9.mp4,x,fear\ne\u0301.mp4,y,sad\n", "is the file of line 2"),
        ("clip,actor,emotion\n.,x,anger\n", "'.' is not a path inside the source"),
        ("clip,actor,emotion\na.mp4,x\u2028y,anger\n", r"'x\\u2028y' holds control characters"),
        ("clip,actor,emotion\na\u202e.mp4,x,anger\n", "or marks of lines or of direction"),
        (f"clip,actor,emotion\na.mp4,{'x' * 1001},anger\n", "longer than 1000 bytes"),
        ("clip,actor,emotion,clip\na.mp4,x,anger,b.mp4\n", "2 columns clip; name each once"),
    ],
)
def test_a_table_that_cannot_be_used_is_refused(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(WrongUse, match=message):
        list_clips(table(tmp_path, text))


def test_columns_of_any_number_are_named_in_a_line(tmp_path: Path) -> None:
    with pytest.raises(WrongUse, match="no column clip, actor, emotion") as refusal:
        list_clips(table(tmp_path, "x," * 100_000))
    assert len(str(refusal.value)) < 1000


def test_names_that_a_table_may_hold_are_those_that_an_index_may_hold(tmp_path: Path) -> None:
    """What the corpus lets through, the loader of the finished set must read."""
    names = [
        "anna",
        "\u05d0\u05d1",
        "\u200f\u05d0",
        "a\u2029b",
        "x" * 1000,
        "x" * 1001,
        "\U0001f600",
    ]
    for name in names:
        rows = f'clip,actor,emotion\n"{name[:50]}.mp4","{name}",fear\n'
        try:
            label = list_clips(table(tmp_path, rows)).clips[0].label
        except WrongUse:
            continue
        entry = {"key": label.key, "actor": label.actor, "emotion": label.emotion, "frames": 5}
        assert SampleEntry.model_validate(entry | {"members": {}}).actor == name


def test_a_table_from_a_spreadsheet_is_read_like_any_other(tmp_path: Path) -> None:
    rows = '\ufeffClip ,actor,emotion\r\na.mp4, anna ,Happiness\r\n\r\n"b, c.mp4",bo,sad\r\n'
    (tmp_path / "clips.csv").write_bytes(rows.replace("Clip ", "clip ").encode())
    labels = [clip.label for clip in list_clips(config("folder", tmp_path)).clips]
    assert [(label.clip, label.actor, label.emotion) for label in labels] == [
        ("a.mp4", "anna", "happiness"),
        ("b, c.mp4", "bo", "sadness"),
    ]


def test_a_table_in_another_encoding_is_refused(tmp_path: Path) -> None:
    (tmp_path / "clips.csv").write_bytes("clip,actor,emotion\nö.mp4,x,anger\n".encode("utf-16"))
    with pytest.raises(WrongUse, match=r"clips\.csv: not UTF-8 text"):
        list_clips(config("folder", tmp_path))


@pytest.mark.parametrize(
    "rows", ["a.mp4,x,anger\na.mp4,x,anger\n", "a/b.mp4,x,sad\na_b.mp4,x,sad\n"]
)
def test_rows_that_share_a_key_are_refused(tmp_path: Path, rows: str) -> None:
    with pytest.raises(WrongUse, match="1 keys belong to several clips"):
        make_plan(table(tmp_path, f"clip,actor,emotion\n{rows}"))


def test_cells_of_any_length_are_named_in_a_line(tmp_path: Path) -> None:
    """A level of 20,000 digits is no number from 0 to 1, and no message holds it whole."""
    rows = [
        ("a.mp4", "x", "anger", "9" * 20_000),
        ("b.mp4", "x", "anger", "0" * 20_000 + "x"),
        ("c.mp4", "x", "\x1b[2J" * 3000, "LO"),
        ("d.mp4", "x", "anger", "0.25"),
    ]
    table = "\n".join(["clip,actor,emotion,level", *(",".join(row) for row in rows)])
    (tmp_path / "clips.csv").write_text(table)
    with pytest.raises(WrongUse, match="3 rows cannot be used") as refusal:
        list_clips(EtlConfig(corpus="folder", source=str(tmp_path), output=tmp_path / "out"))
    assert len(str(refusal.value)) < 3000
    assert "\x1b" not in str(refusal.value)
