"""Make a shard set: process every planned clip, write the shards, write the manifest last."""

import platform
import time
from typing import Any

from emotalk.config.etl import EtlConfig
from emotalk.faces.model_files import model_places
from emotalk.redaction import redact_setting
from emotalk.shards.manifest import Manifest
from emotalk.shards.writer import write_manifest
from etl.executor import Executor
from etl.job.output import clear_stores, open_store, remove_other_shards
from etl.job.plan import Plan, choose_neutrals
from etl.job.process import Progress, process_plan, write_shards
from etl.job.results import build_manifest, write_rejections, write_set_report, write_what_was_seen


def run_job(config: EtlConfig, plan: Plan, executor: Executor, progress: Progress) -> Manifest:
    """Make the shard set and return its manifest; the finished work of earlier runs is used again.

    The output must be held by `lock_output`.
    """
    began = time.time()
    store = open_store(config.output, plan)
    plan, verdicts = process_plan(config, plan, executor, progress, store)
    neutral_of = choose_neutrals(c for key, c in plan.clips.items() if verdicts[key].accepted)
    shards = write_shards(plan, plan.shards, config.output, executor, store, verdicts, neutral_of)
    rejected = write_rejections(config, plan, verdicts, store)
    write_what_was_seen(config, plan, verdicts, store)
    remove_other_shards(config.output, (shard.file for shard in shards))
    run = _run_facts(config, executor, began)
    manifest = build_manifest(plan, verdicts, rejected, shards, run)
    write_set_report(config.output, manifest, store)
    write_manifest(config.output, manifest, aside=store)
    clear_stores(config.output)
    return manifest


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
