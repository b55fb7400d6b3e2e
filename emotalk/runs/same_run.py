"""Decide whether a run may continue in its folder with this configuration and shard set."""

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from emotalk.checkpoints.folder import CHECKPOINTS, checkpoints
from emotalk.checkpoints.format import CorpusFacts, DataFacts, SetFacts, read_description
from emotalk.checkpoints.train_state import TrainState, read_state
from emotalk.config.load import flatten, load_written
from emotalk.config.run import TrainConfig
from emotalk.config.shards import shards_text
from emotalk.config.stages import StageConfig
from emotalk.counted import counted
from emotalk.errors import WrongUse
from emotalk.runs.facts import data_facts, shards_digest
from emotalk.shards.joined_set import AnyShardSet
from emotalk.tracking.params import as_params

LOG = logging.getLogger("emotalk.train")
# Keys that may differ when a run continues: how it computes and reports, not what it learns.
MAY_DIFFER: tuple[str, ...] = (
    "run_dir",
    "shards",
    "resume",
    "runtime.",
    "tracking.",
    "validation.",
    "checkpoint.",
    "data.workers",
    "data.prefetch",
    "data.silence_s",
    "data.on_fault",
    "data.cache_mib",
    "data.verify",
    "data.remote.",
)
LENGTHEN = (
    "a run may be made longer: more iterations (or epochs) of its last stage, or stages after it"
)


def refuse_other_configuration(config: TrainConfig, saved: Path) -> None:
    """Raise `WrongUse` if the run folder belongs to a configuration that learns something else.

    A longer schedule is allowed. `saved` is the `config.yaml` of the run folder.
    """
    old = load_written(TrainConfig, saved)
    before, now = _values(old), _values(config)
    may_differ = MAY_DIFFER
    if is_lengthened(old.stages, config.stages):
        may_differ = (*MAY_DIFFER, "stages.")
        _refuse_further_discriminators(old, config)
        _warn_of_rate_jump(old, config)
    differing = [
        f"{key}: {before.get(key)!r} there, {now.get(key)!r} now"
        for key in sorted(before.keys() | now.keys())
        if before.get(key) != now.get(key) and not key.startswith(may_differ)
    ]
    if differing:
        longer = [LENGTHEN] if any(key.startswith("stages.") for key in differing) else []
        raise WrongUse(
            "\n  ".join(
                [
                    f"run_dir {config.run_dir} belongs to a run of another configuration; choose "
                    "another run_dir or give the same values. They differ in:",
                    *differing,
                    *longer,
                ]
            )
        )


def is_lengthened(before: Sequence[StageConfig], now: Sequence[StageConfig]) -> bool:
    """Return whether `now` starts with the stages of `before`, the last as long or longer."""
    *earlier, last = before
    return (
        len(now) >= len(before)
        and list(now[: len(earlier)]) == earlier
        and _is_as_long(last, now[len(earlier)])
    )


def refuse_other_shards(config: TrainConfig, shard_set: AnyShardSet) -> None:
    """Raise `WrongUse` if the newest checkpoint was trained on another shard set.

    `resume=other_shards` allows it.
    """
    if config.resume == "other_shards":
        return
    known = _known_shards(config.run_dir / CHECKPOINTS)
    if known is None:
        return
    digest, facts = known
    here = data_facts(shard_set)
    same = digest == shards_digest(shard_set) if digest else _equal_where_recorded(facts, here)
    if not same:
        raise WrongUse(
            f"run_dir {config.run_dir} learned from another shard set than "
            f"shards={shards_text(config.shards)}: there {_describe(facts)}, here "
            f"{_describe(here)}. Give the set it began with; or "
            f"start a new run with start_from={config.run_dir}; or, if this run is meant to go on "
            "over the other set, say so with resume=other_shards"
        )


def _equal_where_recorded(known: DataFacts, here: DataFacts) -> bool:
    """Return whether facts are equal; older checkpoints record no emotions."""
    if known.emotions is not None:
        return known == here
    left_out: dict[str, Any] = {"emotions": True, "sets": {"__all__": {"emotions"}}}
    return known.model_dump(exclude=left_out) == here.model_dump(exclude=left_out)


def continued_shards(config: TrainConfig, state: TrainState, shard_set: AnyShardSet) -> str:
    """Return the digest of the shard set after comparing it with the one of the loaded state.

    If the newest checkpoint was damaged, the state is older than the one `refuse_other_shards`
    checked.

    Raises:
        WrongUse: the state was trained on another set and `resume` does not allow it.
    """
    digest = shards_digest(shard_set)
    if config.resume == "other_shards" or state.shards in ("", digest):
        return digest
    raise WrongUse(
        f"run_dir {config.run_dir}: the newest checkpoint that can be read is that of step "
        f"{state.step}, which learned from another shard set than "
        f"shards={shards_text(config.shards)}. Give the set of that time, or, if the run is meant "
        "to go on from there over this one, say so with resume=other_shards"
    )


def _values(config: TrainConfig) -> dict[str, object]:
    """Return dotted key -> value, with the stages under their names on the command line."""
    stages = as_params({"stages": config.model_dump(mode="json")["stages"]})
    return {key: value for key, value in flatten(config).items() if key != "stages"} | stages


def _known_shards(folder: Path) -> tuple[str, DataFacts] | None:
    """Return digest and facts of the shard set of the newest checkpoint that records them.

    The digest is empty in older checkpoints. None: no checkpoint records them.
    """
    for path in reversed(checkpoints(folder)):
        try:
            facts = read_description(path).data
            if facts is not None:
                return read_state(path).shards, facts
        except (OSError, ValueError):
            continue  # damaged: try the one before it
    return None


def _describe(facts: DataFacts) -> str:
    sets = ", ".join(map(_describe_set, facts.sets)) or _describe_set(facts)
    people = counted(facts.actors, "person", plural="people")
    return f"{counted(facts.clips, 'training clip')} of {people} ({sets})"


def _describe_set(facts: CorpusFacts) -> str:
    weight = (
        f" with weight {facts.weight:g}" if isinstance(facts, SetFacts) and facts.weight else ""
    )
    return f"{facts.corpus}{weight}, manifest {facts.manifest_sha256[:12]}"


def _is_as_long(before: StageConfig, now: StageConfig) -> bool:
    """Return whether two stages are equal, except that the second may be longer."""
    if before.model_copy(update={"iterations": now.iterations, "epochs": now.epochs}) != now:
        return False
    lengths = ((before.iterations, now.iterations), (before.epochs, now.epochs))
    return any(old is not None and new is not None and new >= old for old, new in lengths)


def _refuse_further_discriminators(old: TrainConfig, config: TrainConfig) -> None:
    further = sorted(set(config.discriminators) - set(old.discriminators))
    if further:
        raise WrongUse(
            f"stages: the added ones ask for discriminators that this run has not: "
            f"{', '.join(further)}; begin a new run with start_from={config.run_dir}"
        )


def _warn_of_rate_jump(old: TrainConfig, config: TrainConfig) -> None:
    before, now = old.stages[-1], config.stages[len(old.stages) - 1]
    if before != now and before.lr_decay != "none":
        LOG.warning(
            "stages.%s is longer than it was: its learning rate (lr_decay=%s) falls over the new "
            "length, so it is higher from here on than it was; a stage added after it would start "
            "at a rate of its own",
            now.name,
            now.lr_decay,
        )
