"""The runs of a sweep are the products of its values and of the lines of its files."""

from pathlib import Path

import pytest

from emotalk.errors import WrongUse
from emotalk.runs.sweep_values import sweep_runs


def words(*given: str) -> list[tuple[str, ...]]:
    return [run.words for run in sweep_runs(given)]


def test_the_last_value_varies_fastest() -> None:
    assert words("seed=1,2", "a.b=x,y") == [
        ("seed=1", "a.b=x"),
        ("seed=1", "a.b=y"),
        ("seed=2", "a.b=x"),
        ("seed=2", "a.b=y"),
    ]


def test_commas_in_brackets_and_quotes_part_nothing() -> None:
    assert words("a=[1,2],{x: 1, y: 2}") == [("a=[1,2]",), ("a={x: 1, y: 2}",)]
    assert words("a='1,2',3") == [("a='1,2'",), ("a=3",)]


def test_a_file_has_a_run_a_line(tmp_path: Path) -> None:
    path = tmp_path / "runs.txt"
    path.write_text("# seeds\nseed=1 a='b c'  # first\n\nseed=2 a=d\n")
    assert words(str(path)) == [("seed=1", "a=b c"), ("seed=2", "a=d")]
    assert words(str(path), "x=1,2")[1] == ("seed=1", "a=b c", "x=2")


def test_names_are_plain_and_differ() -> None:
    names = [run.name for run in sweep_runs(["a=[../../x],[../ /x]"])]
    assert names == ["000-a=-..-..-x", "001-a=-..-x"]
    long = [run.name for run in sweep_runs([f"a={'x' * 300}1,{'x' * 300}2"])]
    assert len({*long}) == 2
    assert max(map(len, long)) == 84


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ((), "KEY=v1"),
        (("a=1,,2",), "a=1,,2"),
        (("a=",), "a="),
        (("=1",), "=1"),
        (("nowhere.txt",), "nowhere.txt"),
        (("a=1", "a=2"), "given twice"),
        (("run_dir=a,b",), "run_dir cannot vary"),
        (tuple(f"{key}={','.join('0123456789')}" for key in "abcde"), "100000 runs"),
    ],
)
def test_values_that_make_no_sweep_are_refused(given: tuple[str, ...], said: str) -> None:
    with pytest.raises(WrongUse) as refusal:
        sweep_runs(given)
    assert said in str(refusal.value)


@pytest.mark.parametrize("text", ["", "# nothing\n", "seed\n", "seed='1\n"])
def test_a_file_without_runs_is_refused_by_name(tmp_path: Path, text: str) -> None:
    path = tmp_path / "runs.txt"
    path.write_text(text)
    with pytest.raises(WrongUse, match=r"runs\.txt"):
        sweep_runs([str(path)])
