"""The table names what became of every run, and the best of them by the figure that decides."""

import json
from pathlib import Path

import pytest

from emotalk.errors import WrongUse
from emotalk.runs.sweep_table import (
    Goal,
    best_row,
    have_all_ended,
    parse_goal,
    read_rows,
    table_lines,
)
from emotalk.runs.sweep_values import sweep_runs

RUNS = sweep_runs(["seed=1,2,3"])
HIGH = Goal("validation/psnr_mouth", highest=True)


def write_run(folder: Path, name: str, state: str, *values: object) -> None:
    (folder / name).mkdir()
    (folder / name / "status.json").write_text(json.dumps({"state": state, "code": 0}))
    with (folder / name / "metrics.jsonl").open("w") as file:
        for step, value in enumerate(values, start=1):
            file.write(json.dumps({"step": 10 * step, "time": 1.0, HIGH.metric: value}) + "\n")
        file.write(json.dumps({"step": 99, "time": 1.0, "train/generator/total": 5.0}) + "\n")
        file.write('{"step": 100, "tor')


def test_the_best_step_of_each_run_counts(tmp_path: Path) -> None:
    write_run(tmp_path, RUNS[0].name, "done", 20.0, 31.5, 30.0)
    write_run(tmp_path, RUNS[1].name, "failed", 33.0, float("nan"), "high", True)
    rows = read_rows(tmp_path, RUNS, HIGH)
    assert [(row.state, row.step, row.best, row.best_step) for row in rows] == [
        ("done", 99, 31.5, 20),
        ("failed", 99, 33.0, 10),
        ("waits", None, None, None),
    ]
    assert not have_all_ended(rows)
    assert have_all_ended(rows[:2])
    best = best_row(rows, HIGH)
    assert best is not None
    assert best.run == RUNS[1]
    lowest = Goal(HIGH.metric, highest=False)
    low = best_row(read_rows(tmp_path, RUNS, lowest), lowest)
    assert low is not None
    assert (low.run, low.best, low.best_step) == (RUNS[0], 20.0, 10)


def test_the_lines_say_it(tmp_path: Path) -> None:
    write_run(tmp_path, RUNS[0].name, "done", 20.0)
    lines = list(table_lines(read_rows(tmp_path, RUNS, HIGH), HIGH))
    assert lines[2].split() == ["|", "000-seed=1", "|", "done", "|", "99", "|", "20", "(10)", "|"]
    assert len({len(line) for line in lines[:5]}) == 1
    assert lines[-2] == "best: 000-seed=1, validation/psnr_mouth 20 at step 10"
    assert lines[-1] == "2 of 3 runs have not ended yet"


def test_without_a_figure_there_is_no_best(tmp_path: Path) -> None:
    write_run(tmp_path, RUNS[0].name, "done")
    rows = read_rows(tmp_path, RUNS[:1], HIGH)
    assert best_row(rows, HIGH) is None
    assert "best: none yet; no run has logged validation/psnr_mouth" in list(
        table_lines(rows, HIGH)
    )


def test_a_status_that_cannot_be_read_is_unknown(tmp_path: Path) -> None:
    (tmp_path / RUNS[0].name).mkdir()
    (tmp_path / RUNS[0].name / "status.json").write_text("[]")
    assert [row.state for row in read_rows(tmp_path, RUNS[:1], HIGH)] == ["unknown"]


@pytest.mark.parametrize(
    ("text", "goal"),
    [
        ("validation/psnr_mouth", HIGH),
        ("validation/nlmd", Goal("validation/nlmd", highest=False)),
        ("max:speed/clips_per_s", Goal("speed/clips_per_s", highest=True)),
        ("min:train/generator/total", Goal("train/generator/total", highest=False)),
    ],
)
def test_goals_are_read(text: str, goal: Goal) -> None:
    assert parse_goal(text) == goal
    assert parse_goal(str(goal)) == goal


@pytest.mark.parametrize("text", ["train/generator/total", "psnr", "max:", "up:a"])
def test_a_figure_without_a_direction_is_refused(text: str) -> None:
    with pytest.raises(WrongUse, match="min:METRIC"):
        parse_goal(text)
