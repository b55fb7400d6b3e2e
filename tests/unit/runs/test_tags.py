"""What a run's tags and params say of who started it, with which data and settings."""

from pathlib import Path

import pytest

from emotalk.checkpoints.format import DataFacts
from emotalk.runs.tags import launcher, parent_tags, run_tags, slurm_tags
from emotalk.tracking.params import VALUE_LIMIT, as_params
from tests.helpers.tiny_training import tiny_config


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({}, "python"),
        ({"ACCELERATE_MIXED_PRECISION": "no"}, "accelerate"),
        ({"ACCELERATE_MIXED_PRECISION": "no", "TORCHELASTIC_RUN_ID": "1"}, "accelerate"),
        ({"TORCHELASTIC_RUN_ID": "1", "SLURM_PROCID": "0"}, "torchrun"),
        ({"CROSS_RANK": "0", "RANK": "0"}, "deepspeed"),
        ({"SLURM_PROCID": "0"}, "slurm"),
    ],
)
def test_the_launcher_is_known_by_its_traces(environment: dict[str, str], expected: str) -> None:
    assert launcher(environment) == expected


def test_a_slurm_job_is_named() -> None:
    environment = {"SLURM_JOB_ID": "7", "SLURM_JOB_NAME": "train", "SLURM_CPUS_ON_NODE": "2"}
    assert slurm_tags(environment) == {"slurm_job_id": "7", "slurm_job_name": "train"}
    assert slurm_tags({}) == {}


def test_a_run_of_a_sweep_stands_below_the_sweeps_own() -> None:
    assert parent_tags({"EMOTALK_PARENT_RUN": "abc"}) == {"mlflow.parentRunId": "abc"}
    assert parent_tags({"EMOTALK_PARENT_RUN": ""}) == parent_tags({}) == {}


def test_tags_tell_data_code_and_start(tmp_path: Path) -> None:
    data = DataFacts(manifest_sha256="ab" * 32, corpus="mead", landmarks="onnx", clips=12, actors=3)
    tags = run_tags(tiny_config(tmp_path, "tracking.tags={who: me}"), data)
    assert tags["who"] == "me"
    assert tags["manifest_sha256"] == "ab" * 32
    assert (tags["corpus"], tags["training_clips"]) == ("mead", "12")
    assert {"shards", "launcher", "processes"} <= set(tags)
    assert "resumed_at_step" not in tags
    resumed = run_tags(tiny_config(tmp_path), data, step=250)
    assert resumed["resumed_at_step"] == "250"


def test_params_go_by_the_names_of_the_command_line(tmp_path: Path) -> None:
    params = as_params(tiny_config(tmp_path).model_dump(mode="json"))
    assert params["data.batch_size"] == "4"
    assert params["stages.gan.iterations"] == "5"
    assert params["stages.gan.updates.0.losses.mouth_region"] == "100.0"
    assert params["optim.betas"] == "[0.5, 0.99]"
    assert all(isinstance(value, str) for value in params.values())


def test_a_value_longer_than_mlflow_takes_is_cut_and_says_so() -> None:
    value = as_params({"a": {"b": "x" * (VALUE_LIMIT + 1)}})["a.b"]
    assert len(value) == VALUE_LIMIT
    assert value.endswith("(see config.yaml)")
