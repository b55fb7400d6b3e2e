"""The draw: which of all faults are tried, evenly over packages and rules."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from tests.mutants.faults import Fault, faults_of, order_of

PACKAGES: Mapping[str, str] = {
    "losses": "emotalk/losses",
    "training": "emotalk/training",
    "shards": "emotalk/shards",
    "data": "emotalk/data",
    "metrics": "emotalk/metrics",
    "evaluation": "emotalk/evaluation",
    "etl": "etl",
    "inference": "emotalk/inference",
    "checkpoints": "emotalk/checkpoints",
    "runs": "emotalk/runs",
}


def all_faults(root: Path, package: str) -> list[Fault]:
    """Return every fault the rules make in a package's files, in the order of file and line."""
    return [
        fault
        for path in sorted((root / PACKAGES[package]).rglob("*.py"))
        for fault in faults_of(path.relative_to(root).as_posix(), path.read_bytes())
    ]


def draw(faults: Iterable[Fault], count: int, *, seed: int) -> list[Fault]:
    """Return `count` of the faults: every rule in turn, within a rule by a keyed draw.

    The draw depends on the faults' own code, so a change elsewhere does not draw others.
    """
    by_rule: dict[str, list[Fault]] = {}
    for fault in sorted(faults, key=lambda fault: order_of(seed, fault)):
        by_rule.setdefault(fault.rule, []).append(fault)
    queues = [by_rule[rule] for rule in sorted(by_rule)]
    drawn: list[Fault] = []
    while any(queues) and len(drawn) < count:
        drawn += [queue.pop(0) for queue in queues if queue]
    return drawn[:count]


def shares(count: int, packages: Sequence[str]) -> dict[str, int]:
    """Return how many of `count` each package gets: equal, the first ones one more."""
    each, left = divmod(count, len(packages))
    return {name: each + (index < left) for index, name in enumerate(packages)}
