"""Decide whether a batch job whose processes failed starts again; keep the list of its attempts.

    python -m emotalk.runs.attempts begin RUN_DIR
    python -m emotalk.runs.attempts end RUN_DIR --code 1 --said FILE [--fresh]

`slurm/train.sbatch` calls both. Exit code 0 means go on, 3 do not, 2 that the use is wrong. A
failure of a machine is tried again `MAX_RETRIES` times in one job, and only if a checkpoint was
written since the attempt began. The list is `RUN_DIR/logs/attempts.jsonl`. Where it takes no line,
because the disk is full, the decision stands all the same, and an attempt whose end is missing
counts as lost.
"""

import argparse
import json
import os
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from emotalk.checkpoints.folder import CHECKPOINTS, latest_checkpoint
from emotalk.errors import EXIT_DONE, EXIT_PREEMPTED, EXIT_WRONG_USE
from emotalk.files.small_files import UnfitFile, parse_json, read_small
from emotalk.printable import printable
from emotalk.redaction import redact
from emotalk.runs.failed_ranks import Failure, find_failure, last_lines, lost_node
from emotalk.runs.failure import OF_STORAGE
from emotalk.runs.status import CONFIG, LOGS, STATUS, is_free

ATTEMPTS = "attempts.jsonl"
LARGEST = 2**20  # bytes of a list or a status that is read
LARGEST_SAID = 4 * 2**20  # bytes from the end of what was printed
STARTS_AGAIN, STAYS = 0, 3
LOST = "lost"  # the event of an attempt that a node took with it
NEVER = "None"  # Slurm's word for a time that is not
OURS = (EXIT_DONE, EXIT_WRONG_USE, EXIT_PREEMPTED)
Record = dict[str, Any]


@dataclass(frozen=True)
class Job:
    """Name a job and its attempt, as Slurm counts them.

    Attributes:
        number: of the job.
        restart: 0 for its first attempt.
        retries: most failures of machines after which it starts again.
        preempted_at: when Slurm preempted it last, in its local time; "None" if never, empty if
            Slurm does not say.
        started_at: when Slurm started this attempt; empty if Slurm does not say.
    """

    number: str
    restart: int
    retries: int
    preempted_at: str = NEVER
    started_at: str = ""

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> "Job":
        """Return the job that this process belongs to."""
        return cls(
            environment.get("SLURM_JOB_ID", ""),
            int(environment.get("SLURM_RESTART_COUNT", "0") or 0),
            int(environment.get("MAX_RETRIES", "3")),
            environment.get("PREEMPTED_AT", ""),
            environment.get("STARTED_AT", ""),
        )


def begin(run_dir: Path, job: Job) -> tuple[int, str]:
    """Write down that an attempt begins; return an exit code and a message.

    An attempt before it that never ended, or that ended with one of its nodes, is a failure like
    another, unless Slurm preempted it or the job was signalled, which slurm/train.sbatch writes
    down. Slurm has requeued the job by itself, so it is decided here whether it goes on.
    """
    if not (is_free(run_dir) or (run_dir / CONFIG).exists()):
        return STARTS_AGAIN, ""  # no run: train.py will say so
    code, message = STARTS_AGAIN, ""
    records = _records(run_dir, job)
    last = records[-1] if records else {}
    if last.get("event") in ("begin", LOST):
        if not job.preempted_at:
            message = "Slurm does not say whether it preempted the attempt before this one, so "
            message += "that its end is not counted as a failure"
        elif not _was_preempted(last, job):
            code, message = _decide(run_dir, job, _lost(last), records)
    if code == STARTS_AGAIN:
        nodes = os.environ.get("SLURM_JOB_NODELIST", "")
        fault = _write(run_dir, job, event="begin", nodes=nodes, started=job.started_at)
        if fault is not None and fault.errno not in OF_STORAGE:
            return EXIT_WRONG_USE, _unwritten(run_dir, fault)
    return code, message


def end(run_dir: Path, job: Job, code: int, said: str, *, fresh: bool) -> tuple[int, str]:
    """Write down how an attempt ended; return an exit code and a message for people.

    Args:
        run_dir: the run folder.
        job: the job and its attempt.
        code: exit code of the run.
        said: what launchers and Slurm printed.
        fresh: whether this attempt wrote the status.
    """
    listed = (run_dir / LOGS / ATTEMPTS).exists()
    if code in OURS:
        if listed:
            node = lost_node(said) if code == EXIT_PREEMPTED else ""
            lost = {"event": LOST, "node": node}
            _write(run_dir, job, **(lost if node else {"event": "end", "code": code}))
        return STAYS, ""
    failure = find_failure(run_dir, _status(run_dir) if fresh else None, said)
    if failure.wrong_use:
        if listed:
            _write(run_dir, job, event="end", code=EXIT_WRONG_USE)
        return EXIT_WRONG_USE, f"{failure.place}: {failure.message}"
    if not listed:
        return STAYS, ""
    records = _records(run_dir, job)
    if failure.told and _told_in_vain(run_dir, records) < job.retries:
        _write(run_dir, job, event="told", message=failure.message)
        return STARTS_AGAIN, f"{failure.place}: {failure.message}; starting again"
    return _decide(run_dir, job, failure, records)


def _lost(last: Record) -> Failure:
    """Return the failure of an attempt that Slurm ended because a node was lost."""
    if last.get("event") == LOST:
        return Failure("the node was lost", True, node=printable(str(last.get("node")), longest=64))
    return Failure("the attempt was lost with its node, or killed from outside", True)


def _decide(
    run_dir: Path, job: Job, failure: Failure, records: Sequence[Record]
) -> tuple[int, str]:
    """Write down a failure; return whether the job starts again, and the words for it."""
    begun = next((r for r in reversed(records) if r.get("event") == "begin"), {})
    failures = sum(record.get("event") == "failure" for record in records)
    newest = _newest(run_dir)
    _write(
        run_dir,
        job,
        event="failure",
        rank=failure.rank,
        node=failure.node,
        message=failure.message,
        may_pass=failure.may_pass,
    )
    what = f"{failure.place}: {failure.message}"
    if not failure.may_pass:
        why = "it would fail again"
    elif newest is None or newest == begun.get("checkpoint"):
        why = (
            "no checkpoint was written since this attempt began, so the next one would come no "
            "further (checkpoint.every decides how often one is)"
        )
    elif failures >= job.retries:
        why = f"{failures} failures of machines before this one (MAX_RETRIES={job.retries})"
    else:
        return STARTS_AGAIN, (
            f"{what}; starting again from {newest}, retry {failures + 1} of {job.retries}"
        )
    return STAYS, "\n".join(
        [f"FAILED: {what}; not started again: {why}", *_lines(run_dir, failure)]
    )


def _lines(run_dir: Path, failure: Failure) -> list[str]:
    """Return the last lines of the process that failed, with a head."""
    lines = [] if failure.rank is None else last_lines(run_dir, failure.rank)
    if not lines:
        return []
    return [f"last lines of rank {failure.rank}, {run_dir / LOGS}:", *(f"  | {x}" for x in lines)]


def _was_preempted(begun: Record, job: Job) -> bool:
    """Return whether Slurm preempted the job after it had started an attempt.

    Slurm's times of both are compared: an attempt writes that it begins only seconds after its
    start, and may be preempted before.
    """
    since = str(begun.get("started") or begun.get("time", ""))
    return job.preempted_at[:1].isdigit() and job.preempted_at >= since


def _told_in_vain(run_dir: Path, records: Sequence[Record]) -> int:
    """Return how often processes were told to end since the newest checkpoint."""
    newest = _newest(run_dir)
    told = [record for record in records if record.get("event") == "told"]
    return sum(record.get("checkpoint") == newest for record in told)


def _newest(run_dir: Path) -> str | None:
    """Return the name of the newest checkpoint."""
    path = latest_checkpoint(run_dir / CHECKPOINTS)
    return None if path is None else path.name


def _records(run_dir: Path, job: Job) -> list[Record]:
    """Return this job's records; lines that a crash tore are skipped."""
    found: list[Record] = []
    try:
        text = read_small(run_dir / LOGS / ATTEMPTS, max_bytes=LARGEST).decode(errors="replace")
    except (OSError, UnfitFile):
        return found
    for line in text.splitlines():
        try:
            record = parse_json(line)
        except ValueError:
            continue
        if isinstance(record, dict) and record.get("job") == job.number:
            found.append(record)
    return found


def _write(run_dir: Path, job: Job, **facts: object) -> OSError | None:
    """Write a line to the list; return the fault, which is also said, where it takes none."""
    path = run_dir / LOGS / ATTEMPTS
    record = {
        "time": time.strftime("%Y-%m-%dT%H:%M:%S"),
        "job": job.number,
        "restart": job.restart,
        "checkpoint": _newest(run_dir),
        **facts,
    }
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a", encoding="utf-8") as file:
            file.write(redact(json.dumps(record)) + "\n")
    except OSError as fault:
        if fault.errno in OF_STORAGE:
            sys.stderr.write(f"{path} takes no line now: {fault.strerror}\n")
        return fault
    return None


def _unwritten(run_dir: Path, fault: OSError) -> str:
    """Return what to do about a run folder that this user may not write."""
    return f"run_dir {run_dir} cannot be written: {fault.strerror}; choose another run_dir"


def _status(run_dir: Path) -> Record | None:
    try:
        status = parse_json(read_small(run_dir / STATUS, max_bytes=LARGEST))
    except (OSError, UnfitFile, ValueError):
        return None
    return status if isinstance(status, dict) else None


def main(words: Sequence[str] | None = None) -> int:
    """Run the command; return 0 to go on, 3 to stay and 2 for wrong use."""
    parser = argparse.ArgumentParser(prog="attempts", description="See the module's text.")
    parser.add_argument("event", choices=("begin", "end"))
    parser.add_argument("run_dir", type=Path)
    parser.add_argument("--code", type=int, default=1)
    parser.add_argument("--said", type=Path)
    parser.add_argument("--fresh", action="store_true")
    options = parser.parse_args(words)
    job = Job.of(os.environ)
    if options.event == "begin":
        try:
            decision, message = begin(options.run_dir, job)
        except OSError as fault:  # of a folder above it
            decision, message = EXIT_WRONG_USE, _unwritten(options.run_dir, fault)
    else:
        said = "" if options.said is None else _end_of(options.said)
        decision, message = end(options.run_dir, job, options.code, said, fresh=options.fresh)
    if message:
        sys.stdout.write(redact(message) + "\n")
    return decision


def _end_of(path: Path) -> str:
    """Return the end of what was printed."""
    with path.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(size - LARGEST_SAID, 0))
        return file.read().decode("utf-8", errors="replace")


if __name__ == "__main__":
    sys.exit(main())
