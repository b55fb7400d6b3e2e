"""An evaluation on a GPU reports the figures of one on the CPU."""

from pathlib import Path

import pytest

from emotalk.config.evaluate import EvaluateConfig
from emotalk.evaluation.evaluate import evaluate
from emotalk.evaluation.report import Report
from tests.unit.evaluation.conftest import checkpoint, drawn_clips, shards

__all__ = ["checkpoint", "drawn_clips", "shards"]


def test_every_figure_is_that_of_the_cpu(shards: Path, checkpoint: Path, tmp_path: Path) -> None:
    reports = []
    for device in ("cpu", "cuda"):
        output = tmp_path / device
        evaluate(EvaluateConfig(checkpoint=checkpoint, shards=str(shards), output=output,
                                device=device))  # fmt: skip
        reports.append(Report.model_validate_json((output / "report.json").read_text()))
    here, there = reports
    assert here.figures.keys() == there.figures.keys()
    for quantity, rows in here.figures.items():
        for row, figure in rows.items():
            ours = there.figures[quantity][row].mean
            if figure.mean is None or ours is None:
                assert figure.mean == ours, (quantity, row)
            else:
                assert ours == pytest.approx(figure.mean, rel=1e-2, abs=1e-2), (quantity, row)
