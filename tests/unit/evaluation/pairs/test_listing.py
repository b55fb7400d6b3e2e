"""Pairs are found by name or by a table, and what has no partner is named."""

import os
from pathlib import Path

import pytest

from emotalk.errors import WrongUse
from emotalk.evaluation.pairs.listing import UNKNOWN_ACTOR, Pair, list_pairs


def touch(folder: Path, *names: str) -> Path:
    for name in names:
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(b"x")
    return folder


def table(folder: Path, text: str) -> Path:
    (folder / "pairs.csv").write_text(text)
    return folder


def test_files_are_paired_by_their_names_whatever_their_suffixes(tmp_path: Path) -> None:
    folder = touch(tmp_path, "generated/a.mp4", "true/a.mpg", "generated/b.mkv", "true/b.mkv")
    assert list_pairs(folder).pairs == [
        Pair("a", folder / "generated/a.mp4", folder / "true/a.mpg", UNKNOWN_ACTOR),
        Pair("b", folder / "generated/b.mkv", folder / "true/b.mkv", UNKNOWN_ACTOR),
    ]


def test_a_folder_between_is_the_actor(tmp_path: Path) -> None:
    folder = touch(tmp_path, "generated/ann/a.mp4", "true/ann/a.mp4", "generated/a.mp4",
                   "true/a.mp4")  # fmt: skip
    assert [(pair.key, pair.actor) for pair in list_pairs(folder).pairs] == [
        ("a", UNKNOWN_ACTOR), ("ann_a", "ann"),
    ]  # fmt: skip


def test_files_without_a_partner_are_named_and_hidden_ones_are_not_videos(tmp_path: Path) -> None:
    folder = touch(tmp_path, "generated/a.mp4", "true/a.mp4", "generated/only.mp4",
                   "true/lonely.mp4", "true/.DS_Store", "true/.cache/b.mp4")  # fmt: skip
    found = list_pairs(folder)
    assert [pair.key for pair in found.pairs] == ["a"]
    assert found.left_out == {
        "generated/only.mp4": "no true/only.*",
        "true/lonely.mp4": "no generated/lonely.*",
    }


def test_a_table_names_actor_emotion_and_text(tmp_path: Path) -> None:
    rows = "generated,true,actor,emotion,text\nx/a.mp4,t.mp4,ann,Fear,bin blue\ny/a.mp4,t.mp4,,,\n"
    pairs = list_pairs(table(tmp_path, rows)).pairs
    assert pairs == [
        Pair("x_a", tmp_path / "x/a.mp4", tmp_path / "t.mp4", "ann", "fear", "bin blue"),
        Pair("y_a", tmp_path / "y/a.mp4", tmp_path / "t.mp4", UNKNOWN_ACTOR, None, None),
    ]


def test_keys_are_unique(tmp_path: Path) -> None:
    rows = "generated,true\na b.mp4,t.mp4\na_b.mp4,t.mp4\na.b.mp4,t.mp4\n"
    assert [pair.key for pair in list_pairs(table(tmp_path, rows)).pairs] == [
        "a_b", "a_b-2", "a_b-3",
    ]  # fmt: skip


def test_a_name_in_the_table_is_the_key(tmp_path: Path) -> None:
    rows = "generated,true,name\nours/1.mp4,t.mp4,first clip\nours/2.mp4,u.mp4,\n"
    assert [pair.key for pair in list_pairs(table(tmp_path, rows)).pairs] == [
        "first_clip", "ours_2",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ("generated,true\n../a.mp4,t.mp4\n", "line 2: generated '../a.mp4' is no path inside"),
        ("generated,true\na.mp4,/etc/passwd\n", "true '/etc/passwd' is no path inside"),
        ("generated,true\n,t.mp4\n", "generated '' is no path"),
        ("generated\na.mp4\n", "needed once each: generated, true"),
        ("generated,true,mood\na,b,c\n", "allowed: name, actor, emotion, text"),
        ("generated,true,true\na,b,c\n", "needed once each"),
        ("generated,true,emotion\na.mp4,t.mp4,glee\n", "'glee' is none of anger, disgust"),
        ("generated,true,actor\na.mp4,t.mp4,\x1b[2J\n", "control characters"),
        ('generated,true\n"a.mp4,t.mp4\n', "cannot be read as a table"),
        ("generated,true\n", "holds no pair"),
    ],
)
def test_a_table_that_cannot_be_used_is_refused(tmp_path: Path, rows: str, message: str) -> None:
    with pytest.raises(WrongUse, match=message.replace("[", r"\[").replace("/", "/")):
        list_pairs(table(tmp_path, rows))


def test_a_folder_without_pairs_says_how_it_is_laid_out(tmp_path: Path) -> None:
    with pytest.raises(WrongUse, match=r"no folder.*generated/NAME.mp4"):
        list_pairs(tmp_path / "nowhere")
    with pytest.raises(WrongUse, match=r"holds no pair \(no files\).*pairs.csv"):
        list_pairs(tmp_path)
    with pytest.raises(WrongUse, match=r"holds no pair \(generated/a.mp4: no true/a"):
        list_pairs(touch(tmp_path, "generated/a.mp4", "true/b.mp4"))


def test_two_files_of_one_name_are_refused(tmp_path: Path) -> None:
    folder = touch(tmp_path, "generated/a.mp4", "generated/a.avi", "true/a.mp4")
    with pytest.raises(WrongUse, match=r"a.avi and a.mp4 in .* have one name"):
        list_pairs(folder)


def test_names_of_any_bytes_can_be_reported(tmp_path: Path) -> None:
    odd = os.fsdecode(b"an\xff")
    touch(
        tmp_path, f"generated/{odd}/a.mp4", f"true/{odd}/a.mp4", f"true/{odd}.mp4", "true/\x1b.mp4"
    )
    found = list_pairs(tmp_path)
    (pair,) = found.pairs
    assert (pair.key, pair.actor) == ("an__a", "an\\udcff")
    assert sorted(found.left_out) == ["true/\\x1b.mp4", "true/an\\udcff.mp4"]
    "".join([pair.actor, *found.left_out, *found.left_out.values()]).encode()
