"""A metric is one new file: reports describe it and list its figures."""

import sys
from pathlib import Path

import pytest

from emotalk.evaluation import quantities as package
from emotalk.evaluation.comparison import compare
from emotalk.evaluation.markdown_page import markdown_page
from emotalk.evaluation.quantities import load_metrics, measure, quantities
from emotalk.evaluation.report import Report
from emotalk.evaluation.report_blocks import sections
from emotalk.evaluation.results import ClipResults, Results
from tests.helpers.evaluation_clips import plain_clip, prepare_truth

NEW_METRIC = """
from emotalk.evaluation.comparison import Metric, Quantity

LUCK = Quantity("luck (percent)", "higher", 1, "As ever.")
METRIC = Metric({"lucky": LUCK}, lambda _: {"lucky": 7.0})
"""


def test_a_new_metric_is_one_new_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "lucky.py").write_text(NEW_METRIC)
    monkeypatch.setattr(package, "__path__", [*package.__path__, str(tmp_path)])
    monkeypatch.delitem(sys.modules, f"{package.__name__}.lucky", raising=False)
    monkeypatch.setattr(package, "METRICS", load_metrics())
    assert "lucky" in quantities()
    truth = prepare_truth(plain_clip(), None)
    figures = measure(compare(truth.clip.video_THWC, truth.landmarks_TLP, truth), package.METRICS)
    clip = ClipResults(
        key="k", actor="a", emotion="fear", intensity=None, rows={"generated": figures},
        openings={}, voiced_T=truth.voiced_T, predictions=None, as_reported={},
    )  # fmt: skip
    report = Report(
        inputs={}, where={}, judges={}, clips=1, actors=("a",), condition="first_frame",
        figures=Results([clip]).figures(0), emotion=None, as_reported=None, left_out={},
        caveats=(), per_clip={},
    )  # fmt: skip
    page = " ".join(markdown_page("Evaluation", sections(report)).split())
    assert "luck (percent)" in page
    assert "generated: 7.0" in page
    assert "As ever." in page
