"""The report's words: undefined is said, rows that do not exist are not shown."""

import io
import math
from pathlib import Path

from rich.console import Console

from emotalk.config.evaluate import EvaluateConfig
from emotalk.config.load import load_config
from emotalk.evaluation.markdown_page import markdown_page
from emotalk.evaluation.report import Report, Value
from emotalk.evaluation.report_blocks import BLOCKS, sections
from emotalk.evaluation.summary import HEADLINES, headlines, summary_table
from emotalk.metrics.bootstrap import Estimate
from tests.helpers.reports import plain_report, plain_value

CONFIGS = Path(__file__).parents[3] / "configs" / "evaluate"


def page_of(report: Report, *pictures: str) -> str:
    return markdown_page("Evaluation", sections(report), pictures)


def words(page: str) -> str:
    return " ".join(page.split())


def test_an_undefined_value_is_none_and_says_so() -> None:
    undefined = Value.of(Estimate(math.nan, math.nan, math.nan, 0, 3, 0))
    assert undefined.mean is None
    assert undefined.text(2) == "undefined"
    assert plain_value(2.5).text(1) == "2.5 [1.5, 3.5]"


def test_the_value_of_one_clip_has_no_interval() -> None:
    one = plain_value(2.5).model_copy(update={"clips": 1, "low": 2.5, "high": 2.5})
    assert one.text(1) == "2.5"
    report = plain_report(figures={"psnr": {"generated": one}})
    assert headlines(report)[0].half_interval == headlines(report)[0].interval == ""


def test_the_page_shows_what_there_is() -> None:
    report = plain_report(
        judges={"landmarks": "somebody"}, left_out={"x": "broken"}, caveats=("mind this",)
    )
    page = page_of(report, "mouth.png")
    shown = words(page)
    assert "- **PSNR, whole face (dB)**: " in shown
    assert (
        "- better: higher - generated: 2.00 [1.00, 3.00] - condition frame repeated: "
        "1.00 [0.00, 2.00]" in shown
    )
    assert "re-encoded:" not in shown
    assert "Emotions" not in page
    assert "frames.png" not in page
    for text in ("somebody", "mind this", "- x: broken", "](mouth.png)"):
        assert text in page
    assert Report.model_validate_json(report.model_dump_json()) == report


def test_warnings_come_before_everything_else() -> None:
    actors = tuple("abcde")
    page = page_of(plain_report(warnings=("the judge of emotions was not used",), actors=actors))
    assert page.startswith(
        "# Evaluation\n\n**Warning: the judge of emotions was not used**\n\n## What was evaluated"
    )


def test_that_intervals_of_few_actors_mean_little_is_said_before_any_figure() -> None:
    top = words(page_of(plain_report(actors=("a", "b"))).partition("## What was evaluated")[0])
    assert "over actors. With 2 actors they mean little." in top
    one = words(page_of(plain_report(actors=("a",))).partition("## What was evaluated")[0])
    assert "over the 4 clips of one actor: they hold for further clips of this person" in one
    many = page_of(plain_report(actors=tuple("abcde"))).partition("## What was evaluated")[0]
    assert "interval" not in many


def test_model_shards_date_seed_and_judges_are_named() -> None:
    report = plain_report(
        about={"model": "run talker, step 300"},
        judges={"landmarks": "some finder"},
        where={"shards": "/data/shards", "finished": "2026-11-26T10:00:00", "seconds": 3.5},
        inputs={"config": {"seed": 17, "split": "val"}, "weights_sha256": "ab" * 32},
    )
    page = page_of(report)
    for line in (
        "- model: run talker, step 300", "- shards: /data/shards", "- seed: 17", "- seconds: 3.5",
        "- finished: 2026-11-26T10:00:00", "- judge of landmarks: some finder",
        "- sha256 of the weights: abababababababab", "- clips: 4 of split val, of 2 actors (a, b)",
    ):  # fmt: skip
        assert f"\n{line}\n" in page


def test_a_page_with_every_row_fits_80_columns() -> None:
    rows = ("truth", "generated", "baseline", "repeat", "other_speech", "reencoded")
    figures = {
        name: {row: plain_value(28.12345, 0.11111) for row in rows}
        for name in plain_report().figures
    }
    emotion = {
        "emotions": ("anger", "disgust", "fear", "happiness", "neutral", "sadness"),
        "accuracy": {row: plain_value(0.5) for row in ("generated", "still", "truth")},
        "confusion_generated": ((1,) * 6,) * 6,
        "confusion_truth": ((1,) * 6,) * 6,
        "recall_generated": {},
    }
    report = plain_report(
        figures=figures,
        sets={"one": figures, "two": figures, "three": figures},
        emotion=emotion,
        as_reported={"psnr_of_wrapped_bytes": plain_value(30.0)},
        warnings=("This is a long warning that no terminal shows on one line, or so " * 3,),
        caveats=("Mind this and that. " * 9,),
        pair_notes={"a" * 70: ("the generated video is longer " * 5,)},
        left_out={"a/key_that_is_" + "long_" * 30: "why " * 40},
        where={"checkpoint": "/a/long/path" * 20, "shards": "/another" * 40},
        judges={"landmarks": "a landmark model with a long description " * 4},
    )
    page = page_of(report, "mouth.png", "emotions.png")
    assert [line for line in page.splitlines() if len(line) > 80] == []
    titles = [line.removeprefix("## ") for line in page.splitlines() if line.startswith("## ")]
    order = [block.title for block in BLOCKS]
    assert titles == sorted(titles, key=order.index)
    assert {"What was evaluated", "At a glance", "Figures", "By shard set", "Emotions",
            "Plots", "Caveats", "Left out"} <= set(titles)  # fmt: skip


def test_the_terminal_shows_each_headline_beside_ceiling_and_floor_in_80_columns() -> None:
    report = plain_report()
    screen = Console(width=140, file=io.StringIO())
    screen.print(summary_table(report))
    assert isinstance(screen.file, io.StringIO)
    shown = screen.file.getvalue().splitlines()
    assert max(map(len, shown)) <= 80
    (heading,) = [line for line in shown if "ceiling" in line and "┃" in line]
    assert [word.strip() for word in heading.strip("┃").split("┃")] == [
        "figure", "generated", "±", "ceiling", "still",
    ]  # fmt: skip
    (psnr,) = [line for line in shown if "PSNR face" in line]
    assert [word.strip() for word in psnr.strip("│").split("│")] == [
        "PSNR face (dB) ↑", "2.00", "1.00", "", "1.00",
    ]  # fmt: skip


def test_names_of_headlines_leave_room_for_five_columns() -> None:
    assert max(map(len, HEADLINES.values())) <= 18


def test_a_report_of_another_version_shows_the_figures_it_has() -> None:
    report = plain_report(figures={"later_figure": {"generated": plain_value(2.0)}})
    assert "later_figure" in page_of(report)
    assert "PSNR" not in page_of(report)


def test_the_ready_configuration_holds_the_defaults() -> None:
    given = ["checkpoint=run", "shards=set", "output=out"]
    ready = load_config(EvaluateConfig, CONFIGS / "default.yaml", given)
    assert ready == load_config(EvaluateConfig, None, given)
    assert (ready.landmarks, ready.emotion.by) == ("auto", "auto")
