import json
import sys

from emotalk.doctor.finding import Finding, as_json, run_program, run_python

FINDINGS = [
    Finding("python", "ok", "3.11", "install it", required=True),
    Finding("torch", "lacks", "not installed", "make setup", required=True),
    Finding("Slurm", "note", "no sbatch"),
]


def test_json_says_what_is_missing_and_how_to_get_it() -> None:
    told = json.loads(as_json(FINDINGS))
    assert told["runs"] is False
    assert told["cannot_run_without"] == ["torch"]
    assert told["findings"][1] == {
        "subject": "torch", "state": "lacks", "detail": "not installed", "remedy": "make setup",
        "required": True,
    }  # fmt: skip
    assert told["findings"][0]["remedy"] == ""


def test_nothing_missing_is_said_so() -> None:
    assert json.loads(as_json([FINDINGS[0], FINDINGS[2]]))["runs"] is True


def test_the_last_line_of_a_program_is_kept() -> None:
    assert run_python("print('a'); print('b')") == (True, "b")
    assert run_python("import sys; sys.exit('c')") == (False, "c")
    assert run_python("import sys; print(sys.argv[1])", "x y") == (True, "x y")


def test_a_crash_and_a_missing_program_are_told() -> None:
    assert run_python("import os; os.abort()") == (False, "ended with code -6")
    assert not run_program("/no/such/program").ok
    assert run_program(sys.executable, "-c", "") == (True, "")
