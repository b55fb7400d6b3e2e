"""Run as one of four ranks on what looks like two nodes of two; torchrun under test starts it.

torchrun --nproc-per-node 4 -m tests.helpers.ranks_of_two_nodes OUT

Each writes down what it read itself, what it got, and how a read that fails on one node ended.
"""

import json
import os
import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch

from emotalk.config.runtime import RuntimeConfig
from emotalk.distributed.runtime import Runtime
from emotalk.errors import WrongUse
from emotalk.shards.sample_table import Sample, SampleTable

SAMPLES = [
    Sample("a_1", 40, "a", "anger", 0.5, 0, {"mp4": (512, 99), "flac": (1536, 7)}),
    Sample("é_2", 50, "é", None, None, 1, {"mp4": (512, 98)}),
]


def value_of(node: str) -> dict[str, Any]:
    """Return one of everything that is shared, with the node's name in it."""
    frozen = np.arange(5, dtype=np.int16)
    frozen.setflags(write=False)
    return {
        "node": node,
        "bf16": torch.linspace(-1, 1, 7).to(torch.bfloat16),
        "transposed": torch.arange(6.0).reshape(2, 3).T,
        "scalar": torch.tensor(0.1, dtype=torch.float64),
        "flags": torch.tensor([True, False, True]),
        "none": torch.empty(0, 3),
        "frozen": frozen,
        "table": SampleTable.of(SAMPLES),
    }


def same(one: dict[str, Any], other: dict[str, Any]) -> bool:
    """Return whether two values are equal to the bit, types included."""
    if one.keys() != other.keys():
        return False
    for name, value in one.items():
        there = other[name]
        if isinstance(value, torch.Tensor):
            if value.dtype != there.dtype or not torch.equal(value, there):
                return False
        elif isinstance(value, np.ndarray):
            if value.dtype != there.dtype or not np.array_equal(value, there):
                return False
        elif value != there:
            return False
    return True


def main() -> None:
    """Share, fail, and write down."""
    out, rank = Path(sys.argv[1]), int(os.environ["RANK"])
    node = f"node{rank % 2}"  # so that the ranks of a node are not neighbours
    os.environ["SLURMD_NODENAME"] = node
    config = RuntimeConfig.model_validate({"processes": 4, "device": "cpu", "threads": 1})
    runtime = Runtime.start(config, ("generator",))
    read: list[str] = []

    def whole() -> dict[str, Any]:
        read.append("whole")
        return value_of(node)

    def on_one_node() -> str:
        read.append("broken")
        if node == "node1":
            raise WrongUse("weights.bin: not as written")
        return "fine"

    got = runtime.read_once_a_node(whole)
    got["bf16"][0] = 0.5  # it is this process's own, and may be changed
    wanted = value_of(node)
    wanted["bf16"][0] = 0.5
    message = ""
    try:
        runtime.read_once_a_node(on_one_node)
    except WrongUse as error:
        message = str(error)
    again = runtime.read_once_a_node(lambda: "after it")
    told = {"read": read, "same": same(got, wanted), "message": message, "again": again}
    (out / f"rank-{rank}.json").write_text(json.dumps(told), encoding="utf-8")
    runtime.stop()


if __name__ == "__main__":
    main()
