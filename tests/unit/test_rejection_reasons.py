"""Every reason for leaving a clip out stands in one table, in the code and in the ETL's README."""

import ast
import re
from pathlib import Path

import pytest

from emotalk.config.etl import EtlConfig
from emotalk.rejection_reasons import REASONS
from emotalk.schema import Rejection

ROOT = Path(__file__).parents[2]
PASSED_ON = {"rejection.reason", "self.reason"}  # of a rejection made elsewhere


def reasons_given() -> dict[str, set[str]]:
    """Return the first argument of every `Rejection(...)` of the project, as source, by file."""
    given: dict[str, set[str]] = {}
    for file in (*ROOT.glob("emotalk/**/*.py"), *ROOT.glob("etl/**/*.py")):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "Rejection":
                reason = node.args[0]
                text = reason.value if isinstance(reason, ast.Constant) else ast.unparse(reason)
                given.setdefault(file.relative_to(ROOT).as_posix(), set()).add(str(text))
    return given


def test_every_rejection_of_the_project_gives_a_listed_reason_and_every_reason_is_given() -> None:
    given = set.union(*reasons_given().values()) - PASSED_ON
    assert given == set(REASONS)


def test_a_reason_that_is_not_listed_cannot_be_given() -> None:
    with pytest.raises(ValueError, match="'no_hat' is none of unknown_name, known_bad"):
        Rejection("no_hat", "0 hats")


def test_what_people_read_ends_with_the_advice() -> None:
    message = Rejection("too_long", "61.00 s, at most 60 s (quality.max_seconds)", "a.mp4").message
    assert message == (
        "61.00 s, at most 60 s (quality.max_seconds); cut it into utterances (the folder corpus "
        "does, with stretches.cut), or raise quality.max_seconds"
    )
    assert all(reason.meaning and reason.advice for reason in REASONS.values())


def test_settings_that_an_advice_names_exist() -> None:
    config = EtlConfig(corpus="folder", source="x", output=Path("y"))
    for reason in REASONS.values():
        text = f"{reason.meaning} {reason.advice}"
        for key in re.findall(r"\b(?:quality|landmarks|stretches)\.\w+", text):
            section, name = key.split(".")
            assert hasattr(getattr(config, section), name), key


def test_the_readme_s_table_is_the_code_s() -> None:
    text = (ROOT / "etl" / "README.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(\w+)` \| (.+) \| (.+) \|$", text, flags=re.MULTILINE)
    assert rows == [(name, reason.meaning, reason.advice) for name, reason in REASONS.items()]
