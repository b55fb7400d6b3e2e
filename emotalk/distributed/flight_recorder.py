"""Record the last collective operations of a process, to see which one a hang waits in.

The names of the variables are PyTorch's. Its own files, `nccl-rank-N`, are written where NCCL times
out. They are pickles for PyTorch's tool `torchfrtrace`; nothing here reads them.
"""

import os
from collections.abc import MutableMapping
from pathlib import Path

import torch

CALLS = "2000"  # the last ones are kept
PREFIX = "nccl-rank-"  # PyTorch appends the rank


def record_collectives(folder: Path, environment: MutableMapping[str, str] = os.environ) -> None:
    """Let PyTorch record collective operations, and write NCCL's to `folder` where one times out.

    It must be called before the process group starts. Variables that the user has set stay.

    Args:
        folder: for the files; it exists when a collective times out.
        environment: changed in place.
    """
    prefix = str(folder.resolve() / PREFIX)
    for name, value in {
        "TORCH_FR_BUFFER_SIZE": CALLS,
        "TORCH_FR_DUMP_TEMP_FILE": prefix,
        "TORCH_NCCL_DEBUG_INFO_TEMP_FILE": prefix,
        "TORCH_NCCL_DUMP_ON_TIMEOUT": "1",
    }.items():
        environment.setdefault(name, value)


def last_collectives() -> bytes:
    """Return the recorded operations of this process as JSON, as PyTorch writes it.

    It is empty where this build of PyTorch records none.
    """
    dump = getattr(torch._C._distributed_c10d, "_dump_fr_trace_json", None)
    return b"" if dump is None else bytes(dump())
