"""Select the clips of a split that a run can use, and report the others."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from emotalk.config.data import DataConfig
from emotalk.counted import counted
from emotalk.errors import WrongUse
from emotalk.shards.clip import missing_members
from emotalk.shards.joined_set import AnyShardSet
from emotalk.shards.names import NEUTRAL_MEMBER
from emotalk.shards.sample_table import SampleTable
from emotalk.shards.shard_set import Split

LOG = logging.getLogger(__name__)

NAMES_SHOWN = 8


@dataclass(frozen=True)
class Selection:
    """The clips of a split that a run uses."""

    samples: tuple[SampleTable, ...]  # of each set
    left_out: dict[str, tuple[str, ...]]  # reason -> keys of the other clips


def select_samples(
    shard_set: AnyShardSet, split: str, config: DataConfig, emotions: tuple[str, ...]
) -> Selection:
    """Return the clips of a split that can be used, set by set.

    Raises:
        WrongUse: tars or members are missing and `on_fault` is `raise`, a set has no clip that can
            be used, or one of an emotion that is none of `emotions`; the message names the set.
    """
    samples = []
    left_out: dict[str, tuple[str, ...]] = {}
    for part, found in shard_set.splits(split):
        where = f"{part.location}, split {split}"
        check_sizes(shard_set, found, config)
        used, others = usable_samples(found, config, where)
        check_members(used, config, where)
        check_emotions(used, emotions, part.location)
        samples.append(used)
        for reason, keys in others.items():
            left_out[reason] = left_out.get(reason, ()) + keys
    return Selection(tuple(samples), left_out)


def check_sizes(shard_set: AnyShardSet, split: Split, config: DataConfig) -> None:
    """Refuse missing or truncated tars, or with `on_fault: skip` log them."""
    faults = shard_set.check_sizes(split)
    if faults and config.on_fault == "raise":
        raise WrongUse(
            f"{faults[0]}{f' (and {len(faults) - 1} more tars)' if faults[1:] else ''}; copy the "
            "shard set again, or go on without their clips: data.on_fault=skip"
        )
    for fault in faults:
        LOG.warning("%s; its clips will be left out of their batches", fault)


def usable_samples(
    split: Split, config: DataConfig, where: str
) -> tuple[SampleTable, dict[str, tuple[str, ...]]]:
    """Return the samples to use, and the keys of the others by reason."""
    samples = split.samples
    short = samples.frames_N < config.frames
    reasons = {f"shorter than data.frames={config.frames}": short}
    if config.condition == "neutral":
        without = ~samples.having(lambda members: NEUTRAL_MEMBER in members) & ~short
        reasons["no neutral still of the actor (data.condition=neutral)"] = without
    used = samples.where(~np.logical_or.reduce([*reasons.values()]))
    left_out = {
        reason: tuple(samples.key(int(number)) for number in np.flatnonzero(flags))
        for reason, flags in sorted(reasons.items(), key=lambda item: int(np.argmax(item[1])))
        if flags.any()
    }
    if not used:
        whole = "; ".join(f"{len(keys)} x {reason}" for reason, keys in left_out.items())
        longest = samples.frames_N.max()
        raise WrongUse(
            f"{where}: no clip can be used ({whole}). data.frames is {config.frames}, the "
            f"longest clip has {longest}; data.condition is {config.condition}"
        )
    return used, left_out


def check_members(samples: SampleTable, config: DataConfig, where: str) -> None:
    """Refuse samples that lack a needed member, or with `on_fault: skip` log them."""
    lacking = samples.where(samples.having(lambda members: bool(missing_members(members))))
    faults = [
        f"{sample.key} lacks {', '.join(missing_members(sample.members))}" for sample in lacking
    ]
    if faults and config.on_fault == "raise":
        more = f" (and {len(faults) - 1} more samples)" if faults[1:] else ""
        raise WrongUse(
            f"{where}: sample {faults[0]}{more}; make the shards again with etl/shard.py, or go on "
            "without: data.on_fault=skip"
        )
    for fault in faults:
        LOG.warning("%s: sample %s; it will be left out of its batches", where, fault)


def left_out_lines(left_out: Mapping[str, Sequence[str]]) -> list[str]:
    """Return a line for each reason with the number of clips and the first keys."""
    lines = []
    for reason, keys in left_out.items():
        shown = ", ".join(keys[:NAMES_SHOWN]) + (", ..." if len(keys) > NAMES_SHOWN else "")
        lines.append(f"{counted(len(keys), 'clip')} left out, {reason}: {shown}")
    return lines


def check_emotions(samples: SampleTable, emotions: tuple[str, ...], shards: str) -> None:
    """Refuse samples labelled with an emotion that the run does not know."""
    found = {emotion for emotion in samples.emotions() if emotion is not None}
    unknown = sorted(found - {*emotions})
    if unknown:
        raise WrongUse(
            f"{shards}: has clips of {', '.join(unknown)}, but the run's emotions are "
            f"{', '.join(emotions)}; choose the set the shards were made with (emotion.set=mead8)"
        )
