"""Turns a folder of raw clips into a shard set; `python etl/shard.py --help` tells how."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # runs from any folder

from emotalk.errors import (
    EXIT_DONE,
    EXIT_FAILED,
    EXIT_WRONG_USE,
    Stopped,
    WrongUse,
    refused_name,
)
from emotalk.faces.backends import build_landmark_detector
from emotalk.home import ensure_home
from emotalk.logging_setup import set_up_logging
from emotalk.printable import printable
from emotalk.redaction import redact
from etl.cluster import cluster, in_a_ray_job
from etl.command_line import make_console, parse, print_config
from etl.job.plan import make_plan
from etl.job.report import clip_progress, show_outcome, show_plan
from etl.job.run import already_done, own_output, run_job
from etl.job.take_up import mend, needs_work
from etl.paths import check_paths, disk_fault


def main(arguments: list[str]) -> int:
    """Return the exit code of one run."""
    request = parse(arguments)
    config, console = request.config, make_console()
    if request.print_config:
        print_config(config)
        return EXIT_DONE
    try:
        source = check_paths(config, in_job=in_a_ray_job())
        plan = make_plan(config)
    except OSError as error:
        refused = refused_name(error)
        if refused is None:
            raise
        raise WrongUse(refused) from None
    show_plan(console, config, plan)
    if request.dry_run:
        return EXIT_DONE
    done = already_done(config, plan)
    if done and not needs_work(config, plan):
        words = f"{config.output} already holds this very shard set: nothing to do"
        console.print(printable(words), highlight=False, markup=False)
        return EXIT_DONE
    build_landmark_detector(
        config.landmarks, source=source
    )  # says now what is missing, not in every worker
    with (
        own_output(config.output),
        cluster(config.ray_address, config.workers) as machines,
        clip_progress(console, 0 if done else len(plan.clips)) as progress,
    ):
        if already_done(config, plan):  # looked at again, now that nobody else can finish it
            manifest, words = mend(config, plan, machines, progress)
            console.print(printable(f"{config.output}: {words}"), highlight=False, markup=False)
        else:
            manifest = run_job(config, plan, machines, progress)
    return EXIT_DONE if manifest is None or show_outcome(console, config, manifest) else EXIT_FAILED


if __name__ == "__main__":
    ensure_home()
    set_up_logging()
    try:
        sys.exit(main(sys.argv[1:]))
    except WrongUse as error:
        sys.stderr.write(redact(f"etl/shard.py: {error}\n"))
        sys.exit(EXIT_WRONG_USE)
    except Stopped as error:
        sys.stderr.write(redact(f"etl/shard.py: {error}\n"))
        sys.exit(EXIT_FAILED)
    except OSError as error:
        said = disk_fault(error)  # others keep their traceback
        sys.stderr.write(redact(f"etl/shard.py: {said}\n"))
        sys.exit(EXIT_FAILED)
