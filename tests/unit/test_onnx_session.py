"""Where ONNX models run: on the CPU, or on the GPU that was asked for and on no other device."""

import os
import subprocess
import sys
from pathlib import Path

import onnxruntime
import pytest
import torch

from emotalk.config.etl import EtlConfig, LandmarksConfig
from emotalk.errors import WrongUse
from emotalk.onnx_session import providers


def test_processes_are_spread_over_the_gpus(monkeypatch: pytest.MonkeyPatch) -> None:
    known = ["CUDAExecutionProvider", "CPUExecutionProvider"]
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: known)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 4)
    for process, gpu in ((100, "0"), (101, "1"), (103, "3")):
        monkeypatch.setattr(os, "getpid", lambda process=process: process)
        assert providers("cuda") == [("CUDAExecutionProvider", {"device_id": gpu})]
    assert providers("cpu") == ["CPUExecutionProvider"]


@pytest.mark.parametrize(("gpus", "known"), [(0, "CUDAExecutionProvider"), (1, "CPU")])
def test_a_gpu_that_cannot_be_used_is_refused(
    monkeypatch: pytest.MonkeyPatch, gpus: int, known: str
) -> None:
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: [known])
    monkeypatch.setattr(torch.cuda, "device_count", lambda: gpus)
    with pytest.raises(WrongUse, match=rf"landmarks\.device=cuda: {gpus} GPUs here, .*{known}"):
        providers("cuda")


def test_other_back_ends_have_no_device() -> None:
    settings = {"backend": "sidecar", "device": "cuda"}
    with pytest.raises(ValueError, match="backend is sidecar"):
        LandmarksConfig.model_validate(settings)
    assert LandmarksConfig(device="cuda").device == "cuda"
    assert EtlConfig.model_fields["landmarks"].default == LandmarksConfig()


def test_onnxruntime_sends_nothing_and_leaves_nothing(tmp_path: Path) -> None:
    """Its telemetry keeps the name of a session in the temporary folder."""
    environment = {name: v for name, v in os.environ.items() if name != "ORT_DISABLE_TELEMETRY"}
    words = [sys.executable, "-c", "import emotalk.onnx_session"]
    subprocess.run(words, env=environment | {"TMPDIR": str(tmp_path)}, check=True)
    assert not list(tmp_path.iterdir())
