"""What is said of CUDA is what a record shows, and without a record that there is none."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.gpu import conftest
from tests.helpers.gpu_record import (
    NEVER,
    Outcome,
    Record,
    read_records,
    record_of,
    wanted_sentence,
    write_record,
)
from tests.helpers.tiny_training import ROOT

DOCUMENTS = ("README.md", "launch/README.md")
OUTCOMES = [
    Outcome("tests/gpu/a.py::one", "passed", {"preset": "paper", "average": "0"}),
    Outcome("tests/gpu/a.py::two", "passed", {"preset": "paper", "average": "0.9"}),
    Outcome("tests/gpu/b.py::three", "passed", {"zero": "3+2"}),
    Outcome("tests/gpu/b.py::four", "passed", {"zero": "0+0"}),
    Outcome("tests/gpu/b.py::speed", "passed", {"clips_per_s": 20.26, "mfu": 0.3141}),
    Outcome(
        "tests/gpu/d.py::full",
        "passed",
        {"full_size": {"preset": "paper", "clips_per_s": 9.5, "peak_gib": 4.5}},
    ),
    Outcome("tests/gpu/e.py::long", "passed", {"generated_frames_per_s": 1500.0}),
    Outcome("tests/gpu/c.py::other", "passed", {}),
]


def recorded(*outcomes: Outcome, day: int = 3) -> Record:
    return record_of(
        outcomes, card="NVIDIA H100 80GB HBM3", torch="2.13.0", cuda="13.0",
        finished=datetime(2027, 1, day, 12, 30, tzinfo=UTC),
    )  # fmt: skip


def test_a_record_is_dated_and_names_card_presets_stages_and_speed(tmp_path: Path) -> None:
    path = write_record(recorded(*OUTCOMES), tmp_path / "records")
    assert path.name == "2027-01-03-nvidia-h100-80gb-hbm3.json"
    written = json.loads(path.read_text(encoding="utf-8"))
    assert written == {
        "finished": "2027-01-03T12:30:00+00:00",
        "card": "NVIDIA H100 80GB HBM3",
        "torch": "2.13.0",
        "cuda": "13.0",
        "outcomes": {"passed": 8},
        "not_passed": [],
        "presets": {"paper": ["0", "0.9"]},
        "zero": ["0+0", "3+2"],
        "clips_per_s": 20.26,
        "mfu": 0.3141,
        "full_sizes": {"paper": {"clips_per_s": 9.5, "peak_gib": 4.5}},
        "generated_frames_per_s": 1500.0,
    }


def test_no_record_replaces_another(tmp_path: Path) -> None:
    first, second = (write_record(recorded(*OUTCOMES), tmp_path) for _ in range(2))
    later = write_record(recorded(*OUTCOMES, day=2), tmp_path)
    assert len({first, second, later}) == 3
    assert [record.finished[:10] for record in read_records(tmp_path)] == [
        "2027-01-02",
        "2027-01-03",
        "2027-01-03",
    ]


def test_the_sentence_for_documents_is_of_the_newest_run_that_passed() -> None:
    good = recorded(*OUTCOMES)
    said = (
        "`make test-gpu` passed on 2027-01-03 on one NVIDIA H100 80GB HBM3 (torch 2.13.0, CUDA "
        "13.0): presets paper; ZeRO 0+0, 3+2; a full step of eskimez2021 20.3 clips/s at 31.4% of "
        "its peak"
    )
    failed = recorded(*OUTCOMES, Outcome("tests/gpu/c.py::last", "failed", {}), day=4)
    assert wanted_sentence([good, failed]) == said
    assert failed.not_passed == ["tests/gpu/c.py::last"]
    assert wanted_sentence([failed]) == NEVER
    some = recorded(*OUTCOMES, Outcome("tests/gpu/c.py::last", "skipped", {}))
    assert some.passed
    assert "CUDA 13.0, 1 of 9 tests skipped): presets" in some.sentence
    unknown = replace(good, mfu=None)
    assert unknown.sentence.endswith("20.3 clips/s")


@pytest.mark.parametrize("outcome", ["failed", "skipped"])
def test_what_did_not_pass_shows_nothing(outcome: str) -> None:
    record = recorded(*(replace(one, outcome=outcome) for one in OUTCOMES))
    assert (record.presets, record.zero, record.clips_per_s) == ({}, [], None)
    assert not record.passed
    assert not recorded().passed, "nothing was run"


def test_a_run_with_a_card_writes_its_record_in_the_end(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The hooks of tests/gpu: a skip in the set-up and a pass in the call count once each."""
    written: list[Record] = []
    for name, value in (("is_available", lambda: True), ("get_device_name", lambda: "Card 1")):
        monkeypatch.setattr(torch.cuda, name, value)
    monkeypatch.setattr(conftest, "OUTCOMES", [])
    monkeypatch.setattr(conftest, "write_record", written.append)
    ends: list[tuple[str, Any, Any]] = [
        ("tests/gpu/a.py::one", "setup", "passed"),
        ("tests/gpu/a.py::one", "call", "passed"),
        ("tests/gpu/a.py::one", "teardown", "passed"),
        ("tests/gpu/a.py::two", "setup", "skipped"),
        ("tests/unit/b.py::three", "call", "failed"),
    ]
    for node, when, outcome in ends:
        shown: list[tuple[str, object]] = [("zero", "2+2")] if when == "call" else []
        report = pytest.TestReport(
            node, (node, 1, ""), {}, outcome, None, when, user_properties=shown
        )
        conftest.pytest_runtest_logreport(report)
    conftest.pytest_sessionfinish()
    (record,) = written
    assert record.outcomes == {"passed": 1, "skipped": 1}
    assert record.zero == ["2+2"]
    assert record.card == "Card 1"
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    conftest.pytest_sessionfinish()
    assert len(written) == 1, "no card, no record"


@pytest.mark.parametrize("document", DOCUMENTS)
def test_documents_say_what_the_records_show(document: str) -> None:
    text = " ".join((ROOT / document).read_text(encoding="utf-8").split())
    wanted = wanted_sentence(read_records())
    assert wanted in text, f"{document} must say: {wanted}"
    assert (NEVER in text) == (wanted == NEVER), f"{document}: take out `{NEVER}`"
