"""Lines are complete, read once and in order, and cut back where a run resumes."""

import json
from pathlib import Path

import pytest

from emotalk.tracking.jsonl import JsonLines, JsonLinesReader, append, cut_back


def test_each_log_is_one_object_a_line(tmp_path: Path) -> None:
    lines = JsonLines(tmp_path / "metrics.jsonl")
    lines.log(1, {"train/loss": 0.5})
    lines.log(2, {"train/loss": 0.25})
    read = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    assert [(line["step"], line["train/loss"]) for line in read] == [(1, 0.5), (2, 0.25)]


def test_lines_after_the_checkpoint_and_torn_ones_are_cut(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    path.write_text('{"step": 1}\n{"step": 2}\n{"step": 3}\n{"ste')
    assert cut_back(path, 2) == 2
    assert path.read_text() == '{"step": 1}\n{"step": 2}\n'


def test_a_run_without_lines_has_nothing_to_cut(tmp_path: Path) -> None:
    assert cut_back(tmp_path / "metrics.jsonl", 0) == 0


def drained(reader: JsonLinesReader) -> list[dict[str, object]]:
    lines = []
    while (line := reader.next()) is not None:
        lines.append(line)
    return lines


def test_every_line_comes_once_and_in_order(tmp_path: Path) -> None:
    path = tmp_path / "lines.jsonl"
    wanted = [{"step": step, "words": "ä" * (step % 5)} for step in range(40)]
    for line in wanted:
        append(path, line)
    assert drained(JsonLinesReader(path)) == wanted


def test_what_is_appended_later_is_seen_and_a_half_written_line_only_when_whole(
    tmp_path: Path,
) -> None:
    path = tmp_path / "lines"
    reader = JsonLinesReader(path)
    assert reader.next() is None, "the file need not be there"
    append(path, {"a": 1})
    assert drained(reader) == [{"a": 1}]
    text = json.dumps({"a": 2}) + "\n"
    with path.open("a") as file:
        file.write(text[:5])
        file.flush()
        assert reader.next() is None
        file.write(text[5:])
    assert drained(reader) == [{"a": 2}]


def test_a_line_behind_one_that_a_crash_has_torn_is_not_lost(tmp_path: Path) -> None:
    path = tmp_path / "lines"
    append(path, {"a": 1})
    with path.open("a") as file:
        file.write('{"a": 2, "tor')
    append(path, {"a": 3})
    assert drained(JsonLinesReader(path)) == [{"a": 1}, {"a": 3}]


@pytest.mark.parametrize("text", ["[]", "null", "7", "{}", "{torn", ""])
def test_what_is_no_object_is_passed_over(tmp_path: Path, text: str) -> None:
    path = tmp_path / "lines"
    path.write_text(f'{text}\n{{"a": 1}}\n')
    assert drained(JsonLinesReader(path)) == [{"a": 1}]
