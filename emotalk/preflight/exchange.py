"""Print, on each node, whether it sees the other nodes and can compute with them.

    python -m emotalk.preflight.exchange --write FOLDER --probe NAME --nodes A,B --port N

The node's number is SLURM_NODEID. Every GPU of the node computes a product; then the nodes add up
numbers together, by NCCL where they have GPUs, else by gloo.
"""

import argparse
import os
import sys
import time
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import torch
from torch import distributed

from emotalk.node_name import node_name
from emotalk.preflight.lines import Facts, send
from emotalk.preflight.node import unseen

Store = Any  # torch.distributed's; its stubs do not name it
JOIN_S = 60.0  # for the processes of all nodes to start
MIB = 2**20
ELEMENTS = 4 * MIB  # of the sum: 16 MiB


def gpu_faults() -> list[str]:
    """Return a line for each visible GPU that does not compute right."""
    faults = []
    for index in range(torch.cuda.device_count()):
        try:
            ones = torch.ones(256, 256, device=f"cuda:{index}")
            if float((ones @ ones).sum().item()) != 256.0**3:
                faults.append(f"GPU {index} computes a wrong product")
        except RuntimeError as error:
            faults.append(f"GPU {index}: {str(error).splitlines()[0][:200]}")
    return faults


def exchange(rank: int, nodes: Sequence[str], address: str, port: int, join_s: float) -> Facts:
    """Add up numbers with the other nodes; return the seconds, or the fault.

    Nodes whose process has not joined within `join_s` are named.
    """
    try:
        limit = timedelta(seconds=join_s)
        store: Store = distributed.TCPStore(  # type: ignore[attr-defined]
            address, port, len(nodes), rank == 0, timeout=limit, wait_for_workers=False
        )
        store.set(f"joined/{rank}", nodes[rank])
        missing = _missing(store, nodes, join_s)
        if missing:
            return {"missing": missing}
        backend = "nccl" if torch.cuda.is_available() else "gloo"
        return _sum(store, rank, len(nodes), backend, limit)
    except (RuntimeError, ValueError) as error:
        return {"fault": str(error).splitlines()[0][:300] if str(error) else type(error).__name__}
    finally:
        if distributed.is_initialized():
            distributed.destroy_process_group()


def _missing(store: Store, nodes: Sequence[str], join_s: float) -> list[str]:
    """Return the nodes that have not joined within `join_s` seconds."""
    deadline = time.monotonic() + join_s
    waiting = list(range(len(nodes)))
    while waiting and time.monotonic() < deadline:
        waiting = [rank for rank in waiting if not store.check([f"joined/{rank}"])]
        time.sleep(0.05 if waiting else 0.0)
    return [nodes[rank] for rank in waiting]


def _sum(store: Store, rank: int, world: int, backend: str, limit: timedelta) -> Facts:
    distributed.init_process_group(backend, store=store, rank=rank, world_size=world, timeout=limit)
    device = torch.device("cuda:0" if backend == "nccl" else "cpu")
    for _ in range(2):  # the first one connects
        numbers = torch.full((ELEMENTS,), float(rank + 1), device=device)
        began = time.monotonic()
        distributed.all_reduce(numbers)
        total = float(numbers[-1].item())
        seconds = time.monotonic() - began
    distributed.barrier()
    if total != world * (world + 1) / 2:
        return {"fault": f"the sum over the nodes is {total:g}, not {world * (world + 1) / 2:g}"}
    return {"backend": backend, "seconds": seconds, "mib": ELEMENTS * 4 / MIB}


def main(words: Sequence[str] | None = None) -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(prog="exchange", description="See the module's text.")
    parser.add_argument("--write", type=Path, required=True)
    parser.add_argument("--probe", required=True)
    parser.add_argument(
        "--nodes", required=True, help="names, joined by commas; the first one leads"
    )
    parser.add_argument("--address", required=True, help="of the first node")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--join-s", type=float, default=JOIN_S)
    options = parser.parse_args(words)
    nodes = options.nodes.split(",")
    rank = int(os.environ.get("SLURM_NODEID", "0"))
    facts: Facts = {
        "unseen": unseen(options.write, options.probe, nodes),
        "gpu_faults": gpu_faults(),
    }
    if len(nodes) > 1:
        facts["exchange"] = exchange(rank, nodes, options.address, options.port, options.join_s)
    send("exchange", node_name(), facts)
    return 0


if __name__ == "__main__":
    sys.exit(main())
