"""`emotalk corpus init`: a table that the ETL takes, and what is said about it."""

import csv
import os
import shlex
import subprocess
import sys
import unicodedata
from pathlib import Path
from typing import Any

import pytest

from emotalk.cli import main
from emotalk.errors import WrongUse
from etl.corpora import list_clips
from etl.corpora.new_table import label_options, write_table
from etl.corpora.table_report import next_command
from tests.helpers.corpora import config, touch

AUTO: dict[str, Any] = {"actor_from": "auto", "actor": None, "emotion": None, "pattern": None}


def written(folder: Path, table: Path | None = None, **options: Any) -> tuple[list[str], list[Any]]:
    """Return what is said and the rows of the table."""
    lines = write_table(folder, table, label_options(**{**AUTO, **options}))
    with (table or folder / "clips.csv").open(encoding="utf-8", newline="") as file:
        return lines, list(csv.DictReader(file))


def test_the_table_is_what_the_etl_reads(tmp_path: Path) -> None:
    touch(tmp_path, "anna/happy_1.mp4", 'anna/"odd", name.MOV', "bo/x.ts", "bo/x.wav", "é.mkv")
    (tmp_path / "bo/x.lab").write_text("\ufeffgood \n morning\n", encoding="utf-8")
    lines, rows = written(tmp_path)
    listing = list_clips(config("folder", tmp_path))
    labels = {clip.label.clip: clip.label for clip in listing.clips}
    assert set(labels) == {'anna/"odd", name.MOV', "anna/happy_1.mp4", "bo/x.ts", "é.mkv"}
    assert labels["anna/happy_1.mp4"].emotion == "happiness"
    assert labels["bo/x.ts"].emotion is None
    assert labels["bo/x.ts"].extra == {"text": "good morning"}
    assert all(isinstance(c.video, Path) and c.video.is_file() for c in listing.clips)
    assert list(rows[0]) == ["clip", "actor", "emotion", "level", "text"]
    said = "\n".join(lines)
    assert f"{tmp_path}: 4 recordings" in said
    assert "other files, left alone: .wav 1" in said
    assert "emotions  unknown 3, happiness 1" in said
    assert "1 by a word in the name: anna/happy_1.mp4 -> happiness" in said
    assert "3 by the folder: " in said


def test_system_files_and_loops_are_passed_over_as_by_the_etl(tmp_path: Path) -> None:
    touch(tmp_path, "a/1.mp4", "a/._1.mp4", "@eaDir/2.mp4", ".DS_Store")
    (tmp_path / "a/again").symlink_to(tmp_path)
    (tmp_path / "b").symlink_to(tmp_path / "a")
    lines, rows = written(tmp_path)
    assert {row["clip"] for row in rows} == {"a/1.mp4", "b/1.mp4"}
    assert any("passed over" in line for line in lines)


def test_recordings_that_no_table_can_name_are_left_out_by_name(tmp_path: Path) -> None:
    odd = ["a/b.mp4", "a_b.mp4", "\x1b[2J.mp4", " x.mp4", "y\\z.mp4", f"{'ü' * 99}.mp4"]
    touch(tmp_path, *odd)
    for form in ("NFC", "NFD"):
        (tmp_path / unicodedata.normalize(form, "é.mp4")).touch()
    (tmp_path / os.fsdecode(b"\xff.mp4")).touch()
    lines, rows = written(tmp_path)
    assert [row["clip"] for row in rows] == ["a/b.mp4", unicodedata.normalize("NFD", "é.mp4")]
    assert "recordings that a table cannot name, left out: 7" in lines
    assert len(list_clips(config("folder", tmp_path)).clips) == 2
    assert all("\x1b" not in line for line in lines)


def test_an_existing_table_is_never_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    touch(tmp_path, "a.mp4")
    table = tmp_path / "clips.csv"
    table.symlink_to("nowhere")
    monkeypatch.setattr(sys, "argv", ["emotalk", "corpus", "init", str(tmp_path)])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    assert "exists already and is left as it is" in capsys.readouterr().err
    assert os.readlink(table) == "nowhere"
    other = tmp_path / "other.csv"
    lines, _ = written(tmp_path, other)
    assert f"wrote {other}" in lines
    assert any(f"clips={other}" in line for line in lines), "the next command reads it"
    with pytest.raises(WrongUse, match=r"--output FILE\.csv"):
        written(tmp_path, other)


def test_an_existing_table_is_noticed_before_anything_is_listed(tmp_path: Path) -> None:
    (tmp_path / "clips.csv").touch()
    with pytest.raises(WrongUse, match="exists already"):
        written(tmp_path)


def test_a_table_that_appears_meanwhile_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    touch(tmp_path, "a.mp4")
    table = tmp_path / "clips.csv"
    monkeypatch.setattr("etl.corpora.new_table._csv", lambda *_: table.write_text("mine") and b"")
    with pytest.raises(WrongUse, match="exists already"):
        written(tmp_path)
    assert table.read_text() == "mine"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.mp4", "clips.csv"]


def test_text_that_cannot_be_used_is_left_out(tmp_path: Path) -> None:
    touch(tmp_path, *(f"{name}.mp4" for name in "abcdef"))
    (tmp_path / "a.txt").write_bytes(b"\xff\xfe")
    (tmp_path / "b.txt").write_text("x\x1b[2Jy")
    (tmp_path / "c.lab").write_text("0 100000 sil\n100000 200000 ah\n")
    (tmp_path / "d.txt").write_text("x" * 2001)
    (tmp_path / "e.txt").mkdir()
    (tmp_path / "f.txt").write_text("  ")
    _, rows = written(tmp_path)
    assert [row["text"] for row in rows] == [""] * 6


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"actor": " "}, "--actor ' ': is empty"),
        ({"actor": "a\nb"}, "holds control characters"),
        ({"actor": "x", "actor_from": "name"}, "leave --actor-from name out"),
        ({"emotion": "jolly"}, "'jolly' is none of anger"),
        ({"pattern": "("}, "no regular expression"),
        ({"pattern": "x"}, "its groups are none"),
        ({"pattern": "(?P<who>x)"}, "its groups are who; name some of them"),
    ],
)
def test_options_that_cannot_be_used_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(WrongUse, match=message):
        label_options(**{**AUTO, **options})


def test_folders_without_a_recording_are_refused_with_what_they_hold(tmp_path: Path) -> None:
    touch(tmp_path / "sounds", "a.wav", "b.wav", "c.mp3", "d")
    with pytest.raises(WrongUse, match=r"no recording .*found \.wav 2, \.mp3 1, without suffix 1"):
        written(tmp_path / "sounds")
    with pytest.raises(WrongUse, match="no such folder"):
        written(tmp_path / "nowhere")
    with pytest.raises(WrongUse, match="is not a folder"):
        written(tmp_path / "sounds/a.wav", tmp_path / "x.csv")
    with pytest.raises(WrongUse, match="does not exist; make it first"):
        written(tmp_path / "sounds", tmp_path / "no/clips.csv")
    assert sorted(p.name for p in (tmp_path / "sounds").iterdir()) == [
        "a.wav",
        "b.wav",
        "c.mp3",
        "d",
    ]


@pytest.mark.skipif(os.geteuid() == 0, reason="root lists every folder")
def test_a_folder_that_cannot_be_listed_is_named(tmp_path: Path) -> None:
    touch(tmp_path, "a/1.mp4", "b/1.mp4")
    (tmp_path / "b").chmod(0)
    try:
        with pytest.raises(WrongUse, match=r"cannot list .*/b: Permission denied"):
            written(tmp_path)
    finally:
        (tmp_path / "b").chmod(0o700)


@pytest.mark.parametrize(
    ("clips", "actors", "emotions", "words"),
    [
        (9, 3, {"anger", None}, []),
        (9, 2, {"anger"}, ["split.by=clip"]),
        (2, 2, {None}, ["split.shares=[1,0,0]"]),
        (9, 3, {"surprise"}, ["emotions=mead8"]),
    ],
)
def test_the_next_command_fits_the_table(
    clips: int, actors: int, emotions: set[str | None], words: list[str]
) -> None:
    folder = Path("some where")
    command = shlex.split(next_command(folder, folder / "clips.csv", clips, actors, emotions))
    assert command[-len(words) - 2 :] == ["source=some where", "output=shards/some_where", *words]


def test_the_next_command_runs_as_it_is_printed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From a folder elsewhere, for a source whose name is no plain YAML."""
    monkeypatch.chdir(tmp_path)
    lines, _ = written(touch(tmp_path / "it's: [mine] #1", "a_1.mp4", "a_2.mp4", "b_1.mp4"))
    (command,) = [line for line in lines if line.endswith("--dry-run")]
    done = subprocess.run(shlex.split(command), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "folder: 3 clips" in done.stdout
    assert "unknown" in done.stdout
