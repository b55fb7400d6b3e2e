import os
from pathlib import Path

import pytest

from emotalk.doctor import programs
from emotalk.doctor.finding import Said, run_python
from emotalk.doctor.programs import FIND_ENCODERS, examine_codecs, examine_ray, examine_slurm


def program(folder: Path, name: str, text: str) -> None:
    path = folder / name
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)


def test_encoders_of_browser_videos_are_here() -> None:
    assert examine_codecs().state == "ok"


@pytest.mark.parametrize(("missing", "fatal"), [("libx264", True), ("libopus", False)])
def test_a_missing_encoder_is_named_with_the_videos_it_makes(
    monkeypatch: pytest.MonkeyPatch, missing: str, fatal: bool
) -> None:
    monkeypatch.setattr(programs, "run_python", lambda *_: Said(True, missing))
    found = examine_codecs()
    assert (found.state, found.is_fatal) == ("lacks", fatal)
    assert missing in found.detail


def test_an_encoder_that_is_not_there_is_found_missing() -> None:
    assert run_python(FIND_ENCODERS, "libx264", "nothing") == (True, "nothing")


@pytest.mark.parametrize(
    ("answer", "state"),
    [("Slurmctld(primary) at host is UP", "ok"), ("Slurmctld(primary) at host is DOWN", "note")],
)
def test_slurm_is_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answer: str, state: str
) -> None:
    program(tmp_path, "sbatch", "true")
    program(tmp_path, "scontrol", f"echo '{answer}'")
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    assert examine_slurm().state == state
    assert answer in examine_slurm().detail


def test_a_ray_token_without_its_mode_is_noted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("RAY_AUTH_MODE", raising=False)
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    assert examine_ray(tmp_path / "token").state == "ok"
    (tmp_path / "token").touch()
    assert "RAY_AUTH_MODE=token" in examine_ray(tmp_path / "token").remedy
    monkeypatch.setenv("RAY_AUTH_MODE", "token")
    monkeypatch.setenv("RAY_ADDRESS", "10.0.0.1:6379")
    assert examine_ray(tmp_path / "token").detail == "RAY_ADDRESS is 10.0.0.1:6379"
