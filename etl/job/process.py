"""Run the two halves of a job on an executor: process the clips, then write the shards."""

import logging
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Protocol

from emotalk.config.etl import EtlConfig
from emotalk.schema import Rejection
from emotalk.shards.manifest import ShardEntry
from etl.clip.crash import Crash, CrashCount, naming_node
from etl.clip.files import stamp_of
from etl.corpora.listing import SourceClip
from etl.executor import Executor, WorkerDied
from etl.job.plan import Plan, PlannedShard
from etl.job.shard_work import ShardSample, make_shard
from etl.job.store import CLIP, UNKNOWN, Verdict, load_verdict
from etl.job.worker import process_clip, rejected

LOG = logging.getLogger("emotalk.etl")


class Progress(Protocol):
    """Receiver of each clip's verdict."""

    def clip_done(self, verdict: Verdict, *, reused: bool) -> None:
        """Count one verdict; `reused` if it comes from an earlier run."""
        ...


def process_clips(
    config: EtlConfig,
    plan: Plan,
    keys: Iterable[str],
    executor: Executor,
    progress: Progress,
    store: Path,
) -> dict[str, Verdict]:
    """Return the verdict on each of these clips, in their order; stored ones are not opened.

    A clip that crashed, or whose worker died at every try, is rejected but not stored: the next run
    tries it again.

    Raises:
        Stopped: `max_crashes_in_a_row` clips in a row crashed on one node.
    """
    verdicts: dict[str, Verdict] = {}
    wanted = list(keys)
    finished = {path.name.removesuffix(CLIP) for path in store.glob(f"*{CLIP}")}
    for key in finished.intersection(wanted):
        stored = load_verdict(store, key, stamp_of(plan.clips[key], config))
        if stored is not None:
            verdicts[key] = stored
            progress.clip_done(stored, reused=True)
    pending = [plan.clips[key] for key in wanted if key not in verdicts]
    crashes = CrashCount(config.max_crashes_in_a_row)
    for clip, outcome in executor.stream(process_clip, pending, config, store):
        verdict = _verdict(clip, outcome, crashes)
        verdicts[clip.label.key] = verdict
        progress.clip_done(verdict, reused=False)
    return {key: verdicts[key] for key in wanted}


def write_shards(
    plan: Plan,
    shards: Sequence[PlannedShard],
    output: Path,
    executor: Executor,
    store: Path,
    verdicts: Mapping[str, Verdict],
    neutral_of: Mapping[str, str],
) -> list[ShardEntry]:
    """Write those of the shards that have an accepted sample; return their entries, in order."""
    work = [(shard, shard_samples(plan, shard, verdicts, neutral_of)) for shard in shards]
    filled = [item for item in work if item[1]]
    entries: dict[str, ShardEntry] = {}
    for (shard, _), entry in executor.stream(_make_shard, filled, output, store):
        if isinstance(entry, WorkerDied):
            raise RuntimeError(f"{shard.file}: its writer died at every try: {entry}")
        entries[shard.file] = entry
    return [entries[shard.file] for shard, _ in filled]


def shard_samples(
    plan: Plan,
    shard: PlannedShard,
    verdicts: Mapping[str, Verdict],
    neutral_of: Mapping[str, str],
) -> tuple[ShardSample, ...]:
    """Return the accepted clips of a shard, each with the source of its neutral still."""

    def sample(key: str) -> ShardSample:
        neutral = neutral_of.get(key)
        clip = None if neutral is None else plan.clips[neutral].label.clip
        hashes = (verdicts[key].sha256, verdicts[neutral].sha256 if neutral else "")
        return ShardSample(plan.clips[key].label, verdicts[key].frames, neutral, clip, hashes)

    return tuple(sample(key) for key in shard.keys if verdicts[key].accepted)


def _verdict(
    clip: SourceClip, outcome: Verdict | Crash | WorkerDied, crashes: CrashCount
) -> Verdict:
    name = clip.label.clip
    if isinstance(outcome, WorkerDied):
        died = Rejection("worker_died", f"its worker died at every try: {outcome}", name)
        return rejected(clip, died, UNKNOWN)
    if isinstance(outcome, Verdict):
        crashes.reset(outcome.node)
        return outcome
    LOG.warning("%s: crashed on %s and is left out\n%s", name, outcome.node, outcome.trace)
    crashes.add(name, outcome)
    return rejected(clip, Rejection("crashed", outcome.text, name), UNKNOWN)


def _make_shard(
    item: tuple[PlannedShard, tuple[ShardSample, ...]], output: Path, store: Path
) -> ShardEntry:
    with naming_node(item[0].file):
        return make_shard(output, store, *item)
