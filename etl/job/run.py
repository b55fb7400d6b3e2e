"""The job: every planned clip judged, the accepted ones written as shards, the manifest last."""

import platform
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from emotalk.config.etl import EtlConfig
from emotalk.errors import WrongUse
from emotalk.faces.shape import mean_shape
from emotalk.faces.template import template_LP
from emotalk.files.atomic_write import PART
from emotalk.files.lock import hold_with_heartbeat
from emotalk.redaction import redact_setting
from emotalk.schema import FORMAT_VERSION, SPLITS, Rejection
from emotalk.shards.statistics import split_facts
from etl.clip.files import content_digest, stamp_of
from etl.job.finished import finished_manifest, is_shard_file
from etl.job.finished_set import differences, refuse_another
from etl.job.plan import Plan, choose_neutrals
from etl.job.stages import Machines, Progress, judge, write_shards
from etl.job.store import CLIP, SHARD, Verdict
from etl.job.writer import FILES_SHA256, index_name, write_manifest, write_rejected
from etl.paths import is_full

WORK = ".work"


def run_job(
    config: EtlConfig, plan: Plan, machines: Machines, progress: Progress
) -> dict[str, Any]:
    """Make the shard set and return its manifest; what a broken-off run finished is kept.

    The output must be held by `own_output`.
    """
    began = time.time()
    store = store_of(config, plan)
    verdicts = judge(config, plan, plan.clips, machines, progress, store)
    neutral_of = choose_neutrals(c for key, c in plan.clips.items() if verdicts[key].accepted)
    shards = write_shards(plan, plan.shards, config.output, machines, store, verdicts, neutral_of)
    refusals = write_refusals(config, plan, verdicts, store)
    _remove_leavings(config.output, shards)
    manifest = _manifest(plan, verdicts, refusals, shards)
    write_manifest(config.output, store, {**manifest, "run": _run_facts(config, machines, began)})
    clear_stores(config.output)
    return manifest


def write_refusals(
    config: EtlConfig, plan: Plan, verdicts: Mapping[str, Verdict], store: Path
) -> list[Rejection]:
    """Write `rejected.jsonl` and return all that were left out, by name or by verdict.

    A clip whose files changed since it was judged gets an empty digest: it is judged again.
    """
    lines = [_line(rejection) for rejection in plan.rejected]
    refusals = [*plan.rejected]
    for key, verdict in verdicts.items():
        if not verdict.accepted:
            clip = plan.clips[key]
            same = stamp_of(clip, config) == verdict.source
            digest = content_digest(clip, config) if same else ""
            lines.append({**_line(verdict.rejection), FILES_SHA256: digest})
            refusals.append(verdict.rejection)
    write_rejected(config.output, store, lines)
    return refusals


def _line(rejection: Rejection) -> dict[str, str]:
    return {"clip": rejection.clip, "reason": rejection.reason, "detail": rejection.told}


def store_of(config: EtlConfig, plan: Plan) -> Path:
    """Return the folder of what is kept for a rerun of this very job."""
    store = config.output / WORK / plan.digest
    store.mkdir(parents=True, exist_ok=True)
    return store


@contextmanager
def own_output(output: Path) -> Iterator[None]:
    """Hold the output folder, so that two jobs never write into one.

    Raises:
        WrongUse: not writable, in use, or full of something else.
    """
    work = output / WORK
    with ExitStack() as stack:
        try:
            work.mkdir(parents=True, exist_ok=True)
            task = f"output: another job is writing to {output}"
            stack.enter_context(hold_with_heartbeat(work / "lock", task))
        except OSError as error:
            if is_full(error):
                raise
            raise WrongUse(f"output: cannot write to {output}: {error.strerror}") from None
        try:
            yield
        finally:
            _let_go(work)


def _manifest(
    plan: Plan,
    verdicts: Mapping[str, Verdict],
    refusals: list[Rejection],
    shards: list[dict[str, Any]],
) -> dict[str, Any]:
    """Return what the manifest says; the same for the same input, whoever did the work."""
    accepted = [key for key in plan.clips if verdicts[key].accepted]
    return {
        "format": FORMAT_VERSION,
        "config": dict(plan.config),
        "mean_face": _mean_face(plan, verdicts),
        "clips": {
            "found": plan.found,
            "accepted": len(accepted),
            "rejected": len(refusals),
            "left_out": plan.left_out,
        },
        "rejected_by_reason": dict(sorted(Counter(r.reason for r in refusals).items())),
        "shards": shards,
        "splits": {split: _split_facts(plan, accepted, split) for split in SPLITS},
    }


def _split_facts(plan: Plan, accepted: list[str], split: str) -> dict[str, Any]:
    labels = [plan.clips[key].label for key in accepted if plan.split_of[key] == split]
    return {"samples": len(labels), **split_facts(labels)}


def _mean_face(plan: Plan, verdicts: Mapping[str, Verdict]) -> list[list[float]] | None:
    """Return the mean shape of the training split, 68 pairs in crop pixels."""
    faces = [
        np.asarray(verdicts[key].mean_face)
        for key in sorted(plan.clips)
        if verdicts[key].accepted and plan.split_of[key] == SPLITS[0]
    ]
    if not faces:
        return None
    mean = mean_shape(faces, template_LP())
    return [[round(float(x), 4), round(float(y), 4)] for x, y in mean]


def _run_facts(config: EtlConfig, machines: Machines, began: float) -> dict[str, Any]:
    return {
        "source": redact_setting(config.source),
        "output": str(config.output),
        "workers": machines.workers,
        "seconds": round(time.time() - began, 1),
        "machine": platform.machine(),
        "python": platform.python_version(),
    }


def _remove_leavings(output: Path, shards: list[dict[str, Any]]) -> None:
    """Remove the shards that a broken-off run with other settings left in this output."""
    names = {shard["file"] for shard in shards}
    wanted = names | {index_name(name) for name in names}
    for path in output.iterdir():
        if is_shard_file(path.name) and path.name not in wanted:
            path.unlink()


def clear_stores(output: Path) -> None:
    """Remove what was kept for a rerun; only files that stores can hold."""
    for store in sorted(path for path in (output / WORK).iterdir() if path.is_dir()):
        for pattern in (f"*{CLIP}", f"*{SHARD}", f".*{PART}"):
            for kept in store.glob(pattern):
                kept.unlink(missing_ok=True)
        store.rmdir()


def _let_go(work: Path) -> None:
    """Remove the work folder where nothing is kept in it."""
    if [path.name for path in work.iterdir()] == ["lock"]:
        (work / "lock").unlink()
        work.rmdir()


def already_done(config: EtlConfig, plan: Plan) -> bool:
    """Return whether the output already holds this very shard set, whole or damaged.

    Raises:
        WrongUse: it holds another shard set, or files that are none.
    """
    output = config.output
    if output.exists() and not output.is_dir():
        raise WrongUse(f"output: {output} is a file; give a folder")
    manifest = finished_manifest(output)
    if manifest is None:
        return False
    refuse_another(output, differences(config, plan, manifest))
    return True
