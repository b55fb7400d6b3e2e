"""Compute the batch of one step for one rank from the step's number."""

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch.utils.data import Dataset, get_worker_info

from emotalk.config.data import DataConfig
from emotalk.data.batch import ClipBatch, zeros_in_one_block
from emotalk.data.cache import ClipCache
from emotalk.data.mixture import Mixture
from emotalk.data.order import Order, Place, rank_places
from emotalk.data.windows import cut_speech, normalise_level, other_clip, window_start
from emotalk.schema import LANDMARKS, SAMPLES_PER_FRAME, SIZE, UNKNOWN_EMOTION, Floats
from emotalk.seeding import numpy_generator
from emotalk.shards.clip import read_speech
from emotalk.shards.joined_set import AnyShardSet
from emotalk.shards.names import NEUTRAL_MEMBER
from emotalk.shards.reader import DataFault, SampleReader
from emotalk.shards.sample_table import Sample, SampleTable

NOTHING: Floats = np.zeros(0, np.float32)  # a sound without samples


class LoadedStep(NamedTuple):
    """A batch, and one message for each clip that could not be read."""

    batch: ClipBatch
    faults: tuple[str, ...]


@dataclass(eq=False)
class StepBatches(Dataset[LoadedStep]):
    """Batches of one rank by their step number."""

    config: DataConfig
    shard_set: AnyShardSet
    samples: SampleTable
    order: Order | Mixture
    seed: int
    emotions: tuple[str, ...]
    rank: int
    world_size: int
    endless: bool

    def __post_init__(self) -> None:
        """Make the reader and an empty cache."""
        self.reader = SampleReader(self.shard_set, verify=self.config.verify)
        self.cache = ClipCache(self.config.cache_mib)

    def __getitem__(self, step: int) -> LoadedStep:
        """Return the batch of a step; it depends on nothing but the step's number."""
        numbers = rank_places(
            step,
            batch_size=self.config.batch_size,
            rank=self.rank,
            world_size=self.world_size,
        )
        batch = self._empty(numbers)
        keys = [""] * len(numbers)
        faults = []
        for row, number in enumerate(numbers):
            if not self.endless and number >= len(self.order):
                continue
            place = self.order.place(number)
            keys[row] = self.samples.key(place.sample)
            try:
                self._fill(batch, row, place)
            except DataFault as fault:
                faults.append(str(fault))
        return LoadedStep(batch._replace(keys=tuple(keys)), tuple(faults))

    @property
    def bytes(self) -> int:
        """Return the size of this rank's share of a batch."""
        parts = _parts(self.config, self.config.batch_size // self.world_size)
        return sum(math.prod(shape) * dtype.itemsize for shape, dtype in parts.values())

    def _empty(self, numbers: range) -> ClipBatch:
        """Return a batch of zeros, no place valid; in a worker it lies in shared memory."""
        in_worker = get_worker_info() is not None
        tensors = zeros_in_one_block(_parts(self.config, len(numbers)), shared=in_worker)
        tensors["intensity_B"].fill_(1)
        return ClipBatch(keys=(), places=tuple(numbers), **tensors)

    def _fill(self, batch: ClipBatch, row: int, place: Place) -> None:
        """Read a clip into a row; the row is written only after everything was read."""
        sample = self.samples[place.sample]
        frames = self.config.frames
        start = self._start(place, sample)
        neutral = self.config.condition == "neutral"
        clip = self.cache.window(
            self.reader, sample, start, frames, extras=(NEUTRAL_MEMBER,) if neutral else ()
        )
        before_S = self._speech_before(place)
        own_S = self._levelled(clip.audio_S)
        speech = [(batch.speech_BS, self._cut(before_S, own_S, start))]
        if batch.preceding_BS is not None and len(before_S):
            length = frames + 2 * self.config.speech_margin_frames
            speech.append((batch.preceding_BS, self._cut(before_S, own_S, start - length)))
        if batch.other_speech_BS is not None:
            speech.append((batch.other_speech_BS, self._other_speech(place, before_S=before_S)))
        if batch.babble_BS is not None:
            speech.append((batch.babble_BS, self._babble(place)))
        image_HWC = clip.neutral_HWC if neutral else clip.video_THWC[0]
        assert image_HWC is not None  # clips without a still were left out

        batch.video_BTCHW[row] = torch.from_numpy(clip.video_THWC).permute(0, 3, 1, 2)
        batch.condition_BCHW[row] = torch.from_numpy(image_HWC).permute(2, 0, 1)
        for rows_BS, speech_S in speech:
            rows_BS[row] = torch.from_numpy(speech_S)
        if batch.preceded_B is not None:
            batch.preceded_B[row] = bool(len(before_S))
        batch.landmarks_BTLP[row] = torch.from_numpy(clip.landmarks_TLP)
        known = sample.emotion is not None
        batch.emotion_B[row] = self.emotions.index(sample.emotion) if known else UNKNOWN_EMOTION
        batch.intensity_B[row] = 1.0 if sample.intensity is None or not known else sample.intensity
        batch.valid_B[row] = True

    def _start(self, place: Place, sample: Sample) -> int:
        draw = (self.seed, place.epoch, place.repeat, sample.key)
        return window_start(*draw, clip=sample.frames, window=self.config.frames)

    def _levelled(self, audio_S: Floats) -> Floats:
        return normalise_level(audio_S, self.config.speech_level)

    def _cut(self, before_S: Floats, audio_S: Floats, start: int) -> Floats:
        """Return the window from frame `start` of a clip's sound, heard after `before_S`."""
        margin_frames = self.config.speech_margin_frames
        frames = self.config.frames
        heard_S = np.concatenate([before_S, audio_S])
        begin = len(before_S) // SAMPLES_PER_FRAME + start
        return cut_speech(heard_S, start=begin, frames=frames, margin_frames=margin_frames)

    def _speech_before(self, place: Place) -> Floats:
        """Return the whole speech of a clip that is heard before this one, or none, as drawn."""
        key = self.samples.key(place.sample)
        share = self.config.preceding_speech
        if (
            share == 0
            or numpy_generator(self.seed, "preceded", place.number, key).random() >= share
        ):
            return NOTHING
        return self._speech_of(self._other(place, "preceding-speech"), key)

    def _other_speech(
        self, place: Place, purpose: str = "other-speech", before_S: Floats = NOTHING
    ) -> Floats:
        """Return a window of another clip's speech, both drawn by the place's key.

        `before_S` is heard before that clip: as before the own one, or its absence would tell them
        apart.
        """
        other = self._other(place, purpose)
        draw = (self.seed, place.number, 0, f"{purpose} {other.key}")
        start = window_start(*draw, clip=other.frames, window=self.config.frames)
        other_S = self._speech_of(other, self.samples.key(place.sample))
        return self._cut(before_S, other_S, start)

    def _other(self, place: Place, purpose: str) -> Sample:
        """Return another clip, drawn by the purpose and the place's key."""
        draw = (self.seed, purpose, place.number, self.samples.key(place.sample))
        return self.samples[other_clip(*draw, own=place.sample, clips=len(self.samples))]

    def _speech_of(self, other: Sample, key: str) -> Floats:
        """Return another clip's whole speech, for the clip of this key."""
        try:
            return self._levelled(read_speech(self.reader, other))
        except DataFault as fault:
            raise DataFault(f"{key} misses another clip's speech: {fault}") from fault

    def _babble(self, place: Place) -> Floats:
        """Return the sum of several other clips' speech."""
        voices = range(self.config.babble_voices)
        spoken = [self._other_speech(place, f"babble-{voice}") for voice in voices]
        total: Floats = np.stack(spoken).sum(axis=0, dtype=np.float32)
        return total


def _parts(config: DataConfig, clips: int) -> dict[str, tuple[tuple[int, ...], torch.dtype]]:
    """Return name -> shape and type of a batch's tensors, the wider types first."""
    frames = config.frames
    samples = (frames + 2 * config.speech_margin_frames) * SAMPLES_PER_FRAME
    speech = ["speech_BS"]
    speech += ["other_speech_BS"] * config.other_speech + ["babble_BS"] * (config.babble_voices > 0)
    preceded = config.preceding_speech > 0
    speech += ["preceding_BS"] * preceded
    return {
        "emotion_B": ((clips,), torch.int64),
        "intensity_B": ((clips,), torch.float32),
        "landmarks_BTLP": ((clips, frames, LANDMARKS, 2), torch.float32),
        **dict.fromkeys(speech, ((clips, samples), torch.float32)),
        "condition_BCHW": ((clips, 3, SIZE, SIZE), torch.uint8),
        "video_BTCHW": ((clips, frames, 3, SIZE, SIZE), torch.uint8),
        "valid_B": ((clips,), torch.bool),
        **({"preceded_B": ((clips,), torch.bool)} if preceded else {}),
    }
