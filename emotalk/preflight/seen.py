"""Print, on each node, which of the nodes' probe files it does not see.

    python -m emotalk.preflight.seen --write FOLDER --probe NAME --nodes A,B

It runs when every node has written its file (`emotalk.preflight.node`), for jobs whose nodes do not
compute together.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from emotalk.node_name import node_name
from emotalk.preflight.lines import send
from emotalk.preflight.node import unseen


def main(words: Sequence[str] | None = None) -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(prog="seen", description="See the module's text.")
    parser.add_argument("--write", type=Path, required=True)
    parser.add_argument("--probe", required=True)
    parser.add_argument("--nodes", required=True, help="names, joined by commas")
    options = parser.parse_args(words)
    nodes = options.nodes.split(",")
    send("seen", node_name(), {"unseen": unseen(options.write, options.probe, nodes)})
    return 0


if __name__ == "__main__":
    sys.exit(main())
