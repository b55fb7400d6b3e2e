"""A finished shard set whose bytes were damaged since: the shards in question made again.

The manifest stays as it is: what is made again must be what it promises.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from emotalk.config.etl import EtlConfig
from emotalk.errors import Stopped
from etl.job.finished import finished_manifest
from etl.job.plan import Plan, choose_neutrals
from etl.job.run import clear_stores, store_of
from etl.job.stages import Machines, Progress, judge, write_shards
from etl.job.writer import index_name, is_whole


def damaged_shards(output: Path) -> list[str]:
    """Return the tars of a finished set that are not, or whose index is not, as the manifest says.

    Reads every byte of the set.
    """
    return [name for name, entry in _entries(output).items() if not is_whole(output, entry)]


def repair(config: EtlConfig, plan: Plan, machines: Machines, progress: Progress) -> list[str]:
    """Make the damaged shards of a finished set again; return their names.

    Only their clips are opened, and those that lend them neutral stills. The output must be held
    by `own_output`.

    Raises:
        Stopped: other bytes come out, because the clips or the programs are not those of then; the
            set is left as it was.
    """
    entries, broken = _entries(config.output), damaged_shards(config.output)
    shards = [shard for shard in plan.shards if shard.file in broken]
    keys = [key for shard in shards for key in shard.keys]
    store = store_of(config, plan)
    verdicts = judge(config, plan, keys, machines, progress, store)
    accepted = {key for key in keys if verdicts[key].accepted}
    accepted |= _keys_in(config.output, entries.keys() - set(broken))
    neutral_of = choose_neutrals(clip for key, clip in plan.clips.items() if key in accepted)
    lenders = {neutral_of[key] for key in keys if key in neutral_of} - set(keys)
    verdicts |= judge(config, plan, sorted(lenders), machines, progress, store)
    made = write_shards(plan, shards, store, machines, store, verdicts, neutral_of)
    others = {*broken} - {entry["file"] for entry in made if entry == entries[entry["file"]]}
    if others:
        raise Stopped(
            f"{config.output}: {', '.join(sorted(others))}: damaged, and cannot be made again: the "
            "clips or the programs are not those any more that the set was made of. The set is "
            "left as it is; make a new one in another output"
        )
    for name in broken:
        for file in (name, index_name(name)):
            (store / file).replace(config.output / file)
    clear_stores(config.output)
    return broken


def _entries(output: Path) -> Mapping[str, Any]:
    """Return the manifest's entries by the names of the tars."""
    manifest = finished_manifest(output) or {"shards": []}
    return {entry["file"]: entry for entry in manifest["shards"]}


def _keys_in(output: Path, shards: set[str]) -> set[str]:
    """Return the keys of all samples in these shards, which are whole."""
    keys: set[str] = set()
    for name in shards:
        index = json.loads((output / index_name(name)).read_text(encoding="utf-8"))
        keys |= {sample["key"] for sample in index["samples"]}
    return keys
