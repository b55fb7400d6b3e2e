"""Tell failures of machines and connections, after which a new start may succeed, from others.

A fault of the program, of its data or of its command happens again at the next start. Neither torch
nor OpenCV is imported here: their errors are known by the names of their classes and by words.
"""

import errno
import re

from emotalk.files.full_disk import FULL

CONNECTION = ("DistBackendError", "DistNetworkError", "DistStoreError")
OUT_OF_MEMORY = "OutOfMemoryError"  # torch's: the same batch does not fit the next time either
# Errors of the machine whose next attempt, perhaps on another node, may succeed.
PASSING = re.compile(
    r"CUDA error|CUDA driver error|NCCL|\bECC\b|uncorrectable|unspecified launch failure"
    r"|Xid|cudaError|CUDNN_STATUS_(EXECUTION_FAILED|INTERNAL_ERROR)|no CUDA-capable device"
    r"|Connection (closed|reset|refused|timed out)|Broken pipe|Socket (closed|timeout)"
    r"|Timed? ?out waiting|Stale file handle|Input/output error",
    re.IGNORECASE,
)
# What such words also say about a fault of the program.
REPEATING = re.compile(
    r"device-side assert|invalid device ordinal|out of memory|invalid argument|no kernel image",
    re.IGNORECASE,
)
OF_A_WORKER = re.compile(r"was killed by SIG|no batch came within")  # words of WorkerLost
# A disk that is full now may have room when the job starts again.
OF_STORAGE = (
    errno.EIO, errno.ESTALE, errno.ETIMEDOUT, errno.EREMOTEIO, *FULL
)  # fmt: skip


def may_pass(error: BaseException) -> bool:
    """Return whether a new start may succeed where `error` ended a run.

    It may after a lost connection, a fault of a GPU, a loader worker that was killed or hung, and
    storage that did not answer or had no room.
    """
    if isinstance(error, ConnectionError):
        return True
    if isinstance(error, OSError) and error.errno is not None:
        return error.errno in OF_STORAGE
    names = {kind.__name__ for kind in type(error).__mro__}
    text = str(error)
    if "WorkerLost" in names:
        return OF_A_WORKER.search(text) is not None
    if OUT_OF_MEMORY in names or REPEATING.search(text):
        return False
    if names.intersection(CONNECTION):
        return True
    return isinstance(error, RuntimeError) and PASSING.search(text) is not None
