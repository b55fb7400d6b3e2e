"""The streaming loader: batch k of a run, the same on any number of ranks and workers.

Nothing here keeps a position. A batch is computed from its step number: `order` names the samples,
`windows` the frames, `clip` reads them. Resuming is starting to count elsewhere.
"""

import itertools
import logging
import signal
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from emotalk.config.data import DataConfig
from emotalk.data.balance import epoch_repeats
from emotalk.data.batch import ClipBatch
from emotalk.data.cache import ClipCache
from emotalk.data.clip import Clip, member_of, read_speech, read_window
from emotalk.data.manifest import (
    AUDIO_MEMBERS,
    JSON_MEMBER,
    LANDMARKS_MEMBER,
    NEUTRAL_MEMBER,
    VIDEO_MEMBERS,
)
from emotalk.data.order import Order, Place, rank_places
from emotalk.data.shards import DataFault, Sample, SampleReader, ShardSet, Split
from emotalk.data.windows import cut_speech, levelled, other_clip, window_start
from emotalk.errors import WrongUse
from emotalk.schema import LANDMARKS, SAMPLES_PER_FRAME, SIZE, Floats

logger = logging.getLogger(__name__)

NAMES_SHOWN = 8
__all__ = ["Clip", "ClipLoader", "build_loader", "read_clip"]


def build_loader(
    config: DataConfig,
    shards: str,
    split: str,
    *,
    seed: int,
    emotions: tuple[str, ...],
    rank: int = 0,
    world_size: int = 1,
    start_step: int = 0,
) -> "ClipLoader":
    """Return the loader of one rank.

    The split `train` is endless and shuffled. Every other split is read once, in its own order,
    one fixed window a clip; its last batch is filled up with places that are not valid.

    Args:
        config: the data section.
        shards: folder or URL of the shard set.
        split: `train`, `val` or `test`.
        seed: the run's.
        emotions: names in the order of their indices.
        rank: this process, from 0.
        world_size: all processes; must divide `config.batch_size`.
        start_step: number of the first batch.

    Raises:
        WrongUse: whatever can be known to be wrong before a worker starts.
    """
    if config.batch_size % world_size:
        raise WrongUse(
            f"data.batch_size {config.batch_size} cannot be shared equally by {world_size} ranks; "
            f"use a multiple of {world_size}, or fewer ranks"
        )
    shard_set = ShardSet.open(shards, config.remote)
    found = shard_set.split(split)
    _check_sizes(shard_set, found, config)
    used, left_out = _usable(found, config, f"{shards}, split {split}")
    _check_emotions(used, emotions, shards)
    if (config.other_speech or config.babble_voices) and len(used) < 2:
        raise WrongUse(
            f"{shards}: split {split!r} has one usable clip, but data.other_speech or "
            "data.babble_voices asks for another one; switch them off"
        )
    endless = split == "train"
    order = Order(
        [sample.shard for sample in used],
        seed=seed,
        block_shards=config.shuffle_shards,
        repeats=epoch_repeats(used, config.balance) if endless else None,
        shuffled=endless,
    )
    batches = StepBatches(
        config, shard_set, used, order, seed, emotions, rank, world_size, endless=endless
    )
    return ClipLoader(batches, left_out=left_out, start_step=start_step)


def read_clip(shard_set: ShardSet, key: str, split: str | None = None) -> Clip:
    """Return a whole clip with all its members, for validation and evaluation.

    Args:
        shard_set: where it is.
        key: its name.
        split: where to look; None looks in all.

    Raises:
        WrongUse: no such key.
        DataFault: it cannot be read.
    """
    names = shard_set.manifest.split_names if split is None else (split,)
    for name in names:
        sample = shard_set.find(name, key)
        if sample is not None:
            reader = SampleReader(shard_set)
            extras = (NEUTRAL_MEMBER, JSON_MEMBER)
            return read_window(reader, sample, start=0, frames=sample.frames, extras=extras)
    raise WrongUse(f"{shard_set.location}: no sample {key!r} in {', '.join(names)}")


class LoadedStep(NamedTuple):
    """What a worker hands over: a batch, and one message for each clip that could not be read."""

    batch: ClipBatch
    faults: tuple[str, ...]


class StepBatches(Dataset[LoadedStep]):
    """Batches of one rank by their step number."""

    def __init__(
        self,
        config: DataConfig,
        shard_set: ShardSet,
        samples: Sequence[Sample],
        order: Order,
        seed: int,
        emotions: tuple[str, ...],
        rank: int,
        world_size: int,
        *,
        endless: bool,
    ) -> None:
        self.config = config
        self.samples = samples
        self.order = order
        self.seed = seed
        self.emotions = emotions
        self.rank = rank
        self.world_size = world_size
        self.endless = endless
        self.reader = SampleReader(shard_set, verify=config.verify)
        self.cache = ClipCache(config.cache_mib)

    def __getitem__(self, step: int) -> LoadedStep:
        """Return the batch of a step; what a step holds depends on nothing but its number."""
        numbers = rank_places(
            step,
            batch_size=self.config.batch_size,
            rank=self.rank,
            world_size=self.world_size,
        )
        batch = _empty(self.config, numbers)
        keys = [""] * len(numbers)
        faults = []
        for row, number in enumerate(numbers):
            if not self.endless and number >= len(self.order):
                continue
            place = self.order.place(number)
            keys[row] = self.samples[place.sample].key
            try:
                self._fill(batch, row, place)
            except DataFault as fault:
                faults.append(str(fault))
        return LoadedStep(batch._replace(keys=tuple(keys)), tuple(faults))

    def _fill(self, batch: ClipBatch, row: int, place: Place) -> None:
        """Read a clip into a row; nothing of the row is written before everything is read."""
        sample = self.samples[place.sample]
        frames = self.config.frames
        start = self._start(place, sample)
        neutral = self.config.condition == "neutral"
        clip = self.cache.window(
            self.reader, sample, start, frames, extras=(NEUTRAL_MEMBER,) if neutral else ()
        )
        speech_S = self._speech(clip.audio_S, start)
        others_S = self._other_speech(place) if batch.other_speech_BS is not None else None
        babble_S = self._babble(place) if batch.babble_BS is not None else None
        image_HWC = clip.neutral_HWC if neutral else clip.video_THWC[0]
        assert image_HWC is not None  # clips without a still were left out

        batch.video_BTCHW[row] = torch.from_numpy(clip.video_THWC).permute(0, 3, 1, 2)
        batch.condition_BCHW[row] = torch.from_numpy(image_HWC).permute(2, 0, 1)
        batch.speech_BS[row] = torch.from_numpy(speech_S)
        batch.landmarks_BTLP[row] = torch.from_numpy(clip.landmarks_TLP)
        batch.emotion_B[row] = self.emotions.index(sample.emotion)
        batch.intensity_B[row] = 1.0 if sample.intensity is None else sample.intensity
        if batch.other_speech_BS is not None and others_S is not None:
            batch.other_speech_BS[row] = torch.from_numpy(others_S)
        if batch.babble_BS is not None and babble_S is not None:
            batch.babble_BS[row] = torch.from_numpy(babble_S)
        batch.valid_B[row] = True

    def _start(self, place: Place, sample: Sample) -> int:
        return window_start(
            self.seed,
            place.epoch,
            place.repeat,
            sample.key,
            clip=sample.frames,
            window=self.config.frames,
        )

    def _speech(self, audio_S: Floats, start: int) -> Floats:
        return cut_speech(
            levelled(audio_S, self.config.speech_level),
            start=start,
            frames=self.config.frames,
            margin_frames=self.config.speech_margin_frames,
        )

    def _other_speech(self, place: Place, purpose: str = "other-speech") -> Floats:
        """Return a window of another clip's speech, both drawn by the place's key."""
        key = self.samples[place.sample].key
        number = other_clip(
            self.seed, purpose, place.number, key, own=place.sample, clips=len(self.samples)
        )
        other = self.samples[number]
        start = window_start(
            self.seed,
            place.number,
            0,
            f"{purpose} {other.key}",
            clip=other.frames,
            window=self.config.frames,
        )
        return self._speech(read_speech(self.reader, other), start)

    def _babble(self, place: Place) -> Floats:
        """Return the sum of several other clips' speech."""
        voices = range(self.config.babble_voices)
        spoken = [self._other_speech(place, f"babble-{voice}") for voice in voices]
        return np.sum(spoken, axis=0, dtype=np.float32)


class ClipLoader:
    """An iterable of batches from `start_step` on; iterating again begins there again.

    Attributes:
        samples: the clips used.
        left_out: reason -> keys of the clips of the split that are not used.
        faults: message -> how often this rank met it since it was built.
    """

    def __init__(
        self, batches: StepBatches, *, left_out: dict[str, tuple[str, ...]], start_step: int
    ) -> None:
        self.batches = batches
        self.samples = tuple(batches.samples)
        self.left_out = left_out
        self.start_step = start_step
        self.faults: Counter[str] = Counter()

    @property
    def clips_per_epoch(self) -> int:
        """Places in one pass over the samples."""
        return len(self.batches.order)

    def __iter__(self) -> Iterator[ClipBatch]:
        """Yield the batches of the steps `start_step`, `start_step` + 1, ...

        Raises:
            DataFault: a clip cannot be read and `data.on_fault` is `raise`.
        """
        config = self.batches.config
        loader = DataLoader(
            self.batches,
            batch_size=None,
            sampler=self._steps(),
            num_workers=config.workers,
            prefetch_factor=config.prefetch if config.workers else None,
            pin_memory=torch.cuda.is_available(),
            worker_init_fn=_start_worker,
        )
        for batch, faults in loader:
            self._meet(tuple(faults))
            # pinning turns plain tuples into lists
            yield batch._replace(keys=tuple(batch.keys), places=tuple(batch.places))

    def _steps(self) -> "Steps":
        if self.batches.endless:
            return Steps(self.start_step, None)
        size = self.batches.config.batch_size
        return Steps(self.start_step, -(-self.clips_per_epoch // size))

    def _meet(self, faults: tuple[str, ...]) -> None:
        self.faults.update(faults)
        if faults and self.batches.config.on_fault == "raise":
            raise DataFault("\n".join(faults))
        for fault in faults:
            logger.warning("left out of its batch: %s", fault)


class Steps:
    """The numbers of the steps, without end where `end` is None."""

    def __init__(self, start: int, end: int | None) -> None:
        self.start = start
        self.end = end

    def __iter__(self) -> Iterator[int]:
        """Count."""
        endless = self.end is None
        return itertools.count(self.start) if endless else iter(range(self.start, self.end or 0))


def _start_worker(_worker: int) -> None:
    """Leave signals to the training process: a scheduler sends them to every process of a job."""
    for name in (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1, signal.SIGUSR2):
        signal.signal(name, signal.SIG_IGN)
    cv2.setNumThreads(1)


def _empty(config: DataConfig, numbers: range) -> ClipBatch:
    """Return a batch whose places are all zero and not valid."""
    clips, frames = len(numbers), config.frames
    samples = (frames + 2 * config.speech_margin_frames) * SAMPLES_PER_FRAME

    def speech(wanted: bool) -> Tensor | None:
        return torch.zeros(clips, samples) if wanted else None

    return ClipBatch(
        keys=(),
        places=tuple(numbers),
        condition_BCHW=torch.zeros(clips, 3, SIZE, SIZE, dtype=torch.uint8),
        video_BTCHW=torch.zeros(clips, frames, 3, SIZE, SIZE, dtype=torch.uint8),
        speech_BS=torch.zeros(clips, samples),
        landmarks_BTLP=torch.zeros(clips, frames, LANDMARKS, 2),
        emotion_B=torch.zeros(clips, dtype=torch.int64),
        intensity_B=torch.ones(clips),
        valid_B=torch.zeros(clips, dtype=torch.bool),
        other_speech_BS=speech(config.other_speech),
        babble_BS=speech(config.babble_voices > 0),
    )


def _check_sizes(shard_set: ShardSet, split: Split, config: DataConfig) -> None:
    """Refuse, or only name, tars that are missing or were cut off."""
    faults = shard_set.check_sizes(split)
    if faults and config.on_fault == "raise":
        raise WrongUse(
            f"{faults[0]}{f' (and {len(faults) - 1} more tars)' if faults[1:] else ''}; copy the "
            "shard set again, or go on without their clips: data.on_fault=skip"
        )
    for fault in faults:
        logger.warning("%s; its clips will be left out of their batches", fault)


def _usable(
    split: Split, config: DataConfig, where: str
) -> tuple[tuple[Sample, ...], dict[str, tuple[str, ...]]]:
    """Return the samples to use, and the keys of the others by reason; both are logged."""
    used: list[Sample] = []
    left_out: dict[str, list[str]] = {}
    for sample in split.samples:
        reason = _unusable(sample, config)
        if reason is None:
            used.append(sample)
        else:
            left_out.setdefault(reason, []).append(sample.key)
    for reason, keys in left_out.items():
        shown = ", ".join(keys[:NAMES_SHOWN]) + (", ..." if len(keys) > NAMES_SHOWN else "")
        logger.info("%s: %d clips left out: %s: %s", where, len(keys), reason, shown)
    if not used:
        reasons = "; ".join(f"{len(keys)} x {reason}" for reason, keys in left_out.items())
        longest = max(sample.frames for sample in split.samples)
        raise WrongUse(
            f"{where}: no clip can be used ({reasons}). data.frames is {config.frames}, the "
            f"longest clip has {longest}; data.condition is {config.condition}"
        )
    return tuple(used), {reason: tuple(keys) for reason, keys in left_out.items()}


def _unusable(sample: Sample, config: DataConfig) -> str | None:
    if sample.frames < config.frames:
        return f"shorter than data.frames={config.frames}"
    if config.condition == "neutral" and NEUTRAL_MEMBER not in sample.members:
        return "no neutral still of the actor (data.condition=neutral)"
    complete = member_of(sample, VIDEO_MEMBERS) and member_of(sample, AUDIO_MEMBERS)
    if not complete or LANDMARKS_MEMBER not in sample.members:
        return "video, sound or landmarks missing in the index"
    return None


def _check_emotions(samples: Sequence[Sample], emotions: tuple[str, ...], shards: str) -> None:
    unknown = sorted({sample.emotion for sample in samples} - set(emotions))
    if unknown:
        raise WrongUse(
            f"{shards}: has clips of {', '.join(unknown)}, but the run's emotions are "
            f"{', '.join(emotions)}; choose the set the shards were made with (emotion.set=mead8)"
        )
