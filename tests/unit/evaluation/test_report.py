"""The report's words: undefined is said, rows that do not exist are not shown."""

import io
import math
from pathlib import Path

import pytest
from rich.console import Console

from emotalk.config.evaluate import EvaluateConfig
from emotalk.config.load import load_config
from emotalk.evaluation.quantities import quantities
from emotalk.evaluation.report import Report, Value, summary_table, to_markdown
from emotalk.metrics.bootstrap import Estimate

CONFIGS = Path(__file__).parents[3] / "configs" / "evaluate"


def value(mean: float) -> Value:
    return Value.of(Estimate(mean, mean - 1, mean + 1, 4, 0, 2))


def test_an_undefined_value_is_none_and_says_so() -> None:
    undefined = Value.of(Estimate(math.nan, math.nan, math.nan, 0, 3, 0))
    assert undefined.mean is None
    assert undefined.text(2) == "undefined"
    assert value(2.5).text(1) == "2.5 [1.5, 3.5]"


def test_the_page_shows_what_there_is() -> None:
    figures = {name: {"generated": value(2.0), "repeat": value(1.0)} for name in quantities()}
    report = Report(
        inputs={},
        where={},
        judges={"landmarks": "somebody"},
        clips=4,
        actors=("a", "b"),
        condition="first_frame",
        figures=figures,
        emotion=None,
        as_reported=None,
        left_out={"x": "broken"},
        caveats=("mind this",),
        per_clip={},
    )
    page = to_markdown(report, ["mouth.png"])
    assert "| PSNR, whole face (dB) | 2.00 [1.00, 3.00] | 1.00 [0.00, 2.00] | higher |" in page
    assert "re-encoded" not in page
    assert "Emotions" not in page
    for words in ("somebody", "mind this", "`x`: broken", "![mouth.png](mouth.png)"):
        assert words in page
    assert Report.model_validate_json(report.model_dump_json()) == report


def test_the_terminal_shows_each_figure_beside_its_baseline() -> None:
    figures = {name: {"generated": value(2.0), "repeat": value(1.0)} for name in quantities()}
    report = Report(
        inputs={}, where={}, judges={}, clips=4, actors=("a", "b"), condition="first_frame",
        figures=figures, emotion=None, as_reported=None, left_out={}, caveats=(), per_clip={},
    )  # fmt: skip
    screen = Console(width=140, file=io.StringIO())
    screen.print(summary_table(report))
    assert isinstance(screen.file, io.StringIO)
    shown = screen.file.getvalue().splitlines()
    (heading,) = [line for line in shown if "baseline is" in line]
    assert [word.strip() for word in heading.strip("┃").split("┃")] == [
        "figure", "generated", "baseline", "baseline is",
    ]  # fmt: skip
    (psnr,) = [line for line in shown if "PSNR, whole face" in line]
    assert [word.strip() for word in psnr.strip("│").split("│")] == [
        "PSNR, whole face (dB)", "2.00 [1.00, 3.00]", "1.00 [0.00, 2.00]",
        "condition frame repeated",
    ]  # fmt: skip


@pytest.mark.parametrize("name", ["drawn_faces.yaml", "photographs.yaml"])
def test_the_ready_configurations_are_valid(name: str) -> None:
    given = ["checkpoint=run", "shards=set", "output=out"]
    config = load_config(EvaluateConfig, CONFIGS / name, given)
    assert config.landmarks == ("judge" if "drawn" in name else "insightface")
