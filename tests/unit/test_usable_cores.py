"""Cores that this process may use."""

import os
import subprocess
import sys

import pytest

ASK = "from emotalk.usable_cores import usable_cores; print(usable_cores())"
needs_affinity = pytest.mark.skipif(
    not hasattr(os, "sched_setaffinity"), reason="binding to cores is Linux's"
)


@needs_affinity
def test_a_process_bound_to_one_core_counts_one() -> None:
    one = min(os.sched_getaffinity(0))
    bound = f"import os; os.sched_setaffinity(0, {{{one}}}); {ASK}"
    found = subprocess.run([sys.executable, "-c", bound], capture_output=True, check=True)
    assert found.stdout.split() == [b"1"]


@needs_affinity
def test_a_training_takes_no_more_threads_than_its_cores() -> None:
    one = min(os.sched_getaffinity(0))
    start = (
        f"import os; os.sched_setaffinity(0, {{{one}}}); import torch; torch.set_num_threads(2); "
        "from emotalk.config.runtime import RuntimeConfig; from emotalk.distributed import Runtime;"
        "Runtime.start(RuntimeConfig(device='cpu'), ['generator']); print(torch.get_num_threads())"
    )
    found = subprocess.run([sys.executable, "-c", start], capture_output=True, check=True)
    assert found.stdout.split()[-1:] == [b"1"]
