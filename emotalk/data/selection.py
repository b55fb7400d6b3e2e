"""Select the clips of a split that a run can use, and report the others."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from emotalk.config.data import DataConfig
from emotalk.errors import WrongUse
from emotalk.shards.clip import missing_members
from emotalk.shards.joined_set import AnyShardSet
from emotalk.shards.names import NEUTRAL_MEMBER
from emotalk.shards.shard_set import Sample, Split

logger = logging.getLogger(__name__)

NAMES_SHOWN = 8


@dataclass(frozen=True)
class Selection:
    """The clips of a split that a run uses."""

    samples: tuple[tuple[Sample, ...], ...]  # of each set
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
        logger.warning("%s; its clips will be left out of their batches", fault)


def usable_samples(
    split: Split, config: DataConfig, where: str
) -> tuple[tuple[Sample, ...], dict[str, tuple[str, ...]]]:
    """Return the samples to use, and the keys of the others by reason."""
    used: list[Sample] = []
    left_out: dict[str, list[str]] = {}
    for sample in split.samples:
        reason = _unusable(sample, config)
        if reason is None:
            used.append(sample)
        else:
            left_out.setdefault(reason, []).append(sample.key)
    if not used:
        reasons = "; ".join(f"{len(keys)} x {reason}" for reason, keys in left_out.items())
        longest = max(sample.frames for sample in split.samples)
        raise WrongUse(
            f"{where}: no clip can be used ({reasons}). data.frames is {config.frames}, the "
            f"longest clip has {longest}; data.condition is {config.condition}"
        )
    return tuple(used), {reason: tuple(keys) for reason, keys in left_out.items()}


def check_members(samples: Sequence[Sample], config: DataConfig, where: str) -> None:
    """Refuse samples that lack a needed member, or with `on_fault: skip` log them."""
    faults = [
        f"{sample.key} lacks {', '.join(missing)}"
        for sample in samples
        if (missing := missing_members(sample))
    ]
    if faults and config.on_fault == "raise":
        more = f" (and {len(faults) - 1} more samples)" if faults[1:] else ""
        raise WrongUse(
            f"{where}: sample {faults[0]}{more}; make the shards again with etl/shard.py, or go on "
            "without: data.on_fault=skip"
        )
    for fault in faults:
        logger.warning("%s: sample %s; it will be left out of its batches", where, fault)


def left_out_lines(left_out: Mapping[str, Sequence[str]]) -> list[str]:
    """Return a line for each reason with the number of clips and the first keys."""
    lines = []
    for reason, keys in left_out.items():
        shown = ", ".join(keys[:NAMES_SHOWN]) + (", ..." if len(keys) > NAMES_SHOWN else "")
        lines.append(f"{len(keys)} clips left out, {reason}: {shown}")
    return lines


def _unusable(sample: Sample, config: DataConfig) -> str | None:
    if sample.frames < config.frames:
        return f"shorter than data.frames={config.frames}"
    if config.condition == "neutral" and NEUTRAL_MEMBER not in sample.members:
        return "no neutral still of the actor (data.condition=neutral)"
    return None


def check_emotions(samples: Sequence[Sample], emotions: tuple[str, ...], shards: str) -> None:
    """Refuse samples labelled with an emotion that the run does not know."""
    found = {sample.emotion for sample in samples if sample.emotion is not None}
    unknown = sorted(found - set(emotions))
    if unknown:
        raise WrongUse(
            f"{shards}: has clips of {', '.join(unknown)}, but the run's emotions are "
            f"{', '.join(emotions)}; choose the set the shards were made with (emotion.set=mead8)"
        )
