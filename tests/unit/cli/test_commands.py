import errno
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from emotalk import cli
from emotalk.doctor import examine as doctor
from emotalk.errors import WrongUse
from tests.helpers.tiny_model import write_tiny_model

COMMANDS = (
    "synth",
    "corpus",
    "inspect",
    "evaluate",
    "generate",
    "import-original",
    "app",
    "doctor",
)


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr(sys, "argv", ["emotalk", *arguments])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert isinstance(ended.value.code, int)
    return ended.value.code


def test_help_names_every_command(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, "--help") == 0
    text = capsys.readouterr().out
    assert all(f"\n  {command} " in text for command in COMMANDS)
    assert "..." not in text.partition("Commands:")[2], "a summary is cut off"


@pytest.mark.parametrize("command", COMMANDS)
def test_help_of_every_command_shows_an_example(
    command: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, command, "--help") == 0
    assert f"\n  emotalk {command}" in capsys.readouterr().out


def test_help_loads_no_heavy_library() -> None:
    heavy = {"torch", "numpy", "ray", "mlflow", "cv2", "av", "decord", "pydantic", "rich"}
    code = (
        "import sys, emotalk.cli; sys.argv = ['emotalk', '--help']\n"
        "try: emotalk.cli.main()\n"
        f"except SystemExit: sys.exit(', '.join({heavy} & set(sys.modules)) or 0)"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False
    )
    assert (ended.stderr, ended.returncode) == ("", 0)


def test_the_package_runs_as_a_module() -> None:
    command = [sys.executable, "-m", "emotalk.cli", "--help"]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (ended.stderr, ended.returncode) == ("", 0)
    assert ended.stdout.startswith("Usage: emotalk")


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("sing",),
        ("synth",),
        ("synth", "out", "--actors", "many"),
        ("generate", "--scale", "9"),
        ("evaluate", "--split", "exam"),
    ],
)
def test_wrong_arguments_exit_with_2_and_no_traceback(
    arguments: tuple[str, ...],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run(monkeypatch, *arguments) == 2
    told = capsys.readouterr()
    assert "Usage: emotalk" in told.err + told.out
    assert "Traceback" not in told.err


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("generate", "--scale", "9"), "'--scale': '9' is not allowed; give a whole number from 1"),
        (("generate", "--scale", "two"), "'two' is not allowed; give a whole number from 1 to 4"),
        (("generate", "--scale", "9" * 5000), f"'{'9' * 40}...' is not allowed"),
        (("evaluate", "--processes", "-1"), "'-1' is not allowed; give a whole number from 0"),
        (
            ("synth", "out", "--actors", "many"),
            "'many' is not allowed; input should be a valid int",
        ),
        (("evaluate", "--split", "exam"), "'--split': 'exam' is not one of 'train', 'val', 'test'"),
        (("corpus", "init", "d", "--actor-from", "q"), "'--actor-from': 'q' is not one of 'auto'"),
    ],
)
def test_a_refused_option_names_the_value_given_and_those_allowed(
    arguments: tuple[str, ...],
    told: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run(monkeypatch, *arguments) == 2
    assert told in capsys.readouterr().err


def test_a_video_without_its_inputs_is_refused_with_a_command_that_works(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, "generate", "--emotion", "anger") == 2
    told = capsys.readouterr().err
    assert told.startswith("emotalk: generate: --image, --audio, --output missing")
    assert "emotalk generate --image me.jpg --audio hello.wav" in told


def test_wrong_use_is_one_message_and_exit_2(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise WrongUse("a [red]folder[/red] that is not there")

    monkeypatch.setattr(doctor, "examine", refuse)
    assert run(monkeypatch, "doctor") == 2
    last = capsys.readouterr().err.splitlines()[-1]
    assert last == "emotalk: a [red]folder[/red] that is not there"


def test_our_own_faults_keep_their_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise RuntimeError("ours")

    monkeypatch.setattr(doctor, "examine", fail)
    monkeypatch.setattr(sys, "argv", ["emotalk", "doctor"])
    with pytest.raises(RuntimeError, match="ours"):
        cli.main()


@pytest.mark.parametrize(
    "arguments",
    [
        ("export", "--checkpoint", "{model}", "--output", "{long}"),
        ("synth", "{long}", "--actors", "1"),
        ("export", "--checkpoint", "{long}", "--output", "out"),
        ("inspect", "{long}"),
    ],
)
def test_a_name_that_no_file_can_have_is_one_message(
    arguments: tuple[str, ...],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    model = write_tiny_model(tmp_path / "model")
    given = [part.format(model=model, long=tmp_path / ("x" * 300)) for part in arguments]
    assert run(monkeypatch, *given) == 2
    said = capsys.readouterr().err.splitlines()[-1]
    assert said.startswith("emotalk: ")
    assert len(said) < 1000
    assert "File name too long" in said


def test_a_folder_that_is_closed_to_the_user_is_one_message(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise PermissionError(errno.EACCES, "Permission denied", "/closed/x\x1b[31m")

    monkeypatch.setattr(doctor, "examine", refuse)
    assert run(monkeypatch, "doctor") == 2
    said = capsys.readouterr().err.splitlines()[-1]
    assert said.startswith(r"emotalk: /closed/x\x1b[31m: Permission denied; give another")


def test_other_errors_of_the_system_keep_their_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise OSError(errno.EIO, "Input/output error", "disk")

    monkeypatch.setattr(doctor, "examine", fail)
    monkeypatch.setattr(sys, "argv", ["emotalk", "doctor"])
    with pytest.raises(OSError, match="Input/output error"):
        cli.main()


def test_evaluate_takes_several_shard_sets(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    several = ("--shards", "[{path: A}, {path: B}]")
    given = ("--checkpoint", "run", "--output", "out", "--dry-run")
    assert run(monkeypatch, "evaluate", *given, *several) == 0
    assert "shards:\n- path: A\n- path: B\n" in capsys.readouterr().out
    assert run(monkeypatch, "evaluate", *given, "--shards", "a: b") == 0
    assert "shards: 'a: b'\n" in capsys.readouterr().out


def test_evaluate_lists_every_fault_of_its_settings(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    given = ["--checkpoint", "c", "--shards", "s", "--output", str(tmp_path)]
    assert run(monkeypatch, "evaluate", *given, "clips=-1", "colour=blue") == 2
    message = capsys.readouterr().err
    assert "2 faults" in message
    assert "clips:" in message
    assert "colour: unknown key" in message


def test_onnx_without_its_files_is_refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    given = ["--checkpoint", "c", "--image", "i.png", "--audio", "a.wav", "--emotion", "fear"]
    output = ["--output", str(tmp_path / "o.mp4")]
    assert run(monkeypatch, "generate", *given, *output, "--landmarks", "onnx") == 2
    assert "--detector and --landmarker missing" in capsys.readouterr().err
