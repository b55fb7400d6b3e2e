"""Turn a folder of raw clips into a shard set; see `python etl/shard.py --help`."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # runs from any folder

from rich.console import Console

from emotalk.config.etl import EtlConfig
from emotalk.config.load import dump_config
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
from emotalk.shards.manifest import Manifest
from etl.command_line import Request, make_console, parse
from etl.job.console import clip_progress, print_text, show_outcome, show_plan
from etl.job.finished_set import is_finished
from etl.job.output import lock_output, read_manifest
from etl.job.plan import Plan, make_plan
from etl.job.publish import publish
from etl.paths import check_paths, disk_fault, in_a_ray_job


def main(arguments: list[str]) -> int:
    """Return the exit code of one run."""
    request = parse(arguments)
    code = _make(request)
    only_shown = request.print_config or request.dry_run
    if code == EXIT_DONE and request.config.publish and not only_shown:
        _publish(request.config)
    return code


def _publish(config: EtlConfig) -> None:
    """Copy the finished set to object storage and say so."""
    manifest, url = read_manifest(config.output), str(config.publish)
    assert manifest is not None  # the set was made
    copied = publish(config.output, manifest, url)
    words = "the set is copied to" if copied else "the set is there already:"
    print_text(make_console(), printable(f"{words} {redact(url)}"), soft_wrap=True)


def _make(request: Request) -> int:
    """Make the set that a command asks for; return the exit code."""
    config, console = request.config, make_console()
    if request.print_config:
        sys.stdout.write(dump_config(config))
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
    if not request.dry_run:
        return _make_planned(config, plan, source, console)
    if request.check_models and not is_finished(config, plan):
        _check_models(config, source)
    return EXIT_DONE


def _make_planned(config: EtlConfig, plan: Plan, source: Path, console: Console) -> int:
    """Make the planned set unless it is there already; return the exit code."""
    finished = is_finished(config, plan)
    if finished and not _needs_update(config, plan):
        words = f"{config.output} already holds this very shard set: nothing to do"
        print_text(console, printable(words))
        return EXIT_DONE
    _check_models(config, source)
    with lock_output(config.output):
        manifest = _work(config, plan, console, clips=0 if finished else len(plan.clips))
    return EXIT_DONE if manifest is None or show_outcome(console, config, manifest) else EXIT_FAILED


def _check_models(config: EtlConfig, source: Path) -> None:
    """Report a missing landmark model once, before any worker starts.

    Raises:
        WrongUse: one is missing or has another form.
    """
    on_cpu = config.landmarks.model_copy(update={"device": "cpu"})  # this process needs no GPU
    build_landmark_detector(on_cpu, source=source)


def _needs_update(config: EtlConfig, plan: Plan) -> bool:
    from etl.job.update import needs_update  # noqa: PLC0415  torch, seconds

    return needs_update(config, plan)


def _work(config: EtlConfig, plan: Plan, console: Console, *, clips: int) -> Manifest | None:
    """Make or update the set on the cluster; return the manifest where one was written."""
    # What only shows a plan, or refuses one, does not wait the seconds that Ray and torch take.
    from etl.cluster import cluster  # noqa: PLC0415
    from etl.job.run import run_job  # noqa: PLC0415
    from etl.job.update import update_set  # noqa: PLC0415

    with (
        cluster(config.ray_address, config.workers) as executor,
        clip_progress(console, clips) as progress,
    ):
        if not is_finished(config, plan):  # checked again under the lock
            return run_job(config, plan, executor, progress)
        manifest, words = update_set(config, plan, executor, progress)
        print_text(console, printable(f"{config.output}: {words}"))
        return manifest


if __name__ == "__main__":
    ensure_home()
    set_up_logging()
    try:
        sys.exit(main(sys.argv[1:]))
    except WrongUse as error:
        code, text = EXIT_WRONG_USE, str(error)
    except Stopped as error:
        code, text = EXIT_FAILED, str(error)
    except OSError as error:
        code, text = EXIT_FAILED, disk_fault(error)  # raises errors of other kinds
    sys.stderr.write(redact(f"etl/shard.py: {text}\n"))
    sys.exit(code)
