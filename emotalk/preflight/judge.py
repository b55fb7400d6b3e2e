"""Compare what the nodes of a job said about themselves, and name each fault's node and remedy.

    python -m emotalk.preflight.judge --nodes A,B [--exchange] [--spare] < LINES

Exit code 0: nothing is wrong; 2: each fault is a line on standard error. With `--spare` the job can
do without the nodes whose faults are their own: exit code 0 as long as another one is left, and a
line `nodes A` on standard output names those that are.
"""

import argparse
import json
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from emotalk.errors import EXIT_DONE, EXIT_WRONG_USE
from emotalk.preflight.lines import Facts, Kind, joined
from emotalk.printable import printable

GIB = 2**30
MIB = 2**20
LEAST_BYTES = {"output": 2 * GIB, "tmp": GIB, "shm": 256 * MIB}
LEAST_INODES = 10_000
CLOCK_S = 5.0  # most that two nodes' clocks may differ
IDLE_MIB = 1024  # of a GPU's memory in use by others
SHOWN = 5  # packages of a node that are named
LEAVE_OUT = "or leave the node out: sbatch --exclude={node} ..."
PLACES = {"output": "the output's file system", "tmp": "/tmp", "shm": "/dev/shm"}  # noqa: S108


@dataclass(frozen=True)
class Fault:
    """Describe what is wrong on a node.

    Attributes:
        node: its name.
        text: what is wrong there and what to do.
        own: whether a job that leaves this node out is sound.
    """

    node: str
    text: str
    own: bool = True

    def __str__(self) -> str:
        """Return the line for people."""
        return f"{self.node}: {self.text}"


def faults(nodes: Sequence[str], lines: Sequence[str], *, kinds: Sequence[Kind]) -> list[Fault]:
    """Return each fault: node, what is wrong, what to do.

    Args:
        nodes: names of all nodes of the job.
        lines: what the checks printed on all of them; other lines are passed over.
        kinds: the checks that every node was to make.
    """
    said = _facts(lines)
    by_node = {node: said[node] for node in nodes if node in said}  # lines come in any order
    told = joined(lines).keys()
    silent = {node for node in nodes if any((kind, node) not in told for kind in kinds)}
    found = [
        fault
        for node in nodes
        for fault in _of_node(node, by_node.get(node, {}), silent=node in silent)
    ]
    return [
        *found,
        *_differing_versions(by_node),
        *_differing_packages(by_node),
        *_missing_drivers(by_node),
        *_clocks(by_node),
    ]


def sound_nodes(nodes: Sequence[str], found: Sequence[Fault]) -> list[str]:
    """Return the nodes that a job can go on with; none if a fault is not a node's own."""
    if not all(fault.own for fault in found):
        return []
    faulty = {fault.node for fault in found}
    return [node for node in nodes if node not in faulty]


def summary(nodes: Sequence[str], lines: Sequence[str]) -> str:
    """Return a line about nodes without a fault."""
    by_node = _facts(lines)
    speeds = [
        facts["exchange"] for facts in by_node.values() if "seconds" in facts.get("exchange", {})
    ]
    slowest = max(speeds, key=lambda one: one["seconds"], default=None)
    said = "" if slowest is None else (
        f"; {slowest['mib']:.0f} MiB are added up over them in {slowest['seconds']:.2f} s "
        f"({slowest['backend']})"
    )  # fmt: skip
    gpus = sum(len(facts.get("gpus", {}).get("devices", ())) for facts in by_node.values())
    return f"{len(nodes)} node(s) and {gpus} GPU(s) examined, nothing is wrong{said}"


def _facts(lines: Sequence[str]) -> dict[str, Facts]:
    """Return node -> everything that it said."""
    found: dict[str, Facts] = {}
    for (_, node), facts in joined(lines).items():
        found.setdefault(node, {}).update(facts)
    return found


def _of_node(node: str, facts: Facts, *, silent: bool) -> Iterator[Fault]:
    """Yield the faults that a node's own facts show; `silent`: a check printed none there."""
    out = LEAVE_OUT.format(node=node)
    if silent:
        text = f"a check did not end there: its words are in the job's log; mend it, {out}"
        yield Fault(node, text)
    for path, fault in facts.get("reads", {}).items():
        if fault:
            text = f"{path} cannot be read ({fault}); mount it there or let it be read, {out}"
            yield Fault(node, text)
    if fault := facts.get("write", {}).get("fault"):
        text = f"nothing can be written beside the output ({fault}); mount it there writable, {out}"
        yield Fault(node, text)
    for path, fault in facts.get("output", {}).items():
        if fault:
            text = (
                f"{path} cannot be written ({fault}); let this user write it, choose another, {out}"
            )
            yield Fault(node, text)
    if unseen := facts.get("unseen"):
        text = (
            f"does not see what {', '.join(unseen)} wrote beside the output: the folder is not "
            f"shared; choose one on a file system of all nodes, {out}"
        )
        # Which of the two folders is the right one, only the user knows.
        yield Fault(node, text, own=False)
    yield from _of_room(node, facts.get("room", {}))
    yield from (
        Fault(node, text)
        for text in (
            *_of_gpus(facts.get("gpus", {}), facts.get("gpu_faults", ()), out),
            *_of_exchange(facts.get("exchange", {}), out),
        )
    )


def _of_room(node: str, rooms: Mapping[str, Facts]) -> Iterator[Fault]:
    for place, name in PLACES.items():
        room, own = rooms.get(place, {}), place != "output"
        free, inodes = room.get("free_bytes"), room.get("free_inodes")
        out = f", {LEAVE_OUT.format(node=node)}" if own else ""
        if free is not None and free < LEAST_BYTES[place]:
            least = LEAST_BYTES[place] / GIB
            text = f"{name} has {free / GIB:.2f} GiB left, {least:g} are needed; make room there"
            yield Fault(node, text + out, own)
        if inodes is not None and place != "shm" and inodes < LEAST_INODES:
            text = f"{name} has room for {inodes} more files; remove some, or ask for more inodes"
            yield Fault(node, text + out, own)


def _of_gpus(gpus: Facts, broken: Sequence[str], out: str) -> Iterator[str]:
    if fault := gpus.get("fault"):
        yield f"its GPUs do not answer ({printable(str(fault), longest=300)}); reboot it, {out}"
    devices = gpus.get("devices")
    if devices is not None and len(devices) < gpus.get("expected", 0):
        yield f"{len(devices)} of {gpus['expected']} GPUs answer; reboot it, {out}"
    for device in devices or ():
        name = f"GPU {device['index']} ({device['name']})"
        if (device["ecc_errors"] or 0) > 0:
            yield f"{name}: {device['ecc_errors']} uncorrectable ECC errors; have it drained, {out}"
        if (device["used_mib"] or 0) > IDLE_MIB:
            yield f"{name} is in use: {device['used_mib']} MiB; end what uses it, {out}"
    for text in broken:
        yield f"{printable(str(text), longest=300)}; have it drained, {out}"


def _of_exchange(exchange: Facts, out: str) -> Iterator[str]:
    if missing := exchange.get("missing"):
        yield f"waited in vain for {', '.join(missing)}; see their words in the job's log, {out}"
    if fault := exchange.get("fault"):
        yield (
            f"cannot compute with the other nodes ({printable(str(fault), longest=300)}); name the "
            "network that joins them in slurm/site.sh (NCCL_SOCKET_IFNAME, GLOO_SOCKET_IFNAME), or "
            f"open its ports, {out}"
        )


def _differing_versions(by_node: Mapping[str, Facts]) -> Iterator[Fault]:
    """Yield a fault for each node whose code or Python is not that of most nodes."""
    for key, what, remedy in (
        ("code", "another version of the project", "submit from a folder that all nodes share"),
        ("python", "another Python", "give all nodes one environment"),
    ):
        values = {node: str(facts[key]) for node, facts in by_node.items() if key in facts}
        usual = _usual(values)
        for node, value in values.items():
            if value != usual:
                yield Fault(node, f"has {what} ({value}, the others {usual}); {remedy}")


def _differing_packages(by_node: Mapping[str, Facts]) -> Iterator[Fault]:
    """Yield a fault for each node whose packages are not those of most nodes."""
    packages = {n: facts["packages"] for n, facts in by_node.items() if "packages" in facts}
    usual_set = _usual({node: json.dumps(p, sort_keys=True) for node, p in packages.items()})
    usual_packages: dict[str, Any] = json.loads(usual_set) if usual_set else {}
    for node, found in packages.items():
        if found == usual_packages:
            continue
        names = sorted(
            n for n in {*found, *usual_packages} if found.get(n) != usual_packages.get(n)
        )
        shown = ", ".join(f"{n} {found.get(n)} ({usual_packages.get(n)})" for n in names[:SHOWN])
        more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
        text = f"has other packages than the others: {shown}{more}; give all one environment"
        yield Fault(node, text)


def _missing_drivers(by_node: Mapping[str, Facts]) -> Iterator[Fault]:
    """Yield a fault for each node of a GPU job that lacks the `nvidia-smi` that others have."""
    without = [n for n, f in by_node.items() if f.get("gpus", {}).get("missing")]
    asked = [n for n, f in by_node.items() if f.get("gpus", {}).get("expected")]
    if len(without) < len(asked):
        for node in sorted({*without} & {*asked}):
            yield Fault(node, "has no nvidia-smi as others have, so no driver; have it drained")


def _clocks(by_node: Mapping[str, Facts]) -> Iterator[Fault]:
    """Yield a fault for each node whose clock is more than `CLOCK_S` from the median one.

    The clock of the output's server, which is 0 s ahead of itself, counts as one of them: of two
    nodes it tells which one is wrong.
    """
    ahead = {
        n: f["write"]["ahead_s"] for n, f in by_node.items() if "ahead_s" in f.get("write", {})
    }
    if not ahead:
        return
    clocks = sorted([0.0, *ahead.values()])
    middle = clocks[len(clocks) // 2]
    for node, seconds in ahead.items():
        if abs(seconds - middle) > CLOCK_S:
            text = f"its clock is {seconds - middle:+.0f} s beside the others'; start its "
            yield Fault(node, text + "time service (chronyd, ntpd)")


def _usual(values: Mapping[str, str]) -> str:
    """Return what most nodes have; of equally many, what the first of them has."""
    return Counter(values.values()).most_common(1)[0][0] if values else ""


def main(words: Sequence[str] | None = None) -> int:
    """Run the command; return 0 or 2."""
    parser = argparse.ArgumentParser(prog="judge", description="See the module's text.")
    parser.add_argument("--nodes", required=True, help="names, joined by commas")
    parser.add_argument("--exchange", action="store_true", help="the nodes computed together")
    parser.add_argument("--seen", action="store_true", help="the nodes looked for their files")
    parser.add_argument("--spare", action="store_true", help="faulty nodes can be left out")
    options = parser.parse_args(words)
    nodes = options.nodes.split(",")
    lines = sys.stdin.read().splitlines()
    kinds: list[Kind] = ["node"]
    kinds += ["exchange"] if options.exchange else []
    kinds += ["seen"] if options.seen else []
    found = faults(nodes, lines, kinds=kinds)
    sys.stderr.write("".join(f"preflight: {fault}\n" for fault in found))
    sound = sound_nodes(nodes, found)
    if found and not (options.spare and sound):
        return EXIT_WRONG_USE
    if found:
        without = ", ".join(node for node in nodes if node not in sound)
        sys.stdout.write(f"preflight: the job goes on without {without}\n")
    else:
        sys.stdout.write(f"preflight: {summary(nodes, lines)}\n")
    if options.spare:
        sys.stdout.write(f"nodes {','.join(sound)}\n")
    return EXIT_DONE


if __name__ == "__main__":
    sys.exit(main())
