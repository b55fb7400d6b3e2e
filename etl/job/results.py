"""Build the manifest and the files of JSON lines from the verdicts on all clips."""

import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from emotalk.config.etl import EtlConfig
from emotalk.errors import WrongUse
from emotalk.faces.shape import mean_shape
from emotalk.faces.template import template_LP
from emotalk.printable import printable
from emotalk.quality_report.page import is_report, write_report
from emotalk.schema import SPLITS, Rejection
from emotalk.shards.manifest import Manifest, ShardEntry
from emotalk.shards.measures import clip_measures
from emotalk.shards.names import REPORT_NAME
from emotalk.shards.rejected import RejectedClip
from emotalk.shards.rejected_pictures import first_rejected, rejected_picture
from emotalk.shards.statistics import split_facts
from emotalk.shards.writer import write_measures, write_pictures, write_rejected
from etl.clip.files import digest_unless_changed
from etl.executor import Executor, WorkerDied
from etl.job.plan import Plan
from etl.job.recordings import recording_entry
from etl.job.store import load_picture
from etl.job.verdict import UNKNOWN, Verdict
from etl.job.verdicts import Verdicts

LOG = logging.getLogger("emotalk.etl")
LARGEST_REPORT = 200_000  # clips


def write_rejections(
    config: EtlConfig,
    plan: Plan,
    executor: Executor,
    verdicts: Mapping[str, Verdict],
    store: Path,
) -> Counter[str]:
    """Write `rejected.jsonl`; return the number of clips rejected for each reason.

    A clip whose files changed since it was processed gets an empty digest: it is tried again.
    Workers read the files, since the driver's node may have lost the source meanwhile.
    """
    keys = [key for key in plan.clips if key in verdicts and not verdicts[key].accepted]
    files = ((plan.clips[key], verdicts[key].source) for key in keys)
    digests = {
        clip.label.key: "" if isinstance(digest, WorkerDied) else digest
        for (clip, _), digest in executor.stream(digest_unless_changed, files, config)
    }
    lines = [_rejected(rejection) for rejection in plan.rejected]
    lines += [_rejected(verdicts[key].rejection, digests[key]) for key in keys]
    write_rejected(config.output, lines, aside=store)
    return Counter(line.reason for line in lines)


def write_what_was_seen(config: EtlConfig, plan: Plan, verdicts: Verdicts, store: Path) -> None:
    """Write `measures.jsonl` and `rejected_pictures.jsonl`."""
    in_order = sorted(plan.clips, key=lambda key: (plan.clips[key].label.clip, key))
    found = (verdicts[key] for key in in_order)
    lines = (clip_measures(v.clip, v.key, v.measures) for v in found)
    write_measures(config.output, lines, aside=store)
    rejected = [verdicts[key] for key in plan.clips if not verdicts.is_accepted(key)]
    key_of = {verdict.clip: verdict.key for verdict in rejected if verdict.source != UNKNOWN}
    listed = [*plan.rejected, *(verdict.rejection for verdict in rejected)]
    pictures = (
        rejected_picture(line.clip, jpeg)
        for line in first_rejected(map(_rejected, listed))
        if line.clip in key_of and (jpeg := load_picture(store, key_of[line.clip]))
    )
    write_pictures(config.output, pictures, aside=store)


def write_set_report(output: Path, manifest: Manifest, store: Path) -> None:
    """Write `report.html`. Nothing depends on it: if it cannot be written, that is a warning."""
    path = output / REPORT_NAME
    if manifest.clips.get("accepted", 0) > LARGEST_REPORT:
        LOG.warning(
            "the report of a set of more than %d clips is not written, since it holds all of them "
            "in memory; `emotalk inspect %s --report FILE.html` makes it",
            LARGEST_REPORT,
            printable(str(output)),
        )
        return
    try:
        if path.exists() and not is_report(path):
            raise WrongUse(f"{path} is no report of a shard set and is left as it is")
        write_report(path, output, manifest, aside=store)
    except Exception as error:  # noqa: BLE001  the set is whole without its report
        LOG.warning(
            "the report of the set is not written (%s: %s); the set is whole without it. "
            "`emotalk inspect %s --report FILE.html` makes it later",
            type(error).__name__,
            printable(str(error)),
            printable(str(output)),
        )


def build_manifest(
    plan: Plan,
    verdicts: Verdicts,
    rejected: Counter[str],
    shards: Sequence[ShardEntry],
    run: Mapping[str, Any],
) -> Manifest:
    """Return the manifest; but for `run` the same for the same input, on any machines."""
    accepted = [key for key in plan.clips if verdicts.is_accepted(key)]
    return Manifest(
        config=plan.stored_config,
        mean_face=_mean_face(plan, accepted, verdicts),
        clips={
            "found": plan.found,
            "accepted": len(accepted),
            "rejected": rejected.total(),
            "left_out": plan.left_out,
        },
        rejected_by_reason=dict(rejected),
        shards=tuple(shards),
        recordings=tuple(recording_entry(plan.recordings[key]) for key in sorted(plan.recordings)),
        splits={split: _split_facts(plan, accepted, split) for split in SPLITS},
        run=dict(run),
    )


def _rejected(rejection: Rejection, files_sha256: str | None = None) -> RejectedClip:
    return RejectedClip(
        clip=rejection.clip,
        reason=rejection.reason,
        detail=rejection.message,
        files_sha256=files_sha256,
    )


def _split_facts(plan: Plan, accepted: Sequence[str], split: str) -> dict[str, Any]:
    labels = [plan.clips[key].label for key in accepted if plan.split_of[key] == split]
    return {"samples": len(labels), **split_facts(labels)}


def _mean_face(
    plan: Plan, accepted: Sequence[str], verdicts: Verdicts
) -> tuple[tuple[float, float], ...] | None:
    """Return the mean shape of the training split, 68 pairs in crop pixels."""
    keys = sorted(key for key in accepted if plan.split_of[key] == SPLITS[0])
    if not keys:
        return None
    mean = mean_shape(verdicts.faces(keys), template_LP())
    return tuple((round(float(x), 4), round(float(y), 4)) for x, y in mean)
