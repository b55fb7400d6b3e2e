"""Trials on a project of one function: caught, survived, hung, explained, taken up again."""

import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.mutants.faults import Fault, faults_of
from tests.mutants.report import is_good, survivors, table
from tests.mutants.results import Result, Results, equivalents, unknown
from tests.mutants.selection import files_for
from tests.mutants.tree import Tree
from tests.mutants.trial import Trials, Tried

ROOT = Path(__file__).parents[2]
FILE = "emotalk/losses/half.py"
MODULE = """def half(x: int) -> int:
    while x > 101:
        x -= 1
    return x // 2
"""
TEST = """from emotalk.losses.half import half

def test_half():
    assert half(5) == 2
    assert half(103) == 50
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    root = tmp_path / "project"
    for name, text in {
        FILE: MODULE,
        "emotalk/__init__.py": "",
        "emotalk/losses/__init__.py": "",
        "tests/unit/losses/test_half.py": TEST,
        "pytest.ini": "[pytest]\nmarkers = slow\n",
    }.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    subprocess.run(["git", "init", "-q"], cwd=root, check=True)
    return root


@pytest.fixture
def tree(project: Path, tmp_path: Path) -> Iterator[Tree]:
    folder = tmp_path / "scratch"
    folder.mkdir()
    with Tree(project, folder, warm=False) as tree:
        yield tree


def fault(before: str, after: str) -> Fault:
    found = [f for f in faults_of(FILE, MODULE.encode()) if (f.before, f.after) == (before, after)]
    return found[0]


def test_a_fault_is_caught_survives_or_hangs(project: Path, tree: Tree, tmp_path: Path) -> None:
    wrong, unseen = fault("x // 2", "(x * 2)"), fault("x > 101", "(x >= 101)")
    endless = fault("x -= 1", "x += 1")
    trials = Trials(tree, Results(tmp_path / "results"), limit_s=250)
    assert trials.result(wrong).state == "caught"
    assert trials.result(wrong).by == "tests/unit/losses/test_half.py::test_half"
    assert trials.result(unseen).state == "survived"
    assert Trials(tree, Results(tmp_path / "other"), limit_s=3).result(endless).state == ("timeout")
    assert trials.unsound == []
    known = trials.known([wrong, unseen, endless], {unseen.key: "equal at 101"})
    assert [(one.result.state, one.reason) for one in known] == [
        ("caught", ""), ("survived", "equal at 101"),
    ]  # fmt: skip
    assert (project / FILE).read_text() == MODULE
    assert (tree.root / FILE).read_text() == MODULE


def test_a_test_that_fails_without_a_fault_catches_none(
    project: Path, tree: Tree, tmp_path: Path
) -> None:
    broken = "tests/unit/losses/test_half_of_more.py"
    for root in (project, tree.root):
        (root / broken).write_text("def test_other():\n    assert False\n")
    trials = Trials(tree, Results(tmp_path / "results"), limit_s=250)
    assert trials.result(fault("x > 101", "(x >= 101)")).state == "survived"
    assert trials.unsound == [broken]


def test_a_run_goes_on_and_survivors_meet_new_tests_again(tmp_path: Path) -> None:
    caught, survived = fault("x // 2", "(x * 2)"), fault("x > 101", "(x >= 101)")
    results = Results(tmp_path / "results")
    results.keep(Result(caught.key, "caught", 1.0, "old", "by"))
    results.keep(Result(survived.key, "survived", 1.0, "old"))
    again = Results(tmp_path / "results")
    assert again.of(caught, "new") is not None
    assert again.of(survived, "old") is not None
    assert again.of(survived, "new") is None


def test_a_survivor_needs_an_explanation() -> None:
    one = fault("x > 101", "(x >= 101)")
    result = Result(one.key, "survived", 1.0, "tests")
    caught = [Tried(one, replace(result, state="caught"))] * 19
    assert is_good([*caught, Tried(one, result, "equal at 101")])
    assert not is_good([*caught, Tried(one, result)])
    assert not is_good([*caught[:18], *[Tried(one, result, "equal at 101")] * 2])
    assert survivors([Tried(one, result)]).startswith(f"{FILE}:2  [boundary]  half\n")
    assert table([*caught, Tried(one, result)]).splitlines()[-1].split() == [
        *("all", "20", "19", "0", "1", "0")
    ]


def test_explanations_name_code_that_is_there() -> None:
    from tests.mutants.sample import PACKAGES, all_faults

    reasons = equivalents(ROOT / "tests" / "mutants" / "equivalent.yaml")
    assert unknown(reasons, [f for package in PACKAGES for f in all_faults(ROOT, package)]) == []


def test_an_explanation_without_a_reason_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "equivalent.yaml"
    path.write_text("- file: a\n  function: b\n  reason: ''\n")
    with pytest.raises(ValueError, match="reason"):
        equivalents(path)


def test_the_nearest_tests_come_first() -> None:
    tests = files_for(ROOT, "emotalk/metrics/image.py")
    assert tests[0] == "tests/unit/metrics/test_image.py"
    assert "tests/unit/evaluation/test_evaluate.py" in tests
    assert "tests/unit/etl/corpora/test_mead.py" in files_for(ROOT, "etl/corpora/mead.py")


def test_every_module_of_the_packages_has_tests() -> None:
    from tests.mutants.sample import PACKAGES

    files = [path for folder in PACKAGES.values() for path in (ROOT / folder).rglob("*.py")]
    for path in files:
        assert files_for(ROOT, path.relative_to(ROOT).as_posix()) != []
