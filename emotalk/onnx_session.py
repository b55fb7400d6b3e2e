"""Open ONNX Runtime sessions that run in the calling thread and give repeatable numbers."""

import os
from importlib import import_module
from pathlib import Path
from typing import Any

import onnxruntime

from emotalk.errors import WrongUse

CUDA = "CUDAExecutionProvider"


def open_session(path: Path) -> Any:
    """Return a session of a model file on the CPU.

    Raises:
        Exception: ONNX Runtime's own, which share no base, for a file that is no model.
    """
    return onnxruntime.InferenceSession(
        str(path), single_threaded(), providers=["CPUExecutionProvider"]
    )


def providers(device: str) -> list[Any]:
    """Return the execution providers of a device, `cpu` or `cuda`.

    The processes of a machine are spread over its GPUs by their ids.

    Raises:
        WrongUse: the installed ONNX Runtime has no CUDA, or the machine has no GPU.
    """
    if device == "cpu":
        return ["CPUExecutionProvider"]
    torch = import_module("torch")  # slow, and only needed here
    known = onnxruntime.get_available_providers()
    gpus = torch.cuda.device_count()
    if CUDA not in known or gpus == 0:
        raise WrongUse(
            f"landmarks.device=cuda: {gpus} GPUs here, and ONNX Runtime has {', '.join(known)}; "
            "put onnxruntime-gpu in place of onnxruntime on machines with a GPU, or set "
            "landmarks.device=cpu"
        )
    return [(CUDA, {"device_id": str(os.getpid() % gpus)})]


def single_threaded() -> Any:
    """Return session options for one thread and repeatable numbers.

    Models run in the calling thread, so that workers do not compete for cores and the numbers do
    not depend on the machine's load.
    """
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
    options.use_deterministic_compute = True
    options.log_severity_level = 4  # errors are raised, and told once
    return options
