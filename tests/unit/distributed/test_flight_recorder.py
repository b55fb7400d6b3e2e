"""The last collective operations of a process can be read after a hang."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from emotalk.distributed.flight_recorder import record_collectives
from tests.helpers.tiny_training import ROOT

TWO_CALLS = """
import sys
from pathlib import Path
import pytest

from emotalk.distributed.flight_recorder import last_collectives, record_collectives
record_collectives(Path(sys.argv[1]))
import torch
from torch import distributed
distributed.init_process_group("gloo", rank=0, world_size=1, store=distributed.HashStore())
distributed.all_reduce(torch.ones(7))
distributed.barrier()
sys.stdout.write(last_collectives().decode())
"""


def test_the_calls_of_a_process_stand_in_the_record_in_their_order(tmp_path: Path) -> None:
    said = subprocess.run(
        [sys.executable, "-c", TWO_CALLS, str(tmp_path)],
        cwd=ROOT, capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    calls = json.loads(said)["entries"]
    assert [call["profiling_name"] for call in calls] == ["gloo:all_reduce", "gloo:barrier"]
    assert calls[0]["input_sizes"] == [[7]]


def test_nccls_files_lie_in_the_folder_and_the_users_settings_stay(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("TORCH_FR_DUMP_TEMP_FILE", raising=False)  # of a training in this process
    environment = {"TORCH_FR_BUFFER_SIZE": "5"}
    record_collectives(tmp_path / "logs", environment)
    assert environment["TORCH_FR_BUFFER_SIZE"] == "5"
    assert environment["TORCH_FR_DUMP_TEMP_FILE"] == str(tmp_path / "logs" / "nccl-rank-")
    assert environment["TORCH_NCCL_DUMP_ON_TIMEOUT"] == "1"
    assert "TORCH_FR_DUMP_TEMP_FILE" not in os.environ
