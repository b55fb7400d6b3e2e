"""Run the two halves of a job on an executor: process the clips, then write the shards."""

import logging
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path
from typing import Protocol

from emotalk.config.etl import EtlConfig
from emotalk.errors import Stopped
from emotalk.schema import Rejection
from emotalk.shards.manifest import ShardEntry
from etl.clip.crash import Crash, CrashCount, naming_node
from etl.clip.files import stamp_of
from etl.corpora.listing import SourceClip
from etl.executor import Executor, WorkerDied
from etl.job.look_progress import shown_looks
from etl.job.plan import Plan, PlannedShard, with_stretches
from etl.job.shard_work import ShardSample, make_shard
from etl.job.store import (
    RECORDING,
    DamagedClip,
    clip_path,
    finished_keys,
    load_recording,
    load_verdict,
)
from etl.job.verdict import UNKNOWN, Verdict
from etl.job.verdicts import Verdicts
from etl.job.worker import process_clip, rejected
from etl.recording.recording import Recording, clips_of

LOG = logging.getLogger("emotalk.etl")
READERS = 16  # threads that read stored verdicts
READ_AHEAD = 1024  # clips


class DamagedClips(Stopped):
    """Finished clips were damaged or removed since they were written.

    Attributes:
        keys: of the clips; their files are removed, so that they count as not finished.
    """

    def __init__(self, keys: Sequence[str]) -> None:
        """Make the message, which names the first."""
        self.keys = tuple(keys)
        super().__init__(
            f"finished clips were damaged or removed since they were written ({len(keys)}, e.g. "
            f"{keys[0]}); check the disk and start again: they are made anew, the others are kept"
        )


class Progress(Protocol):
    """Receiver of each clip's verdict."""

    def clip_done(self, verdict: Verdict, *, reused: bool) -> None:
        """Count one verdict; `reused` if it comes from an earlier run."""
        ...

    def recording_done(self, stretches: int) -> None:
        """Expect the stretches of a recording in place of its file."""
        ...


def process_plan(
    config: EtlConfig,
    plan: Plan,
    executor: Executor,
    progress: Progress,
    store: Path,
    verdicts: Verdicts,
) -> Plan:
    """Process every clip; then the stretches of the files that turned out to be long recordings.

    A recording whose file changed before all of its stretches were read is one rejected file: its
    stretches may be of two versions.

    Returns:
        The plan with those stretches in place of their files; `verdicts` gets the verdict on each
        of its clips.
    """
    recordings = process_clips(config, plan, plan.clips, executor, progress, store, verdicts)
    if not recordings:
        return plan
    cut = with_stretches(config, plan, recordings)
    new = [key for key in cut.clips if key not in verdicts]
    process_clips(config, cut, new, executor, progress, store, verdicts)
    whole = dict(recordings)
    for key, recording in recordings.items():
        parts = (verdicts[part.label.key] for part in clips_of(plan.clips[key], recording))
        if changed := [part for part in parts if part.reason == "file_changed"]:
            why = Rejection("file_changed", changed[0].detail, recording.clip)
            verdicts.add(rejected(plan.clips[key], why, UNKNOWN))
            del whole[key]
    return with_stretches(config, plan, whole)


def process_clips(
    config: EtlConfig,
    plan: Plan,
    keys: Iterable[str],
    executor: Executor,
    progress: Progress,
    store: Path,
    verdicts: Verdicts,
) -> dict[str, Recording]:
    """Add the verdict on each of these clips to `verdicts`; stored clips are not opened.

    Return the files that are cut into stretches, in their order; these are not processed yet.

    A clip that crashed, or whose worker died at every try, is rejected but not stored: the next run
    tries it again.

    Raises:
        Stopped: `max_crashes_in_a_row` clips in a row crashed on one node.
    """
    wanted = dict.fromkeys(keys)
    recordings = _stored_recordings(config, plan, wanted, store)
    for recording in recordings.values():
        progress.recording_done(len(recording.stretches))
    done = set(recordings)
    for stored in _stored_verdicts(config, plan, wanted.keys() - done, store):
        verdicts.add(stored)
        done.add(stored.key)
        progress.clip_done(stored, reused=True)
    pending = (plan.clips[key] for key in wanted if key not in done)
    crashes = CrashCount(config.max_crashes_in_a_row)
    with shown_looks(store):
        for clip, outcome in executor.stream(process_clip, pending, config, store):
            if isinstance(outcome, Recording):
                crashes.reset(outcome.node)
                LOG.info("%s", outcome.summary)
                progress.recording_done(len(outcome.stretches))
                recordings[clip.label.key] = outcome
                continue
            verdict = _verdict(clip, outcome, crashes)
            verdicts.add(verdict)
            progress.clip_done(verdict, reused=False)
    return {key: recordings[key] for key in wanted if key in recordings}


def _stored_verdicts(
    config: EtlConfig, plan: Plan, wanted: Collection[str], store: Path
) -> Iterator[Verdict]:
    """Yield the verdicts of earlier runs on those of the clips whose files are the same.

    Several are read at a time: on a shared folder a file takes a millisecond or more to open.
    """

    def load(key: str) -> Verdict | None:
        return load_verdict(store, key, stamp_of(plan.clips[key], config))

    found = (key for key in finished_keys(store) if key in wanted)
    with ThreadPoolExecutor(READERS) as pool:
        while some := list(islice(found, READ_AHEAD)):
            yield from (verdict for verdict in pool.map(load, some) if verdict is not None)


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
    """Write those of the shards that have an accepted sample; return their entries, in order.

    Raises:
        DamagedClips: finished clips were damaged since they were written; they are removed, and the
            other shards are made.
    """
    work = ((shard, shard_samples(plan, shard, verdicts, neutral_of)) for shard in shards)
    filled = (item for item in work if item[1])
    entries: dict[str, ShardEntry] = {}
    damaged: list[str] = []
    for (shard, _), made in executor.stream(_make_shard, filled, output, store):
        if isinstance(made, WorkerDied):
            raise RuntimeError(f"{shard.file}: its writer died at every try: {made}")
        if isinstance(made, str):
            damaged.append(made)
        else:
            entries[shard.file] = made
    if damaged:
        raise DamagedClips(damaged)
    return [entries[shard.file] for shard in shards if shard.file in entries]


def shard_samples(
    plan: Plan,
    shard: PlannedShard,
    verdicts: Mapping[str, Verdict],
    neutral_of: Mapping[str, str],
) -> tuple[ShardSample, ...]:
    """Return the accepted clips of a shard, each with the source of its neutral still."""

    def sample(verdict: Verdict) -> ShardSample:
        neutral = neutral_of.get(verdict.key)
        clip = None if neutral is None else plan.clips[neutral].label.clip
        hashes = (verdict.sha256, verdicts[neutral].sha256 if neutral else "")
        label = plan.clips[verdict.key].label
        return ShardSample(label, verdict.frames, neutral, clip, hashes)

    found = (verdicts[key] for key in shard.keys)
    return tuple(sample(verdict) for verdict in found if verdict.accepted)


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
) -> ShardEntry | str:
    """Return the entry of a shard, or the key of a damaged clip, whose file is removed."""
    with naming_node(item[0].file):
        try:
            return make_shard(output, store, *item)
        except DamagedClip as damaged:
            (key,) = damaged.args
            clip_path(store, key).unlink(missing_ok=True)
            return str(key)
