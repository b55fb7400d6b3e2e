"""Make a shard set: process every planned clip, write the shards, write the manifest last."""

import logging
import platform
import time
from pathlib import Path
from typing import Any

from emotalk.config.etl import EtlConfig
from emotalk.faces.model_files import model_places
from emotalk.redaction import redact_setting
from emotalk.shards.manifest import Manifest, ShardEntry
from emotalk.shards.writer import write_manifest
from etl.executor import Executor
from etl.job.output import clear_stores, open_store, remove_other_shards
from etl.job.plan import Plan, choose_neutrals
from etl.job.process import (
    DamagedClips,
    Progress,
    process_clips,
    process_plan,
    write_shards,
)
from etl.job.results import build_manifest, write_rejections, write_set_report, write_what_was_seen
from etl.job.verdicts import Verdicts

LOG = logging.getLogger("emotalk.etl")
ATTEMPTS = 3


def run_job(config: EtlConfig, plan: Plan, executor: Executor, progress: Progress) -> Manifest:
    """Make the shard set and return its manifest; the finished work of earlier runs is used again.

    The output must be held by `lock_output`.
    """
    began = time.time()
    store = open_store(config.output, plan)
    with Verdicts(store) as verdicts:
        plan = process_plan(config, plan, executor, progress, store, verdicts)
        shards = _write_all(config, plan, executor, progress, store, verdicts)
        rejected = write_rejections(config, plan, executor, verdicts, store)
        write_what_was_seen(config, plan, verdicts, store)
        remove_other_shards(config.output, (shard.file for shard in shards))
        run = _run_facts(config, executor, began)
        manifest = build_manifest(plan, verdicts, rejected, shards, run)
    write_set_report(config.output, manifest, store)
    write_manifest(config.output, manifest, aside=store)
    clear_stores(config.output)
    return manifest


def _write_all(
    config: EtlConfig,
    plan: Plan,
    executor: Executor,
    progress: Progress,
    store: Path,
    verdicts: Verdicts,
) -> list[ShardEntry]:
    """Write all shards; clips that were damaged since they were finished are made anew.

    Raises:
        DamagedClips: the disk damages clips again and again.
    """
    for attempt in range(ATTEMPTS):
        accepted = (clip for key, clip in plan.clips.items() if verdicts.is_accepted(key))
        neutral_of = choose_neutrals(accepted)
        try:
            return write_shards(
                plan, plan.shards, config.output, executor, store, verdicts, neutral_of
            )
        except DamagedClips as damaged:
            if attempt == ATTEMPTS - 1:
                raise
            LOG.warning("%s. They are made anew now", damaged)
            process_clips(config, plan, damaged.keys, executor, progress, store, verdicts)
    raise AssertionError("unreachable")


def _run_facts(config: EtlConfig, executor: Executor, began: float) -> dict[str, Any]:
    return {
        "source": redact_setting(config.source),
        "output": str(config.output),
        "workers": executor.workers,
        "seconds": round(time.time() - began, 1),
        "machine": platform.machine(),
        "python": platform.python_version(),
        # evaluations measure generated faces by the same models
        "landmarks": model_places(config.landmarks),
    }
