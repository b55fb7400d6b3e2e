"""`metrics.jsonl` is complete, and cut back where a run resumes."""

import json
from pathlib import Path

from emotalk.tracking.jsonl import JsonLines, cut_back


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
