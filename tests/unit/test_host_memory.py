"""What a training frees stays with its process."""

import platform
import subprocess
import sys

import pytest

FAULTS = """
import resource, statistics, sys
import torch
from emotalk.host_memory import keep_freed_memory
if sys.argv[1] == "kept":
    assert keep_freed_memory()
def work():
    return [torch.ones(2**24).mul_(2) for _ in range(2)]
for _ in range(6):  # until the heap has found its size
    work()
faults = []
for _ in range(15):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    work()
    faults.append(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
print(statistics.median(faults))  # now and then the heap still grows by a piece
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="another C library than glibc")
def test_memory_that_a_step_frees_is_not_asked_of_the_system_again() -> None:
    kept, given_back = (_page_faults(how) for how in ("kept", "given back"))
    assert kept < 100 < given_back


def _page_faults(how: str) -> int:
    command = [sys.executable, "-c", FAULTS, how]
    return int(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
