"""Open ONNX Runtime sessions that run in the calling thread and give repeatable numbers."""

from pathlib import Path
from typing import Any

import onnxruntime


def open_session(path: Path) -> Any:
    """Return a session of a model file on the CPU.

    Raises:
        Exception: ONNX Runtime's own, which share no base, for a file that is no model.
    """
    return onnxruntime.InferenceSession(
        str(path), single_threaded(), providers=["CPUExecutionProvider"]
    )


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
