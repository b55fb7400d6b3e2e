"""`make mutants`: set faults into the code one at a time and see whether the tests notice.

The faults come from rules and a seed. Each runs against the tests of its module, in a copy of the
project. A test run that hangs has noticed. Results are kept in .mutants/: a broken run goes on.
"""

import argparse
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from tests.mutants.faults import Fault
from tests.mutants.report import is_good, survivors, table
from tests.mutants.results import Results, equivalents
from tests.mutants.sample import PACKAGES, all_faults, draw, shares
from tests.mutants.tree import Tree
from tests.mutants.trial import Trials, Tried

PROJECT = Path(__file__).parents[2]
EXPLAINED = Path(__file__).with_name("equivalent.yaml")


def main(arguments: Sequence[str]) -> int:
    """Return 0 where enough faults were caught and every survivor is explained, else 1."""
    options = _options(arguments)
    if options.list:
        for fault in _chosen(PROJECT, options):
            _say(f"{fault.file}:{fault.line}  [{fault.rule}]  {fault.change}")
        return 0
    with (
        tempfile.TemporaryDirectory(prefix="mut-", ignore_cleanup_errors=True) as scratch,
        Tree(PROJECT, Path(scratch)) as tree,
    ):
        trials = Trials(tree, Results(options.results))
        chosen = _chosen(tree.root, options)  # of the copy: nobody edits it meanwhile
        reasons = equivalents(EXPLAINED)
        known = trials.known(chosen, reasons)
        tried = known if options.known else trials.try_all(chosen, reasons, _tell)
    _say(f"\n{survivors(tried)}\n\n{table(tried)}")
    for file in trials.unsound:
        _say(f"{file}: fails without any fault; left out")
    return 0 if is_good(tried) and not trials.unsound else 1


def _options(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.mutants", description=__doc__)
    parser.add_argument("--count", type=int, default=126, help="faults, over all packages")
    parser.add_argument("--seed", type=int, default=0, help="of the draw")
    parser.add_argument("--packages", nargs="+", choices=PACKAGES, default=list(PACKAGES))
    parser.add_argument("--file", default="", help="only faults of files whose path holds this")
    parser.add_argument("--results", type=Path, default=PROJECT / ".mutants" / "results.jsonl")
    parser.add_argument("--known", action="store_true", help="results of earlier runs; run nothing")
    parser.add_argument("--list", action="store_true", help="print the faults; run nothing")
    return parser.parse_args(arguments)


def _chosen(root: Path, options: argparse.Namespace) -> list[Fault]:
    chosen: list[Fault] = []
    for package, count in shares(options.count, options.packages).items():
        faults = [fault for fault in all_faults(root, package) if options.file in fault.file]
        chosen += draw(faults, count, seed=options.seed)
    return chosen


def _tell(tried: Tried) -> None:
    fault, result = tried.fault, tried.result
    _say(f"{result.state:8} {result.seconds:6.1f} s  {fault.file}:{fault.line}  {fault.change}")


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
