"""Failures of machines are told from those that come back at every start."""

import errno

import pytest
import torch

from emotalk.data.workers import WorkerLost
from emotalk.errors import Stopped, WrongUse
from emotalk.runs.failure import may_pass
from emotalk.training.not_finite import NonFiniteTrainingError

# The words are those of PyTorch, NCCL, gloo and the driver.
PASSING: list[Exception] = [
    RuntimeError("CUDA error: uncorrectable ECC error encountered"),
    RuntimeError("CUDA error: unspecified launch failure"),
    torch.distributed.DistBackendError(
        "NCCL error in: ProcessGroupNCCL.cpp:2093, remote process exited"
    ),
    torch.distributed.DistNetworkError("The client socket has timed out after 60000ms"),
    torch.AcceleratorError("CUDA error: an illegal memory access was encountered"),
    RuntimeError("[../gloo/transport/tcp/pair.cc:547] Connection closed by peer [10.0.0.2]:4123"),
    RuntimeError("Timed out waiting 1800000ms for recv operation to complete"),
    ConnectionResetError(errno.ECONNRESET, "Connection reset by peer"),
    OSError(errno.EIO, "Input/output error"),
    OSError(errno.ESTALE, "Stale file handle"),
    OSError(errno.ENOSPC, "No space left on device"),
    WorkerLost("loader worker 7 was killed by SIGKILL. The same command goes on"),
    WorkerLost("no batch came within data.silence_s (600 s); reading shards hangs"),
]
REPEATING: list[Exception] = [
    WrongUse("runtime.device is cuda, but torch finds no CUDA device here"),
    ZeroDivisionError("Connection closed by peer"),
    RuntimeError("CUDA error: device-side assert triggered"),
    torch.AcceleratorError("CUDA error: device-side assert triggered"),
    torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB"),
    RuntimeError("The size of tensor a (3) must match the size of tensor b (4)"),
    WorkerLost("loader worker 7 ended with code 1; data.workers=0 shows its error"),
    WorkerLost("there is no room in /dev/shm"),
    NonFiniteTrainingError("the update of the generator is not finite"),
    Stopped("the shards have changed"),
]


@pytest.mark.parametrize("error", PASSING, ids=lambda e: f"{type(e).__name__} {e}"[:50])
def test_a_failure_of_a_machine_may_pass(error: Exception) -> None:
    assert may_pass(error)


@pytest.mark.parametrize("error", REPEATING, ids=lambda e: f"{type(e).__name__} {e}"[:50])
def test_a_fault_of_program_data_or_command_comes_again(error: Exception) -> None:
    assert not may_pass(error)
