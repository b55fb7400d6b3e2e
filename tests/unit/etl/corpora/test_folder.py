"""A folder of clips: labels come from its table; rows that cannot be used are refused."""

from pathlib import Path

import pytest

from emotalk.config.etl import EtlConfig
from emotalk.errors import WrongUse
from emotalk.shards.index import SampleEntry
from etl.corpora import list_clips
from etl.corpora.folder import key_of
from etl.job.plan import make_plan
from tests.helpers.corpora import config


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


def test_an_empty_emotion_is_unknown(tmp_path: Path) -> None:
    rows = "a.mp4,x,,HI\nb.mp4,x,Unknown,\nc.mp4,y,sad,\n"
    listing = list_clips(table(tmp_path, f"clip,actor,emotion,level\n{rows}"))
    assert [clip.label.emotion for clip in listing.clips] == [None, None, "sadness"]
    assert listing.left_out == 0
