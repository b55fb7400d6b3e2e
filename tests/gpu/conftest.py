"""Marks and skips of everything here, and the record of what a card has shown."""

from datetime import UTC, datetime

import pytest
import torch

from tests.helpers.gpu_record import Outcome, record_of, write_record

OUTCOMES: list[Outcome] = []


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark everything here, and say why it is skipped where there is no device."""
    for item in items:
        if "tests/gpu/" in item.path.as_posix():
            item.add_marker(pytest.mark.gpu)
            if not torch.cuda.is_available():
                item.add_marker(pytest.mark.skip(reason="torch finds no CUDA device here"))


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Keep how each test ended: in its call, or before it."""
    if "tests/gpu/" in report.nodeid and (report.when == "call" or report.outcome != "passed"):
        OUTCOMES.append(Outcome(report.nodeid, report.outcome, dict(report.user_properties)))


def pytest_sessionfinish() -> None:
    """Write the record where there is a device and tests of it were run."""
    if OUTCOMES and torch.cuda.is_available():
        record = record_of(
            list(OUTCOMES),
            card=torch.cuda.get_device_name(),
            torch=torch.__version__,
            cuda=str(torch.version.cuda),
            finished=datetime.now(UTC),
        )
        write_record(record)
