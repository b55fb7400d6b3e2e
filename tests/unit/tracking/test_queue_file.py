"""A file of lines is a queue: each line is handed out once, in order, torn ones never."""

import json
from pathlib import Path

import pytest

from emotalk.tracking import queue_file as module
from emotalk.tracking.queue_file import Outbox, append


def drained(outbox: Outbox) -> list[dict[str, object]]:
    lines = []
    while (line := outbox.first()) is not None:
        lines.append(line)
        outbox.done()
    return lines


@pytest.mark.parametrize("block", [1, 7, 1 << 20])
def test_every_line_comes_once_and_in_order_however_the_blocks_fall(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, block: int
) -> None:
    monkeypatch.setattr(module, "BLOCK", block)
    path = tmp_path / "lines.jsonl"
    wanted = [{"step": step, "words": "ä" * (step % 5)} for step in range(40)]
    for line in wanted:
        append(path, line)
    assert drained(Outbox(path)) == wanted


def test_a_line_stays_first_until_it_is_done(tmp_path: Path) -> None:
    append(tmp_path / "lines", {"a": 1})
    append(tmp_path / "lines", {"a": 2})
    outbox = Outbox(tmp_path / "lines")
    assert outbox.first() == outbox.first() == {"a": 1}
    outbox.done()
    assert outbox.first() == {"a": 2}


def test_what_is_appended_later_is_seen_and_a_half_written_line_only_when_whole(
    tmp_path: Path,
) -> None:
    path = tmp_path / "lines"
    outbox = Outbox(path)
    assert outbox.first() is None, "the file need not be there"
    append(path, {"a": 1})
    assert drained(outbox) == [{"a": 1}]
    text = json.dumps({"a": 2}) + "\n"
    with path.open("a") as file:
        file.write(text[:5])
        file.flush()
        assert outbox.first() is None
        file.write(text[5:])
    assert drained(outbox) == [{"a": 2}]


def test_a_line_behind_one_that_a_crash_has_torn_is_not_lost(tmp_path: Path) -> None:
    path = tmp_path / "lines"
    append(path, {"a": 1})
    with path.open("a") as file:
        file.write('{"a": 2, "tor')
    append(path, {"a": 3})
    assert drained(Outbox(path)) == [{"a": 1}, {"a": 3}]


@pytest.mark.parametrize("text", ["[]", "null", "7", "{}", "{torn", ""])
def test_what_is_no_object_is_passed_over(tmp_path: Path, text: str) -> None:
    path = tmp_path / "lines"
    path.write_text(f'{text}\n{{"a": 1}}\n')
    assert drained(Outbox(path)) == [{"a": 1}]
