"""The trackers are those of the configuration."""

from pathlib import Path
from unittest import mock

import pytest

from emotalk.runs import trackers as module
from emotalk.tracking.console import Console
from emotalk.tracking.jsonl import JsonLines
from emotalk.tracking.mlflow import MlflowTracker
from tests.helpers.tiny_training import tiny_config, tiny_shards
from tests.helpers.train_here import trainer_here


def test_the_trackers_are_those_of_the_configuration(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tiny_shards(tmp_path / "shards")
    mlflow = mock.Mock(spec=MlflowTracker)
    made = mock.Mock(return_value=mlflow)
    monkeypatch.setattr(module, "MlflowTracker", made)
    with trainer_here(tiny_config(tmp_path)) as trainer:
        told = trainer._components.tracker._trackers  # type: ignore[attr-defined]
        assert [type(tracker) for tracker in told] == [JsonLines, Console]
        made.assert_not_called()
    words = ["tracking.mlflow.enabled=true", "tracking.mlflow.run_name=first"]
    with trainer_here(tiny_config(tmp_path, *words)) as trainer:
        told = trainer._components.tracker._trackers  # type: ignore[attr-defined]
        assert told[2] is mlflow
        mlflow.artifact.assert_called_once_with(tmp_path / "run/config.yaml", "")
        (_, facts, run_dir), named = made.call_args
        assert run_dir == tmp_path / "run"
        assert facts.name == "first"
        assert facts.params["data.batch_size"] == "4"
        assert facts.tags["training_clips"] == "12"
        named["on_run"]("abc")
        assert trainer.state.mlflow_run == "abc", "a checkpoint remembers the run"
