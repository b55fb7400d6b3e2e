"""Make damaged shards of a finished set again.

The manifest stays: the shards made again must have its hashes.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

from emotalk.config.etl import EtlConfig
from emotalk.errors import Stopped
from emotalk.shards.check import is_whole
from emotalk.shards.index import parse_index
from emotalk.shards.manifest import Manifest, ShardEntry
from emotalk.shards.names import index_name
from etl.executor import Executor
from etl.job.output import clear_stores, open_store
from etl.job.plan import Plan, choose_neutrals
from etl.job.process import Progress, process_clips, write_shards
from etl.job.verdict import UNKNOWN, Verdict
from etl.job.verdicts import Verdicts


def damaged_shards(output: Path, manifest: Manifest) -> list[str]:
    """Return the tars that differ, or whose index differs, from the manifest.

    Reads every byte of the set.
    """
    return [shard.file for shard in manifest.shards if not is_whole(output, shard)]


def repair(
    config: EtlConfig, plan: Plan, manifest: Manifest, executor: Executor, progress: Progress
) -> list[str]:
    """Make the damaged shards of a finished set again; return their names.

    Only their clips and the sources of their neutral stills are opened. The output must be held by
    `lock_output`.

    Raises:
        Stopped: other bytes come out, because the clips or the programs changed; the set is left
            as it was.
    """
    entries = {shard.file: shard for shard in manifest.shards}
    damaged = damaged_shards(config.output, manifest)
    shards = [shard for shard in plan.shards if shard.file in damaged]
    keys = [key for shard in shards for key in shard.keys]
    store = open_store(config.output, plan)
    with Verdicts(store) as verdicts:

        def process(keys: Sequence[str]) -> None:
            cut = process_clips(config, plan, keys, executor, progress, store, verdicts)
            for key, recording in cut.items():  # none of the set any more
                verdicts.add(Verdict(key, recording.clip, UNKNOWN, reason="file_changed"))

        process(keys)
        accepted = {key for key in keys if verdicts.is_accepted(key)}
        accepted |= _keys_outside(config.output, entries, damaged)
        neutral_of = choose_neutrals(clip for key, clip in plan.clips.items() if key in accepted)
        process(sorted({neutral_of[key] for key in keys if key in neutral_of} - set(keys)))
        made = write_shards(plan, shards, store, executor, store, verdicts, neutral_of)
    changed = {*damaged} - {entry.file for entry in made if entry == entries[entry.file]}
    if changed:
        raise Stopped(
            f"{config.output}: {', '.join(sorted(changed))}: damaged, and cannot be made again: "
            "the clips or the programs are not those any more that the set was made of. The set is "
            "left as it is; make a new one in another output"
        )
    for name in damaged:
        for file in (name, index_name(name)):
            (store / file).replace(config.output / file)
    clear_stores(config.output)
    return damaged


def _keys_outside(output: Path, entries: Mapping[str, ShardEntry], damaged: list[str]) -> set[str]:
    """Return the keys of all samples in the other shards, which are whole."""
    keys: set[str] = set()
    for name in entries.keys() - {*damaged}:
        index = output / index_name(name)
        samples = parse_index(index.read_bytes(), str(index), entries[name]).samples
        keys |= {sample.key for sample in samples}
    return keys
