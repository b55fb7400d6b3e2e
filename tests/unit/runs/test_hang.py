"""A hung process tells the batch script, and leaves its last collective operations."""

import json
import time
from pathlib import Path

import pytest

from emotalk.runs import hang
from emotalk.runs.hang import build_watchdog
from emotalk.runs.status import LOGS, write_status
from tests.helpers.tiny_training import tiny_config


@pytest.fixture
def run_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "run"
    (folder / LOGS).mkdir(parents=True)
    (folder / "config.yaml").touch()
    monkeypatch.setattr(hang, "last_collectives", lambda: b'{"entries": []}')
    return folder


def status(run_dir: Path) -> dict[str, object]:
    found: dict[str, object] = json.loads((run_dir / "status.json").read_text(encoding="utf-8"))
    return found


def test_the_status_of_a_hang_has_a_code_of_its_own_and_may_pass(
    run_dir: Path, tmp_path: Path
) -> None:
    write_status(run_dir, "running", "training")
    build_watchdog(tiny_config(tmp_path), rank=3)._hung("hung: no progress")
    said = status(run_dir)
    assert (said["state"], said["code"], said["may_pass"]) == ("failed", 86, True)
    assert said["message"] == "rank 3: hung: no progress"
    assert (run_dir / LOGS / "collectives-rank-0003.json").read_bytes() == b'{"entries": []}'


def test_the_first_failure_stands(run_dir: Path, tmp_path: Path) -> None:
    watchdog = build_watchdog(tiny_config(tmp_path), rank=3)
    time.sleep(0.02)
    write_status(run_dir, "failed", "rank 1: hung: no progress", code=86)
    watchdog._hung("hung: no progress")
    assert status(run_dir)["message"] == "rank 1: hung: no progress"


def test_the_limits_are_those_of_the_configuration(run_dir: Path, tmp_path: Path) -> None:
    words = [f"runtime.watchdog.{name}_s={n}" for n, name in enumerate(
        ("setup", "step", "validation", "checkpoint"), start=5
    )]  # fmt: skip
    watchdog = build_watchdog(tiny_config(tmp_path, *words), rank=0)
    assert watchdog._limits == {"setup": 5, "step": 6, "validation": 7, "checkpoint": 8}
