"""The page of a comparison names both reports, what is decided and what was left out."""

import json
from pathlib import Path

import pytest
from rich.console import Console

from emotalk.config.compare import CompareConfig
from emotalk.errors import WrongUse
from emotalk.evaluation.quantities import quantities
from emotalk.evaluation.report import Report
from emotalk.evaluation.report_comparison.compare import compare_reports
from emotalk.evaluation.report_comparison.result import ReportComparison, difference_table
from tests.helpers.made_reports import made_report


def write(folder: Path, report: Report) -> Path:
    folder.mkdir(parents=True)
    (folder / "report.json").write_text(report.model_dump_json())
    return folder


def compared(folder: Path, **more: object) -> tuple[ReportComparison, str]:
    clips = [f"clip{number}" for number in range(8)]
    a = made_report({key: {"psnr": 20.0, "ssim": 0.8} for key in clips})
    b = made_report({key: {"psnr": 21.0, "ssim": 0.8} for key in [*clips[:7], "extra"]})
    write(folder / "a", a)
    write(folder / "b", b)
    tree = {"a": folder / "a", "b": folder / "b/report.json", "output": folder / "out"}
    found = compare_reports(CompareConfig.model_validate(tree | more))
    return found, (folder / "out/compare.md").read_text()


def test_the_page_and_the_json_say_the_same_in_80_columns(tmp_path: Path) -> None:
    found, page = compared(tmp_path)
    assert found.differences["psnr"].verdict == "B"
    assert found.differences["ssim"].verdict == "undecided"
    assert f"B is better in 1: {quantities()['psnr'].label}" in page
    assert "B - A: 1.00 [1.00, 1.00]" in page
    assert "clips only in A, left out: 1" in page
    assert "- clip7" in page
    assert "- extra" in page
    assert max(map(len, page.splitlines())) <= 80
    assert "<h1" in (tmp_path / "out/compare.html").read_text()
    stored = json.loads((tmp_path / "out/compare.json").read_text())
    assert ReportComparison.model_validate(stored) == found


def test_the_terminal_gets_a_table(tmp_path: Path) -> None:
    console = Console(width=120)
    with console.capture() as capture:
        console.print(difference_table(compared(tmp_path)[0]))
    assert "7 clips of 7 actors in both reports" in capture.get()
    assert "B is better" in capture.get()


def test_a_comparison_of_other_reports_is_not_overwritten(tmp_path: Path) -> None:
    compared(tmp_path)
    (tmp_path / "a/report.json").write_text(made_report({"clip0": {"psnr": 5.0}}).model_dump_json())
    config = CompareConfig(a=tmp_path / "a", b=tmp_path / "b", output=tmp_path / "out")
    with pytest.raises(WrongUse, match="never overwritten"):
        compare_reports(config)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"{", "not valid JSON"),
        (b"[" * 100_000, "nested too deeply"),
        (b"\xff\xfe", "not valid JSON"),
        (b"[]", "format None, expected"),
        (b'{"format": "emotalk-report/9"}', "format 'emotalk-report/9', expected"),
        (b'{"format": "emotalk-report/1"}', "faults, the first: inputs: Field required"),
    ],
)
def test_what_is_no_report_is_refused(tmp_path: Path, data: bytes, message: str) -> None:
    write(tmp_path / "a", made_report({"x": {"psnr": 1.0}}))
    (tmp_path / "b").mkdir()
    (tmp_path / "b/report.json").write_bytes(data)
    config = CompareConfig(a=tmp_path / "a", b=tmp_path / "b", output=tmp_path / "out")
    with pytest.raises(WrongUse, match=message):
        compare_reports(config)
    assert not (tmp_path / "out").exists()


def test_a_missing_or_endless_report_is_refused(tmp_path: Path) -> None:
    good = write(tmp_path / "a", made_report({"x": {"psnr": 1.0}}))
    for other, message in (
        (tmp_path / "no", "No such file"),
        (Path("/dev/zero"), "pipe or device"),
    ):
        with pytest.raises(WrongUse, match=message):
            compare_reports(CompareConfig(a=good, b=other, output=tmp_path / "out"))
