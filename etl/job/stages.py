"""The two halves of the job: every clip judged, then the accepted ones laid into shards."""

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol, TypeVar

from emotalk.config.etl import EtlConfig
from emotalk.schema import Rejection
from etl.clip.crash import Crash, CrashCount, naming_node
from etl.clip.files import stamp_of
from etl.cluster import WorkerDied
from etl.corpora.listing import SourceClip
from etl.job.plan import Plan, PlannedShard
from etl.job.store import CLIP, UNKNOWN, Verdict, kept_verdict
from etl.job.work import process_clip, rejected
from etl.job.writer import ShardSample, write_shard

LOG = logging.getLogger("emotalk.etl")
Item = TypeVar("Item")
Result = TypeVar("Result")


class Progress(Protocol):
    """Receiver of each clip's verdict."""

    def clip_done(self, verdict: Verdict, *, kept: bool) -> None:
        """Count one verdict; `kept` if it comes from an earlier run."""
        ...


class Machines(Protocol):
    """Executor of the work: `etl.cluster.Cluster`, or in tests this very process."""

    @property
    def workers(self) -> int:
        """Return the number of tasks that run at once."""
        ...

    def stream(
        self, function: Callable[..., Result], items: Iterable[Item], *shared: Any
    ) -> Iterator[tuple[Item, Result | WorkerDied]]:
        """Yield each item with its result, in any order."""
        ...


def judge(
    config: EtlConfig,
    plan: Plan,
    keys: Iterable[str],
    machines: Machines,
    progress: Progress,
    store: Path,
) -> dict[str, Verdict]:
    """Return the verdict on each of these clips, in their order; those kept before are not opened.

    A clip that crashed, or whose worker died at every try, is rejected, and not kept: the next run
    tries it again.

    Raises:
        Stopped: `max_crashes_in_a_row` clips in a row crashed on one node.
    """
    verdicts: dict[str, Verdict] = {}
    wanted = list(keys)
    finished = {path.name.removesuffix(CLIP) for path in store.glob(f"*{CLIP}")}
    for key in finished.intersection(wanted):
        kept = kept_verdict(store, key, stamp_of(plan.clips[key], config))
        if kept is not None:
            verdicts[key] = kept
            progress.clip_done(kept, kept=True)
    pending = [plan.clips[key] for key in wanted if key not in verdicts]
    crashes = CrashCount(config.max_crashes_in_a_row)
    for clip, outcome in machines.stream(process_clip, pending, config, store):
        verdict = _verdict(clip, outcome, crashes)
        verdicts[clip.label.key] = verdict
        progress.clip_done(verdict, kept=False)
    return {key: verdicts[key] for key in wanted}


def write_shards(
    plan: Plan,
    shards: Sequence[PlannedShard],
    output: Path,
    machines: Machines,
    store: Path,
    verdicts: Mapping[str, Verdict],
    neutral_of: Mapping[str, str],
) -> list[dict[str, Any]]:
    """Write those of the shards that have an accepted sample; return their entries, in order.

    Args:
        plan: whose clips they hold.
        shards: which to write.
        output: where to.
        machines: who writes.
        store: where the finished clips lie.
        verdicts: on the shards' clips and on those that lend them a neutral still.
        neutral_of: which clip lends it, by key.
    """
    work = [(shard, shard_samples(plan, shard, verdicts, neutral_of)) for shard in shards]
    filled = [item for item in work if item[1]]
    entries: dict[str, dict[str, Any]] = {}
    for (shard, _), entry in machines.stream(_write, filled, output, store):
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
    """Return what a shard is made of: its accepted clips and those that lend them stills."""

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
        crashes.judged(outcome.node)
        return outcome
    LOG.warning("%s: crashed on %s and is left out\n%s", name, outcome.node, outcome.trace)
    crashes.crashed(name, outcome)
    return rejected(clip, Rejection("crashed", outcome.text, name), UNKNOWN)


def _write(
    item: tuple[PlannedShard, tuple[ShardSample, ...]], output: Path, store: Path
) -> dict[str, Any]:
    with naming_node(item[0].file):
        return write_shard(output, store, *item)
