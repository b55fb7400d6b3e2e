"""Every line says when, which process, on which node."""

import logging
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from emotalk.logging_setup import log_to_file, set_up_logging


@pytest.fixture(autouse=True)
def logging_as_before() -> Iterator[None]:
    root = logging.getLogger("emotalk")
    before = list(root.handlers), root.propagate, root.level
    yield
    root.handlers, root.propagate = before[0], before[1]
    root.setLevel(before[2])


def test_a_line_has_date_rank_and_node(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SLURMD_NODENAME", "gpu-07")
    set_up_logging(3)
    logging.getLogger("emotalk.train").warning("hello")
    said = capsys.readouterr().err
    assert re.fullmatch(
        r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d \[3 gpu-07\] W emotalk\.train: hello\n", said
    )


def test_the_file_of_a_rank_has_the_lines_that_its_screen_leaves_out(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    set_up_logging(1)
    handler = log_to_file(tmp_path / "logs" / "rank-0001.log", 1)
    logging.getLogger("emotalk.train").info("of the file")
    logging.getLogger("emotalk.train").warning("of both, https://me:secretword@host/x")
    handler.stream.close()
    assert "of the file" not in (said := capsys.readouterr().err)
    assert "of both" in said
    lines = (tmp_path / "logs" / "rank-0001.log").read_text().splitlines()
    assert [line.rpartition(": ")[2][:7] for line in lines] == ["of the ", "of both"]
    assert "secretword" not in "".join(lines)


def test_a_second_start_keeps_the_lines_of_the_first(tmp_path: Path) -> None:
    for text in ("one", "two"):
        set_up_logging(0)
        handler = log_to_file(tmp_path / "rank-0000.log", 0)
        logging.getLogger("emotalk.train").info(text)
        handler.stream.close()
    assert [line[-3:] for line in (tmp_path / "rank-0000.log").read_text().splitlines()] == [
        "one",
        "two",
    ]
