"""Counting goes on beside the training, and its failure costs the figure alone."""

import time
from pathlib import Path
from unittest import mock

import pytest

from emotalk.config.load import dump_config
from emotalk.runs import background_flops
from emotalk.runs.background_flops import BackgroundFlops
from tests.helpers.tiny_training import tiny_config


def answer(counting: BackgroundFlops) -> dict[str, float]:
    counting._process.wait(timeout=120)
    return counting()


def test_a_run_gets_the_operations_when_they_are_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RANK", "0")
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "config.yaml"
    path.write_text(dump_config(tiny_config(tmp_path)), encoding="utf-8")
    counting = BackgroundFlops(path)
    assert counting() == {}, "nobody waits for it"
    assert set(found := answer(counting)) == {"emotion", "gan"}
    assert all(value > 0 for value in found.values())
    assert counting() == found


def test_a_count_that_fails_is_said_once(tmp_path: Path) -> None:
    with mock.patch.object(background_flops, "LOG") as log:
        counting = BackgroundFlops(tmp_path / "none.yaml")
        assert answer(counting) == {}
        assert counting() == {}
    log.warning.assert_called_once()
    assert log.warning.call_args.args[0] % log.warning.call_args.args[1] == (
        "the operations of a step were not counted (exit code 1): no TFLOP/s"
    )


def test_a_training_that_ends_takes_its_count_with_it(tmp_path: Path) -> None:
    counting = BackgroundFlops(tmp_path / "none.yaml")
    process = counting._process
    began = time.monotonic()
    del counting
    assert process.returncode is not None
    assert time.monotonic() - began < 60
