"""The comparison with another model: within each clip, and with words that say what it is."""

from pathlib import Path

import numpy as np
import pytest

from emotalk.checkpoints.import_original import import_original
from emotalk.checkpoints.load import load_generator
from emotalk.evaluation.baseline import describe_baseline
from emotalk.evaluation.report import Report
from emotalk.evaluation.report_block import Paragraph
from emotalk.evaluation.report_blocks.baseline import BLOCK, OVERLAP, verdict
from emotalk.evaluation.results import ClipResults, Results
from tests.helpers.original import formula_weights, reference, save_as_original
from tests.helpers.reports import plain_report, plain_value
from tests.helpers.tiny_model import write_tiny_model


def results() -> Results:
    """Return three clips, of which the baseline made two, that differ by 1 and 3 dB."""
    rows = {
        "a": {"generated": {"psnr": 21.0}, "baseline": {"psnr": 20.0}},
        "b": {"generated": {"psnr": 33.0}, "baseline": {"psnr": 30.0}},
        "c": {"generated": {"psnr": 90.0}},
    }
    none = np.ones(0, bool)
    return Results(
        [ClipResults(key, key, None, None, of, {}, none, None, {}) for key, of in rows.items()]
    )


def test_differences_are_taken_within_the_clips_that_both_made(tmp_path: Path) -> None:
    baseline = load_generator(write_tiny_model(tmp_path / "tiny"))
    found = describe_baseline(baseline, results(), seed=0)
    assert found is not None
    assert found.clips == 2
    assert set(found.differences) == {"psnr"}
    assert found.differences["psnr"].mean == pytest.approx((1 + 3) / 2)
    assert describe_baseline(None, results(), seed=0) is None


def test_the_imported_original_is_named_with_what_it_knows(tmp_path: Path) -> None:
    meta, _ = reference()
    weights = formula_weights(meta, "generator")
    import_original(save_as_original(weights, tmp_path / "generator.pt"), tmp_path / "original")
    found = describe_baseline(load_generator(tmp_path / "original"), results(), seed=0)
    assert found is not None
    size = sum(weight.numel() for weight in weights.values()) / 1e6
    assert found.model.startswith(
        f"original: {size:.2f} million parameters, trained with the first"
    )
    assert "a corpus: CREMA-D" in found.model
    lines = BLOCK.content(plain_report(baseline=found))
    assert [line.text for line in lines if isinstance(line, Paragraph)] == [
        f"Baseline: {found.model}. It made 2 of the clips.", OVERLAP,
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("low", "high", "better", "who"),
    [
        (1.0, 2.0, "higher", "generated"),
        (1.0, 2.0, "lower", "baseline"),
        (-2.0, -1.0, "lower", "generated"),
        (-2.0, -1.0, "higher", "baseline"),
        (-1.0, 1.0, "higher", "undecided"),
        (0.0, 1.0, "higher", "undecided"),
        (1.0, 2.0, "near_1", "not ordered"),
    ],
)
def test_an_interval_decides_by_the_figures_direction(
    low: float, high: float, better: str, who: str
) -> None:
    value = plain_value(0.0).model_copy(update={"low": low, "high": high})
    assert verdict(value, better) == who


def test_without_a_baseline_nothing_is_said() -> None:
    report: Report = plain_report()
    assert list(BLOCK.content(report)) == []
