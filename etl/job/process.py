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
from etl.job.look_progress import shown_looks
from etl.job.plan import Plan, PlannedShard, with_stretches
from etl.job.shard_work import ShardSample, make_shard
from etl.job.store import CLIP, RECORDING, UNKNOWN, Verdict, load_recording, load_verdict
from etl.job.worker import process_clip, rejected
from etl.recording.recording import Recording, clips_of

LOG = logging.getLogger("emotalk.etl")


class Progress(Protocol):
    """Receiver of each clip's verdict."""

    def clip_done(self, verdict: Verdict, *, reused: bool) -> None:
        """Count one verdict; `reused` if it comes from an earlier run."""
        ...

    def recording_done(self, stretches: int) -> None:
        """Expect the stretches of a recording in place of its file."""
        ...


def process_plan(
    config: EtlConfig, plan: Plan, executor: Executor, progress: Progress, store: Path
) -> tuple[Plan, dict[str, Verdict]]:
    """Process every clip; then the stretches of the files that turned out to be long recordings.

    A recording whose file changed before all of its stretches were read is one rejected file: its
    stretches may be of two versions.

    Returns:
        The plan with those stretches in place of their files, and the verdict on each of its clips.
    """
    results = process_clips(config, plan, plan.clips, executor, progress, store)
    recordings = {key: r for key, r in results.items() if isinstance(r, Recording)}
    known = {key: r for key, r in results.items() if isinstance(r, Verdict)}
    if not recordings:
        return plan, known
    cut = with_stretches(config, plan, recordings)
    new = [key for key in cut.clips if key not in known]
    results = process_clips(config, cut, new, executor, progress, store)
    known |= {key: r for key, r in results.items() if isinstance(r, Verdict)}
    for key, recording in recordings.items():
        parts = [known[part.label.key] for part in clips_of(plan.clips[key], recording)]
        if changed := [part for part in parts if part.reason == "file_changed"]:
            why = Rejection("file_changed", changed[0].detail, recording.clip)
            known[key] = rejected(plan.clips[key], why, UNKNOWN)
    whole = {key: recording for key, recording in recordings.items() if key not in known}
    plan = with_stretches(config, plan, whole)
    return plan, {key: known[key] for key in plan.clips}


def process_clips(
    config: EtlConfig,
    plan: Plan,
    keys: Iterable[str],
    executor: Executor,
    progress: Progress,
    store: Path,
) -> dict[str, Verdict | Recording]:
    """Return the verdict on each of these clips, in their order; stored ones are not opened.

    Of a file that is cut into stretches, return these; they are not processed yet.

    A clip that crashed, or whose worker died at every try, is rejected but not stored: the next run
    tries it again.

    Raises:
        Stopped: `max_crashes_in_a_row` clips in a row crashed on one node.
    """
    results: dict[str, Verdict | Recording] = {}
    wanted = list(keys)
    for key, recording in _stored_recordings(config, plan, wanted, store).items():
        results[key] = recording
        progress.recording_done(len(recording.stretches))
    finished = {path.name.removesuffix(CLIP) for path in store.glob(f"*{CLIP}")}
    for key in finished.intersection(wanted) - results.keys():
        stored = load_verdict(store, key, stamp_of(plan.clips[key], config))
        if stored is not None:
            results[key] = stored
            progress.clip_done(stored, reused=True)
    pending = [plan.clips[key] for key in wanted if key not in results]
    crashes = CrashCount(config.max_crashes_in_a_row)
    with shown_looks(store):
        for clip, outcome in executor.stream(process_clip, pending, config, store):
            if isinstance(outcome, Recording):
                crashes.reset(outcome.node)
                LOG.info("%s", outcome.summary)
                progress.recording_done(len(outcome.stretches))
                results[clip.label.key] = outcome
                continue
            verdict = _verdict(clip, outcome, crashes)
            results[clip.label.key] = verdict
            progress.clip_done(verdict, reused=False)
    return {key: results[key] for key in wanted}


def _stored_recordings(
    config: EtlConfig, plan: Plan, wanted: Iterable[str], store: Path
) -> dict[str, Recording]:
    """Return what earlier runs found in recordings, where their files are the same."""
    names = {path.name.removesuffix(RECORDING) for path in store.glob(f"*{RECORDING}")}
    stored = {
        key: load_recording(store, key, stamp_of(plan.clips[key], config))
        for key in wanted
        if key in names
    }
    return {key: recording for key, recording in stored.items() if recording is not None}


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
