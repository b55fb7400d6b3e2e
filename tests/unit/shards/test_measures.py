"""What was measured of each clip: one line a clip, the same bytes for the same values."""

import json
import math
from pathlib import Path

from emotalk.shards.measures import (
    MEASURES,
    clip_measures,
    each_measures,
    measures_of,
    read_measures,
)
from emotalk.shards.writer import write_measures


def test_lines_hold_only_what_was_measured(tmp_path: Path) -> None:
    lines = [
        clip_measures("a.mp4", "a", {"face_pixels": math.nan, "loudness_db": -math.inf}),
        clip_measures("a/ü.mp4", "a_ü", {"landmark_drift": 1e-9}),
        clip_measures("b.mp4", "b", {"sharpness": 0.123456789, "seconds": 2.0}),
    ]
    write_measures(tmp_path, iter(lines), aside=tmp_path)
    written = (tmp_path / "measures.jsonl").read_text(encoding="utf-8")
    assert [json.loads(line) for line in written.splitlines()] == [
        {"clip": "a/ü.mp4", "key": "a_ü", "landmark_drift": 1e-9},
        {"clip": "b.mp4", "key": "b", "seconds": 2.0, "sharpness": 0.123457},
    ]


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    values = {name: number + 0.5 for number, name in enumerate(MEASURES)}
    line = clip_measures("a.mp4", "a", values)
    write_measures(tmp_path, [line], aside=tmp_path)
    assert read_measures(tmp_path) == {"a": line}
    assert list(each_measures(tmp_path)) == [line]
    assert measures_of(line) == values


def test_older_sets_have_none_and_lines_that_are_none_are_left_out(tmp_path: Path) -> None:
    assert read_measures(tmp_path) == {}
    assert list(each_measures(tmp_path)) == []
    good = '{"clip": "a.mp4", "key": "a", "seconds": 1.0, "of_a_later_version": []}'
    unfit = (
        '{"clip": "b.mp4"}',
        "[]",
        "\xff",
        '{"clip": "c", "key": "c", "seconds": NaN}',
        "[" * 9,
    )
    (tmp_path / "measures.jsonl").write_text("\n".join([*unfit, good]) + "\n", encoding="latin-1")
    assert [line.seconds for line in read_measures(tmp_path).values()] == [1.0]
    assert [line.seconds for line in each_measures(tmp_path)] == [1.0]
