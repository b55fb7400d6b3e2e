"""Run the parts of a sweep that need no GPU: which run a task is, and the table of all runs.

    python -m emotalk.runs.sweep begin --task N CONFIG.yaml VALUES... -- run_dir=DIR [key=value ...]
    python -m emotalk.runs.sweep table DIR

`slurm/sweep.sbatch` calls both. `begin` prints the id of the sweep's own run in MLflow (`-` for
none) and the words of the task's training, a line each. `table` prints and writes `DIR/sweep.md`.
`SWEEP_METRIC` names the figure that decides: `max:METRIC` or `min:METRIC`.
"""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from emotalk.config.load import load_config
from emotalk.config.run import TrainConfig
from emotalk.counted import counted
from emotalk.errors import EXIT_DONE, EXIT_WRONG_USE, WrongUse
from emotalk.files.atomic_write import atomic_write_text
from emotalk.printable import printable
from emotalk.redaction import MASK, redact, redact_setting
from emotalk.runs.sweep_record import SweepRecord, read_record, write_record
from emotalk.runs.sweep_table import (
    Goal,
    Row,
    best_row,
    have_all_ended,
    parse_goal,
    read_rows,
    table_lines,
)
from emotalk.runs.sweep_values import SweepRun, sweep_runs
from emotalk.tracking.mlflow import tracking_uri
from emotalk.tracking.run_identity import read_identity
from emotalk.tracking.shared_folder import may_send
from emotalk.tracking.sweep_run import SweepResult, log_sweep, open_sweep

TABLE = "sweep.md"
METRIC, DEFAULT_METRIC = "SWEEP_METRIC", "validation/psnr_mouth"
USAGE = "give CONFIG.yaml VALUES... -- run_dir=DIR [key=value ...]"


def begin(task: int, config_path: Path, values: Sequence[str], words: Sequence[str]) -> list[str]:
    """Write down the sweep and return the id of its run in MLflow (`-`: none) and a task's words.

    Raises:
        WrongUse: the values, the configuration with them or the folder cannot be used, or the sweep
            has no run of this number.
    """
    folder, common = _folder_of(words)
    runs = sweep_runs(values)
    if not 0 <= task < len(runs):
        raise WrongUse(
            f"task {task}: the sweep has {counted(len(runs), 'run')}; give sbatch "
            f"--array=0-{len(runs) - 1}"
        )
    varied = {word.partition("=")[0] for run in runs for word in run.words}
    if both := varied & {word.partition("=")[0] for word in common}:
        raise WrongUse(f"{', '.join(sorted(both))}: given before -- and after it; give it once")
    run = runs[task]
    own = [*common, *run.words, f"run_dir={folder / run.name}"]
    # How many processes the job starts, it tells its training itself.
    config = load_config(TrainConfig, config_path, ["runtime.processes=1", *own])
    mlflow = config.tracking.mlflow
    sends = mlflow.enabled and may_send(mlflow)
    best = config.checkpoint.keep_best
    goal = parse_goal(os.environ.get(METRIC) or (DEFAULT_METRIC if best == "none" else best))
    record = SweepRecord(
        runs=runs,
        values=list(values),
        goal=str(goal),
        uri=redact_setting(tracking_uri(mlflow)) if sends else "",
        experiment=mlflow.experiment,
    )
    write_record(folder, record)
    parent = _parent(folder, record, tracking_uri(mlflow)) if sends else ""
    return [parent or "-", *own]


def make_table(folder: Path) -> list[str]:
    """Write a sweep's table, send it to MLflow, and return its lines.

    Raises:
        WrongUse: the folder holds no sweep.
    """
    record = read_record(folder)
    goal = parse_goal(os.environ.get(METRIC) or record.goal)
    rows: list[Row] = []
    # Several tasks may end at once: the last to write has seen how all before it ended.
    while (now := read_rows(folder, record.runs, goal)) != rows:
        rows = now
        lines = list(table_lines(rows, goal))
        atomic_write_text(folder / TABLE, "\n".join(lines) + "\n")
    uri = os.environ.get("MLFLOW_TRACKING_URI", "") if MASK in record.uri else record.uri
    return [*lines, *(_sent(folder, record, uri, rows, goal) if uri else ())]


def _folder_of(words: Sequence[str]) -> tuple[Path, list[str]]:
    """Return the sweep's folder and the other words."""
    folders = [word.partition("=")[2] for word in words if word.startswith("run_dir=")]
    if not folders or not folders[-1]:
        raise WrongUse(f"run_dir=DIR is not given after --, the sweep's folder; {USAGE}")
    return Path(folders[-1]), [word for word in words if not word.startswith("run_dir=")]


def _parent(folder: Path, record: SweepRecord, uri: str) -> str:
    """Return the id of the sweep's own run; empty if the server gives none now."""
    try:
        return open_sweep(
            folder,
            uri=uri,
            experiment=record.experiment,
            name=printable(folder.resolve().name),
            params=record.params(),
        )
    except Exception as error:  # noqa: BLE001  no fault of a server may stop a training
        sys.stderr.write(
            f"MLflow has no run for the sweep yet: {redact(printable(repr(error)))}; the table at "
            "the end makes one\n"
        )
        return ""


def _sent(
    folder: Path, record: SweepRecord, uri: str, rows: Sequence[Row], goal: Goal
) -> list[str]:
    """Send the table, and return a line that says so or why not."""
    if not _parent(folder, record, uri):
        return ["MLflow has no run for the sweep: the same command sends the table again"]
    best = best_row(rows, goal)
    bad = any(row.state != "done" for row in rows)
    result = SweepResult(
        children=[child for row in rows if (child := _child(folder, row.run, record.uri))],
        figures={} if best is None or best.best is None else {f"best/{goal.metric}": best.best},
        best_run="" if best is None else best.run.name,
        best_id="" if best is None else _child(folder, best.run, record.uri),
        table=folder / TABLE,
        status="RUNNING" if not have_all_ended(rows) else "FAILED" if bad else "FINISHED",
    )
    try:
        return [f"MLflow: {redact(uri)}, run {log_sweep(folder, uri, result)}"]
    except Exception as error:  # noqa: BLE001  the table is written
        why = redact(printable(repr(error)))
        return [f"MLflow did not take the table: {why}; the same command sends it again"]


def _child(folder: Path, run: SweepRun, uri: str) -> str:
    """Return the id of a run in MLflow; empty if this server has none."""
    known = read_identity(folder / run.name)
    return known.get("run_id", "") if known.get("uri") == uri else ""


def main(words: Sequence[str] | None = None) -> int:
    """Run the command; return 0, or 2 for wrong use."""
    given = list(sys.argv[1:] if words is None else words)
    at = given.index("--") if "--" in given else len(given)
    parser = argparse.ArgumentParser(prog="sweep", description="See the module's text.")
    commands = parser.add_subparsers(dest="command", required=True)
    first = commands.add_parser("begin")
    first.add_argument("--task", type=int, required=True)
    first.add_argument("config", type=Path)
    first.add_argument("values", nargs="*")
    commands.add_parser("table").add_argument("folder", type=Path)
    options = parser.parse_args(given[:at])
    try:
        if options.command == "table":
            lines = make_table(options.folder)
        else:
            lines = begin(options.task, options.config, options.values, given[at + 1 :])
    except WrongUse as error:
        sys.stderr.write(redact(f"sweep: {error}\n"))
        return EXIT_WRONG_USE
    sys.stdout.write("".join(f"{line}\n" for line in lines))
    return EXIT_DONE


if __name__ == "__main__":
    sys.exit(main())
