"""Text from elsewhere on its way to a terminal."""

import logging
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emotalk.errors import Stopped, WrongUse
from emotalk.logging_setup import set_up_logging
from emotalk.media.decode import MemberFault
from emotalk.printable import is_printable, printable, printable_lines, quoted
from emotalk.shards.reader import DataFault


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("plain name.wav", "plain name.wav"),
        ("\x1b[2J\x07", r"\x1b[2J\x07"),
        ("a\nb\r", r"a\nb\r"),
        ("\x9b31m", r"\x9b31m"),
        ("\ud800", r"\ud800"),
        ("x\u202egnp.exe", r"x\u202egnp.exe"),
        ("\u2028", r"\u2028"),
        ("лицо 顔 é 🙂", "лицо 顔 é 🙂"),
        ("क्‍ष", "क्‍ष"),  # with a zero-width joiner, as Devanagari is written
    ],
)
def test_what_a_terminal_acts_upon_is_escaped(text: str, wanted: str) -> None:
    assert printable(text) == wanted


@given(st.text(st.characters(codec=None), max_size=600))
def test_any_text_becomes_one_line_that_utf_8_can_hold(text: str) -> None:
    safe = printable(text)
    safe.encode("utf-8")
    assert len(safe.splitlines()) <= 1
    assert len(safe) <= 400
    assert {unicodedata.category(letter) for letter in safe} & {"Cc", "Cs", "Zl", "Zp"} == set()
    assert is_printable(safe)
    assert printable(safe) == safe


def test_lines_of_a_message_stay_lines() -> None:
    assert printable_lines("two faults:\n  a\x1b\tb") == "two faults:\n  a\\x1b\tb"


def test_values_that_python_refuses_to_write_are_named() -> None:
    deep: list[object] = []
    for _ in range(100_000):
        deep = [deep]
    assert quoted(int("9" * 4000) ** 2) == "a int that is too large to show"
    assert quoted(deep) == "a list that is too large to show"
    assert len(quoted("x" * 10**6)) <= 200
    assert quoted("\x1b") == r"'\x1b'"


@pytest.mark.parametrize("error", [WrongUse, Stopped, DataFault, MemberFault])
def test_no_message_for_people_carries_an_escape_sequence(error: type[Exception]) -> None:
    assert str(error("clip \x1b]0;owned\x07 \ud800")) == r"clip \x1b]0;owned\x07 \ud800"


def test_no_log_line_carries_an_escape_sequence(capsys: pytest.CaptureFixture[str]) -> None:
    root = logging.getLogger("emotalk")
    before = root.handlers, root.propagate, root.level
    try:
        set_up_logging()
        logging.getLogger("emotalk.test").warning("left out: %s", "\x1b[2J\ud800")
        assert capsys.readouterr().err.endswith("left out: \\x1b[2J\\ud800\n")
    finally:
        root.handlers, root.propagate = before[0], before[1]
        root.setLevel(before[2])
