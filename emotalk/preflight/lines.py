"""Pass facts from the nodes to the job through Slurm, which mixes up the lines of nodes.

Slurm keeps lines of up to 1 KiB whole. So facts are cut in pieces, each a line of its own, and only
those whose pieces have all come count.
"""

import json
import re
import sys
from collections.abc import Iterator, Sequence
from typing import Any, Literal

Facts = dict[str, Any]
Kind = Literal["node", "seen", "exchange"]
MARK = "preflight"
PIECE = 700  # characters
MOST_PIECES = 10_000
LINE = re.compile(rf"{MARK} (node|seen|exchange) (\S{{1,63}}) (\d{{1,5}})/(\d{{1,5}}) (.*)")


def split(kind: Kind, node: str, facts: Facts) -> Iterator[str]:
    """Yield the lines that hold the facts of a node, each with its end."""
    text = json.dumps(facts)  # ASCII
    pieces = [text[start : start + PIECE] for start in range(0, len(text), PIECE)]
    for number, piece in enumerate(pieces, start=1):
        yield f"{MARK} {kind} {node} {number}/{len(pieces)} {piece}\n"


def send(kind: Kind, node: str, facts: Facts) -> None:
    """Print the facts of a node, each line at once."""
    for line in split(kind, node, facts):
        sys.stdout.write(line)
        sys.stdout.flush()


def joined(lines: Sequence[str]) -> dict[tuple[str, str], Facts]:
    """Return (kind, node) -> facts; other lines, and facts that are not whole, are passed over."""
    pieces: dict[tuple[str, str], dict[int, str]] = {}
    counts: dict[tuple[str, str], int] = {}
    for line in lines:
        found = LINE.fullmatch(line)
        if found is None:
            continue
        key = found[1], found[2]
        pieces.setdefault(key, {})[int(found[3])] = found[5]
        counts[key] = int(found[4])
    whole: dict[tuple[str, str], Facts] = {}
    for key, parts in pieces.items():
        if len(parts) > MOST_PIECES or sorted(parts) != list(range(1, counts[key] + 1)):
            continue
        try:
            facts = json.loads("".join(parts[number] for number in sorted(parts)))
        except (ValueError, RecursionError):
            continue
        if isinstance(facts, dict):
            whole[key] = facts
    return whole
