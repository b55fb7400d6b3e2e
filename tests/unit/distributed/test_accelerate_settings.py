"""A user's own `accelerate config` neither changes a training nor ends it in a riddle."""

import json
import logging
import os
import subprocess
import sys
from pathlib import Path

import pytest

from emotalk.config.load import dump_config
from emotalk.config.runtime import RuntimeConfig
from emotalk.distributed import Runtime
from emotalk.distributed.accelerate_settings import remove_accelerate_settings
from emotalk.errors import WrongUse
from tests.helpers.tiny_training import ROOT, tiny_config, tiny_shards

OWN = """\
compute_environment: LOCAL_MACHINE
distributed_type: 'NO'
dynamo_config: {dynamo_backend: INDUCTOR, dynamo_mode: default, dynamo_use_fullgraph: true}
mixed_precision: bf16
num_machines: 1
num_processes: 1
use_cpu: true
"""


def test_what_the_run_says_itself_is_undone_and_told(caplog: pytest.LogCaptureFixture) -> None:
    logging.getLogger("emotalk").propagate = True
    environment = {
        "ACCELERATE_DYNAMO_BACKEND": "INDUCTOR",
        "ACCELERATE_DYNAMO_MODE": "default",
        "ACCELERATE_MIXED_PRECISION": "fp16",
        "ACCELERATE_GRADIENT_ACCUMULATION_STEPS": "4",
        "ACCELERATE_USE_CPU": "true",
    }
    remove_accelerate_settings(environment)
    assert environment == {
        "ACCELERATE_MIXED_PRECISION": "no",
        "ACCELERATE_GRADIENT_ACCUMULATION_STEPS": "1",
        "ACCELERATE_USE_CPU": "true",
    }
    for words in ("BACKEND=INDUCTOR", "runtime.compile=true", "PRECISION=fp16", "STEPS=4"):
        assert words in caplog.text


def test_what_asks_for_nothing_is_not_spoken_of(caplog: pytest.LogCaptureFixture) -> None:
    logging.getLogger("emotalk").propagate = True
    environment = {"ACCELERATE_DYNAMO_BACKEND": "NO", "ACCELERATE_MIXED_PRECISION": "no"}
    remove_accelerate_settings(environment)
    assert environment == {"ACCELERATE_MIXED_PRECISION": "no"}
    assert caplog.text == ""


@pytest.mark.parametrize("variable", ["ACCELERATE_USE_FSDP", "ACCELERATE_USE_MEGATRON_LM"])
def test_another_way_of_spreading_networks_is_refused(variable: str) -> None:
    with pytest.raises(WrongUse, match=r"asks for .*runtime\.engine is ddp or deepspeed"):
        remove_accelerate_settings({variable: "true"})
    remove_accelerate_settings({variable: "false"})


def test_a_training_takes_them_out_before_it_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ACCELERATE_DYNAMO_BACKEND", "INDUCTOR")
    monkeypatch.setenv("ACCELERATE_MIXED_PRECISION", "bf16")
    runtime = Runtime.start(RuntimeConfig(device="cpu", threads=1), ["generator"])
    assert "ACCELERATE_DYNAMO_BACKEND" not in os.environ
    assert os.environ["ACCELERATE_MIXED_PRECISION"] == "no"
    runtime.stop()


@pytest.mark.slow  # a launcher and a training of their own
def test_a_launch_under_a_user_s_own_configuration_trains(tmp_path: Path) -> None:
    tiny_shards(tmp_path / "shards")
    own = tmp_path / "cache" / "accelerate" / "default_config.yaml"
    own.parent.mkdir(parents=True)
    own.write_text(OWN)
    config = tiny_config(tmp_path)
    (tmp_path / "tiny.yaml").write_text(dump_config(config))
    run = subprocess.run(
        [sys.executable, "-m", "accelerate.commands.launch", str(ROOT / "train.py"),
         str(tmp_path / "tiny.yaml")],
        env={**os.environ, "HF_HOME": str(tmp_path / "cache")},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    status = json.loads((config.run_dir / "status.json").read_text())
    assert (run.returncode, status["state"]) == (0, "done"), run.stderr[-2000:]
    assert "ACCELERATE_DYNAMO_BACKEND=INDUCTOR; left out" in run.stderr
