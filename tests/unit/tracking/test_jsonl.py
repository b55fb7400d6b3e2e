"""Lines are complete, read once and in order, and cut back where a run resumes."""

import json
from pathlib import Path

import pytest

from emotalk.tracking.jsonl import JsonLines, append, cut_back, read_lines


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


def drained(path: Path, values: int = 1000) -> list[dict[str, object]]:
    """Return all lines, read by calls of about so many values each."""
    lines: list[dict[str, object]] = []
    position = 0
    while True:
        more, position = read_lines(path, position, values)
        if not more:
            return lines
        lines += more


@pytest.mark.parametrize("values", [1, 7, 1000])
def test_every_line_comes_once_and_in_order(tmp_path: Path, values: int) -> None:
    path = tmp_path / "lines.jsonl"
    wanted = [{"step": step, "words": "ä" * (step % 5)} for step in range(40)]
    for line in wanted:
        append(path, line)
    assert drained(path, values) == wanted


def test_a_call_reads_no_more_lines_than_hold_its_values(tmp_path: Path) -> None:
    path = tmp_path / "lines"
    for step in range(9):
        append(path, {"step": step, "a": 1})
    assert [line["step"] for line in read_lines(path, 0, 3)[0]] == [0, 1]


def test_what_is_appended_later_is_seen_and_a_half_written_line_only_when_whole(
    tmp_path: Path,
) -> None:
    path = tmp_path / "lines"
    assert read_lines(path, 0, 9) == ([], 0), "the file need not be there"
    append(path, {"a": 1})
    lines, position = read_lines(path, 0, 9)
    assert lines == [{"a": 1}]
    text = json.dumps({"a": 2}) + "\n"
    with path.open("a") as file:
        file.write(text[:5])
        file.flush()
        assert read_lines(path, position, 9) == ([], position)
        file.write(text[5:])
    assert read_lines(path, position, 9)[0] == [{"a": 2}]


def test_a_line_behind_one_that_a_crash_has_torn_is_not_lost(tmp_path: Path) -> None:
    path = tmp_path / "lines"
    append(path, {"a": 1})
    with path.open("a") as file:
        file.write('{"a": 2, "tor')
    append(path, {"a": 3})
    assert drained(path) == [{"a": 1}, {"a": 3}]


@pytest.mark.parametrize("text", ["[]", "null", "7", "{}", "{torn", ""])
def test_what_is_no_object_is_passed_over(tmp_path: Path, text: str) -> None:
    path = tmp_path / "lines"
    path.write_text(f'{text}\n{{"a": 1}}\n')
    assert drained(path) == [{"a": 1}]
