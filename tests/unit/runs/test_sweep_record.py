"""A sweep's folder says what it holds, and takes no other sweep."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from emotalk.errors import WrongUse
from emotalk.runs.sweep_record import NAME, SweepRecord, read_record, write_record
from emotalk.runs.sweep_values import sweep_runs


def record_of(*values: str) -> SweepRecord:
    return SweepRecord(tuple(sweep_runs(values)), values, "max:a", "http://h", "emotalk")


def test_what_is_written_is_read(tmp_path: Path) -> None:
    write_record(tmp_path / "new", record_of("seed=1,2"))
    known = read_record(tmp_path / "new")
    assert replace(known, runs=tuple(known.runs)) == record_of("seed=1,2")


def test_a_sweep_is_made_longer_never_shorter_and_never_another(tmp_path: Path) -> None:
    folder = tmp_path / "sweep"
    write_record(folder, record_of("seed=1,2"))
    write_record(folder, record_of("seed=1,2,3"))
    write_record(folder, record_of("seed=1,2"))
    assert [run.words for run in read_record(folder).runs] == [
        ("seed=1",),
        ("seed=2",),
        ("seed=3",),
    ]
    with pytest.raises(WrongUse, match="another sweep"):
        write_record(folder, record_of("seed=1,4"))


def test_a_folder_with_other_files_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").touch()
    with pytest.raises(WrongUse, match="holds files"):
        write_record(tmp_path, record_of("seed=1"))
    assert [path.name for path in tmp_path.iterdir()] == ["config.yaml"]


@pytest.mark.parametrize("name", ["../out", "/etc", ".hidden", "", 7])
def test_a_record_leads_to_no_other_folder(tmp_path: Path, name: object) -> None:
    write_record(tmp_path, record_of("seed=1"))
    tree = json.loads((tmp_path / NAME).read_text())
    tree["runs"][0]["name"] = name
    (tmp_path / NAME).write_text(json.dumps(tree))
    with pytest.raises(WrongUse, match="no record"):
        read_record(tmp_path)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"runs": []}', "x" * 20])
def test_what_is_no_record_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / NAME).write_text(text)
    with pytest.raises(WrongUse, match="no record"):
        read_record(tmp_path)
    with pytest.raises(WrongUse, match="no such file"):
        read_record(tmp_path / "none")


def test_what_varies_is_named() -> None:
    record = replace(record_of("seed=1,2"), values=("seed=1,2", "runs.txt", "a=[1,2],3"))
    assert record.params() == {
        "goal": "max:a", "seed": "1,2", "a": "[1,2],3", "file": "runs.txt",
    }  # fmt: skip
