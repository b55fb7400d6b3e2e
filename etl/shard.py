"""Turns a folder of raw clips into a shard set: see --help."""

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # runs from any folder

from rich.console import Console

from emotalk.config.etl import EtlConfig
from emotalk.config.load import dump_config, load_config
from emotalk.errors import EXIT_DONE, EXIT_FAILED, EXIT_WRONG_USE, WrongUse
from etl.cluster import cluster, in_a_ray_job
from etl.job import already_done, run_job
from etl.paths import check_paths
from etl.plan import make_plan
from etl.report import clip_progress, show_outcome, show_plan

HELP = """examples:
  python etl/shard.py configs/etl/crema_d.yaml source=CREMA-D output=shards
  python etl/shard.py configs/etl/folder.yaml source=clips output=shards landmarks.pack=faces68
  python etl/shard.py configs/etl/crema_d.yaml source=CREMA-D output=shards --dry-run
exit codes: 0 done, 1 failed or too many clips rejected, 2 wrong use"""


def main(arguments: list[str]) -> int:
    """Return the exit code of one run."""
    parser = argparse.ArgumentParser(
        prog="etl/shard.py",
        description="Raw clips -> aligned samples -> shards with a manifest, on Ray.",
        epilog=HELP,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("config", type=Path, help="a file of configs/etl")
    parser.add_argument("overrides", nargs="*", metavar="key=value", help="e.g. workers=2")
    parser.add_argument("--print-config", action="store_true", help="print the resolved file")
    parser.add_argument("--dry-run", action="store_true", help="print the plan, open no clip")
    given = parser.parse_intermixed_args(arguments)
    console = Console(width=None if sys.stdout.isatty() else 120)  # logs keep whole tables
    config = load_config(EtlConfig, given.config, given.overrides)
    if given.print_config:
        sys.stdout.write(dump_config(config))
        return EXIT_DONE
    check_paths(config, in_job=in_a_ray_job())
    plan = make_plan(config)
    show_plan(console, config, plan)
    if given.dry_run:
        return EXIT_DONE
    if already_done(config, plan):
        console.print(f"{config.output} already holds this very shard set: nothing to do")
        return EXIT_DONE
    with (
        cluster(config.ray_address, config.workers) as machines,
        clip_progress(console, len(plan.clips)) as progress,
    ):
        outcome = run_job(config, plan, machines, progress)
    show_outcome(console, config, outcome.manifest)
    if outcome.rejected_share > config.max_rejected_share:
        console.print(
            f"{outcome.rejected_share:.0%} of the clips were rejected, more than "
            f"max_rejected_share={config.max_rejected_share:g}: failed",
            style="bold red",
        )
        return EXIT_FAILED
    return EXIT_DONE


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except WrongUse as error:
        sys.stderr.write(f"etl/shard.py: {error}\n")
        sys.exit(EXIT_WRONG_USE)
