"""Update a finished shard set: repair its shards, and process again rejected clips that changed.

The samples of the set go back into the store of finished clips, byte for byte, so that the job goes
on from there as after an interruption: only the changed clips are opened.
"""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from emotalk.config.etl import EtlConfig
from emotalk.rejection_reasons import REASONS
from emotalk.schema import NEUTRAL
from emotalk.shards.clip import read_facts, read_landmarks
from emotalk.shards.manifest import Manifest
from emotalk.shards.measures import ClipMeasures, measures_of, read_measures
from emotalk.shards.members import OWN_MEMBERS, remove_neutral
from emotalk.shards.names import MANIFEST_NAME, NEUTRAL_MEMBER
from emotalk.shards.reader import SampleReader
from emotalk.shards.rejected import RejectedClip, read_rejected
from emotalk.shards.rejected_pictures import read_pictures
from emotalk.shards.sample_table import Sample
from etl.clip.files import stamp_of
from etl.executor import Executor
from etl.job.finished_set import (
    clips_to_retry,
    label_differences,
    open_samples,
    refuse_differences,
    rejected_names_differ,
    replaced_clips,
)
from etl.job.output import clear_stores, open_store, read_manifest
from etl.job.plan import Plan, choose_neutrals, made_as
from etl.job.process import Progress, process_clips, shard_samples
from etl.job.recordings import plan_of_set
from etl.job.repair import damaged_shards, repair
from etl.job.results import write_rejections
from etl.job.run import run_job
from etl.job.shard_work import recipe_of
from etl.job.store import PICTURE, STILL, load_verdict, save_clip, save_shard
from etl.job.verdict import Verdict
from etl.job.verdicts import Verdicts
from etl.job.worker import digest_of, mean_face_of

NOT_IN_SET = Verdict("", "", (0, 0), reason="missing")


def needs_update(config: EtlConfig, plan: Plan) -> bool:
    """Return whether a finished set of this plan is damaged, or rejected clips of it changed.

    Raises:
        WrongUse: the samples have other labels than the plan's, or other files.
    """
    output = config.output
    manifest = read_manifest(output)
    if manifest is None or damaged_shards(output, manifest):
        return True
    plan = plan_of_set(config, plan, manifest)
    refuse_differences(output, label_differences(output, plan, manifest))
    if replaced := replaced_clips(plan, output, manifest):
        some = ", ".join(replaced[:3]) + (" ..." if replaced[3:] else "")
        refuse_differences(output, [f"{len(replaced)} of its clips are other files now: {some}"])
    return bool(clips_to_retry(config, plan)) or rejected_names_differ(plan, manifest, output)


def update_set(
    config: EtlConfig, plan: Plan, executor: Executor, progress: Progress
) -> tuple[Manifest | None, str]:
    """Repair a finished set, then process its changed clips; the output must be held.

    Returns:
        The manifest where a new one was written, and what was done, in words.
    """
    manifest = read_manifest(config.output)
    assert manifest is not None  # callers ask `is_finished` first
    config, plan = made_as(config, plan, manifest.config)
    plan = plan_of_set(config, plan, manifest)
    repaired = repair(config, plan, manifest, executor, progress)
    renewed = retry_rejected(config, plan, manifest, executor, progress)
    words = [f"damaged, made again: {', '.join(repaired)}"] if repaired else []
    if renewed is not None:
        words.append("clips that were rejected before were processed again")
    elif not repaired:
        words.append("clips that were rejected before were processed again, all as before")
    return renewed, "; ".join(words)


def retry_rejected(
    config: EtlConfig, plan: Plan, manifest: Manifest, executor: Executor, progress: Progress
) -> Manifest | None:
    """Process the changed clips of a whole set; return its new manifest, None if it stays as it is.

    Interrupted, it leaves an unfinished set that the same command finishes.
    """
    keys = clips_to_retry(config, plan)
    names_differ = rejected_names_differ(plan, manifest, config.output)
    if not keys and not names_differ:
        return None
    store = open_store(config.output, plan)
    rejected = read_rejected(config.output)
    with Verdicts(store) as verdicts:
        cut = process_clips(config, plan, keys, executor, progress, store, verdicts)
        same = not cut and not names_differ
        same = same and all(_as_before(verdict, rejected) for verdict in verdicts.values())
        if same:
            _write_new_digests(config, plan, executor, verdicts, rejected, store)
    if same:
        clear_stores(config.output)
        return None
    _store_samples(config, plan, manifest, store)
    _store_rejected(config, plan, rejected, {*keys}, store)
    (config.output / MANIFEST_NAME).unlink()  # unfinished from here on; every clip is stored
    return run_job(config, plan, executor, progress)


def _as_before(verdict: Verdict, rejected: Mapping[str, RejectedClip]) -> bool:
    if verdict.accepted:
        return False
    line = rejected[verdict.clip]
    return (line.reason, line.detail) == (verdict.reason, verdict.rejection.message)


def _write_new_digests(
    config: EtlConfig,
    plan: Plan,
    executor: Executor,
    again: Mapping[str, Verdict],
    rejected: Mapping[str, RejectedClip],
    store: Path,
) -> None:
    """Write `rejected.jsonl` with the digests of the files that were processed just now."""
    verdicts = {
        key: again.get(key) or _old_verdict(config, plan, key, rejected[clip.label.clip])
        for key, clip in plan.clips.items()
        if clip.label.clip in rejected
    }
    known = {key: verdict for key, verdict in verdicts.items() if verdict is not None}
    if len(known) == len(verdicts):
        write_rejections(config, plan, executor, known, store)


def _store_samples(config: EtlConfig, plan: Plan, manifest: Manifest, store: Path) -> None:
    """Store every sample of the set, and what its shards were made of."""
    measures = read_measures(config.output)
    with open_samples(config.output, manifest) as (reader, samples):
        stills = _stills(reader, samples)
        verdicts = {
            sample.key: _store_sample(config, plan, reader, sample, stills, measures, store)
            for sample in samples
        }
    neutral_of = choose_neutrals(plan.clips[key] for key in verdicts)
    entries = {shard.file: shard for shard in manifest.shards}
    for shard in plan.shards:
        if shard.file in entries:
            known = {key: verdicts.get(key, NOT_IN_SET) for key in shard.keys} | verdicts
            made_of = shard_samples(plan, shard, known, neutral_of)
            save_shard(store, recipe_of(made_of), entries[shard.file])


def _stills(reader: SampleReader, samples: list[Sample]) -> dict[str, bytes]:
    """Return the neutral stills in the samples, by the name of the clip they are from."""
    stills: dict[str, bytes] = {}
    for sample in samples:
        origin = read_facts(reader, sample).get("neutral")
        if origin is not None and origin not in stills:
            stills[origin] = reader.read(sample, (NEUTRAL_MEMBER,))[NEUTRAL_MEMBER]
    return stills


def _store_sample(
    config: EtlConfig,
    plan: Plan,
    reader: SampleReader,
    sample: Sample,
    stills: Mapping[str, bytes],
    measures: Mapping[str, ClipMeasures],
    store: Path,
) -> Verdict:
    clip = plan.clips[sample.key]
    members = remove_neutral(reader.read(sample, OWN_MEMBERS))
    if clip.label.emotion == NEUTRAL and clip.label.clip in stills:
        members[STILL] = stills[clip.label.clip]
    verdict = Verdict(
        key=sample.key,
        clip=clip.label.clip,
        source=stamp_of(clip, config),
        frames=sample.frames,
        face=mean_face_of(read_landmarks(reader, sample)),
        sha256=digest_of(members),
        measures=measures_of(measures[sample.key]) if sample.key in measures else {},
    )
    save_clip(store, verdict, members)
    return verdict


def _store_rejected(
    config: EtlConfig,
    plan: Plan,
    rejected: Mapping[str, RejectedClip],
    retried: set[str],
    store: Path,
) -> None:
    """Store the verdicts on rejected clips whose files did not change, and their pictures."""
    measures, pictures = read_measures(config.output), read_pictures(config.output)
    for key, clip in plan.clips.items():
        line = rejected.get(clip.label.clip)
        if line is None or key in retried:
            continue
        verdict = _old_verdict(config, plan, key, line)
        if verdict is not None and load_verdict(store, key, verdict.source) is None:
            values = measures_of(measures[key]) if key in measures else {}
            picture = pictures.get(clip.label.clip)
            members = {} if picture is None else {PICTURE: picture}
            save_clip(store, replace(verdict, measures=values), members)


def _old_verdict(config: EtlConfig, plan: Plan, key: str, line: RejectedClip) -> Verdict | None:
    """Return the verdict of a line of `rejected.jsonl`; None where its advice is an older one."""
    advice = f"; {REASONS[line.reason].advice}" if line.reason in REASONS else ""
    if not advice or not line.detail.endswith(advice):
        return None
    clip = plan.clips[key]
    return Verdict(
        key=key,
        clip=clip.label.clip,
        source=stamp_of(clip, config),
        reason=line.reason,
        detail=line.detail.removesuffix(advice),
    )
