"""Parse the command line of `python etl/shard.py`."""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from emotalk.config.etl import EtlConfig
from emotalk.config.load import load_config

HELP = """examples:
  python etl/shard.py configs/etl/crema_d.yaml source=CREMA-D output=shards
  python etl/shard.py configs/etl/crema_d.yaml source=CREMA-D output=shards --dry-run
  python etl/shard.py configs/etl/folder.yaml source=clips output=shards \\
      landmarks.root=/data/insightface landmarks.pack=buffalo_l
  emotalk synth corpus && python etl/shard.py configs/etl/crema_d.yaml source=corpus \\
      output=shards landmarks.backend=sidecar

most used keys: source, output, workers, landmarks.backend (insightface, onnx, sidecar),
  landmarks.pack, landmarks.root, max_rejected_share, split.seed; all of them: --print-config
exit codes: 0 done; 1 failed, or more clips rejected than max_rejected_share; 2 wrong use.
An interrupted run goes on where it was when it is started again."""


@dataclass(frozen=True)
class Request:
    """Options of the command line."""

    config: EtlConfig
    print_config: bool
    dry_run: bool
    check_models: bool = False


def parse(arguments: Sequence[str]) -> Request:
    """Return the parsed command line.

    Raises:
        WrongUse: the configuration has faults (all of them are listed).
        SystemExit: `--help`, or a faulty command line.
    """
    parser = argparse.ArgumentParser(
        prog="etl/shard.py",
        description="Turn a folder of raw clips into a shard set of aligned samples, on Ray.",
        epilog=HELP,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("config", type=Path, metavar="CONFIG.yaml", help="a file of configs/etl")
    parser.add_argument("overrides", nargs="*", metavar="key=value", help="e.g. workers=2")
    parser.add_argument("--print-config", action="store_true", help="print the resolved settings")
    parser.add_argument("--dry-run", action="store_true", help="print the plan; open no clip")
    parser.add_argument(
        "--check-models", action="store_true", help="with --dry-run: load the landmark models, too"
    )
    given = parser.parse_intermixed_args(arguments)
    config = load_config(EtlConfig, given.config, given.overrides)
    return Request(config, given.print_config, given.dry_run, given.check_models)


def make_console() -> Console:
    """Return the console; in log files its lines are wide, so that tables stay whole."""
    return Console(width=None if sys.stdout.isatty() else 120)
