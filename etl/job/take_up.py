"""A finished shard set whose rejected clips were mended: they are judged again, the rest is kept.

What the set holds goes back into the store of finished clips, byte for byte, so that the job goes
on from there as if it had been broken off: only the mended clips are opened.
"""

import io
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from emotalk.config.etl import EtlConfig
from emotalk.rejection_reasons import REASONS
from emotalk.schema import NEUTRAL, Floats
from etl.clip.files import stamp_of
from etl.job.finished import finished_manifest
from etl.job.finished_set import (
    StoredSample,
    by_name_differs,
    clips_to_judge,
    label_differences,
    refuse_another,
    rejected_lines,
    replaced_clips,
    stored_samples,
)
from etl.job.members import JSON, NEUTRAL_STILL, STILL, json_member
from etl.job.plan import Plan, choose_neutrals
from etl.job.repair import damaged_shards, repair
from etl.job.run import clear_stores, run_job, store_of, write_refusals
from etl.job.stages import Machines, Progress, judge, shard_samples
from etl.job.store import Verdict, keep, keep_shard, kept_verdict
from etl.job.work import digest_of, mean_face_of
from etl.job.writer import recipe_of

OWN_MEMBERS = ("mp4", "flac", "landmarks.npy")


def needs_work(config: EtlConfig, plan: Plan) -> bool:
    """Return whether a finished set of this plan is damaged, or rejected clips of it were mended.

    Raises:
        WrongUse: the samples have other labels than the plan's, or other files.
    """
    output = config.output
    manifest = finished_manifest(output)
    if manifest is None or damaged_shards(output):
        return True
    path = output / "manifest.json"
    refuse_another(output, label_differences(output, plan, manifest))
    if replaced := replaced_clips(config, plan, path):
        some = ", ".join(replaced[:3]) + (" ..." if replaced[3:] else "")
        refuse_another(output, [f"{len(replaced)} of its clips are other files now: {some}"])
    return bool(clips_to_judge(config, plan, path)) or by_name_differs(plan, manifest, output)


def mend(
    config: EtlConfig, plan: Plan, machines: Machines, progress: Progress
) -> tuple[dict[str, Any] | None, str]:
    """Make a finished set's damaged shards again, then take up its mended clips.

    Returns:
        The manifest where a new one was written, and what was done, in words.
    """
    repaired = repair(config, plan, machines, progress)
    manifest = take_up(config, plan, machines, progress)
    words = [f"damaged, made again: {', '.join(repaired)}"] if repaired else []
    if manifest is not None:
        words.append("clips that were rejected before were judged again")
    elif not repaired:
        words.append("clips that were rejected before were judged again, all as before")
    return manifest, "; ".join(words)


def take_up(
    config: EtlConfig, plan: Plan, machines: Machines, progress: Progress
) -> dict[str, Any] | None:
    """Judge the mended clips of a finished set; return its new manifest, None if it stays as it is.

    The set must be whole, and the output held by `own_output`. Broken off, it is an unfinished set
    that the same command finishes.
    """
    path = config.output / "manifest.json"
    manifest: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    keys = clips_to_judge(config, plan, path)
    by_name = by_name_differs(plan, manifest, config.output)
    if not keys and not by_name:
        return None
    store = store_of(config, plan)
    verdicts = judge(config, plan, keys, machines, progress, store)
    lines = rejected_lines(config.output)
    if not by_name and all(_as_before(v, lines) for v in verdicts.values()):
        _write_anew(config, plan, verdicts, lines, store)
        clear_stores(config.output)
        return None
    _keep_what_is_there(config, plan, manifest, store)
    _keep_rejected(config, plan, lines, {*keys}, store)
    path.unlink()  # from here on the set is unfinished, and all its clips are in the store
    return run_job(config, plan, machines, progress)


def _as_before(verdict: Verdict, lines: Mapping[str, Mapping[str, Any]]) -> bool:
    if verdict.accepted:
        return False
    line = lines[verdict.clip]
    return (line["reason"], line["detail"]) == (verdict.reason, verdict.rejection.told)


def _write_anew(
    config: EtlConfig,
    plan: Plan,
    again: Mapping[str, Verdict],
    lines: Mapping[str, Mapping[str, Any]],
    store: Path,
) -> None:
    """Write `rejected.jsonl` with the digests of the files that were looked at just now."""
    verdicts = {
        key: again.get(key) or _old_verdict(config, plan, key, lines[clip.label.clip])
        for key, clip in plan.clips.items()
        if clip.label.clip in lines
    }
    if all(verdict is not None for verdict in verdicts.values()):
        write_refusals(config, plan, {k: v for k, v in verdicts.items() if v is not None}, store)


def _keep_what_is_there(
    config: EtlConfig, plan: Plan, manifest: Mapping[str, Any], store: Path
) -> None:
    """Put every sample of the set into the store, and what its shards were made of."""
    stills = _stills(config.output, manifest)
    verdicts: dict[str, Verdict] = {}
    for sample in stored_samples(config.output, manifest):
        verdict = _keep_sample(config, plan, sample, stills, store)
        verdicts[verdict.key] = verdict
    neutral_of = choose_neutrals(plan.clips[key] for key in verdicts)
    entries = {entry["file"]: entry for entry in manifest["shards"]}
    for shard in plan.shards:
        if shard.file in entries:
            known = {key: verdicts.get(key, _OTHER) for key in shard.keys} | verdicts
            samples = shard_samples(plan, shard, known, neutral_of)
            keep_shard(store, recipe_of(samples), entries[shard.file])


_OTHER = Verdict("", "", (0, 0), reason="missing")


def _stills(output: Path, manifest: Mapping[str, Any]) -> dict[str, bytes]:
    """Return the still of each clip that lends one, by the clip's name."""
    stills: dict[str, bytes] = {}
    for sample in stored_samples(output, manifest):
        lender = sample.facts.get("neutral")
        if lender is not None and lender not in stills:
            stills[lender] = sample.member(NEUTRAL_STILL)
    return stills


def _keep_sample(
    config: EtlConfig, plan: Plan, sample: StoredSample, stills: Mapping[str, bytes], store: Path
) -> Verdict:
    key = sample.entry["key"]
    clip = plan.clips[key]
    facts = sample.facts
    facts.pop("neutral", None)
    members = {name: sample.member(name) for name in OWN_MEMBERS} | {JSON: json_member(facts)}
    if clip.label.emotion == NEUTRAL and clip.label.clip in stills:
        members[STILL] = stills[clip.label.clip]
    landmarks_TLP: Floats = np.load(io.BytesIO(members["landmarks.npy"]), allow_pickle=False)
    verdict = Verdict(
        key=key,
        clip=clip.label.clip,
        source=stamp_of(clip, config),
        frames=int(facts["frames"]),
        mean_face=mean_face_of(landmarks_TLP),
        sha256=digest_of(members),
    )
    keep(store, verdict, members)
    return verdict


def _keep_rejected(
    config: EtlConfig,
    plan: Plan,
    lines: Mapping[str, Mapping[str, Any]],
    judged: set[str],
    store: Path,
) -> None:
    """Keep the verdicts on rejected clips whose files are those of then."""
    for key, clip in plan.clips.items():
        line = lines.get(clip.label.clip)
        if line is None or key in judged:
            continue
        verdict = _old_verdict(config, plan, key, line)
        if verdict is not None and kept_verdict(store, key, verdict.source) is None:
            keep(store, verdict, {})


def _old_verdict(
    config: EtlConfig, plan: Plan, key: str, line: Mapping[str, Any]
) -> Verdict | None:
    """Return the verdict that a line of `rejected.jsonl` tells; None where its words are older."""
    reason, told = str(line["reason"]), str(line["detail"])
    advice = f"; {REASONS[reason].advice}" if reason in REASONS else ""
    if not advice or not told.endswith(advice):
        return None
    clip = plan.clips[key]
    return Verdict(
        key=key,
        clip=clip.label.clip,
        source=stamp_of(clip, config),
        reason=reason,
        detail=told.removesuffix(advice),
    )
