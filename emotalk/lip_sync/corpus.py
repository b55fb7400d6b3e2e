"""Read the lips and speech of shard sets, and cut the crops that the network is trained on."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Generator, Tensor

from emotalk.errors import WrongUse
from emotalk.lip_sync.augment import stretch
from emotalk.lip_sync.features import SPECTRA_PER_FRAME, lip_shapes, power_spectra
from emotalk.shards.clip import read_facts, read_landmarks, read_speech
from emotalk.shards.reader import SampleReader
from emotalk.shards.shard_set import ShardSet

SHORTEST = 70  # frames of a clip to train on
CROP_FRAMES = (40, 66)  # least and beyond the most
COMMON_FRAMES = 25  # least that a pair of crops has in common
STRETCHED_SHARE = 0.6
SLOWEST, FASTEST = 0.8, 1.3


@dataclass(frozen=True)
class TalkingClip:
    """The lips and speech of one person saying one sentence."""

    key: str
    person: str
    sentence: str
    lips_TLP: Tensor  # see `features.lip_shapes`
    power_JF: Tensor  # see `features.power_spectra`


@dataclass(frozen=True)
class Crops:
    """A batch of crops of lips and of speech, cut at different places of the same clips."""

    lips_BTLP: Tensor
    power_BJF: Tensor
    lag_B: Tensor  # frame of the speech crop at which the lip crop begins
    clip_B: Tensor  # number of the clip


def read_talking_clips(shard_set: ShardSet, split: str) -> Iterator[TalkingClip]:
    """Yield the clips of a shard set's split in order.

    The sentence is the `sentence` of a sample's JSON, where the corpus says it, or else its key.

    Raises:
        WrongUse: an index is missing or was changed.
        DataFault: a sample cannot be read.
    """
    reader = SampleReader(shard_set)
    for sample in shard_set.split(split).samples:
        yield TalkingClip(
            key=sample.key,
            person=sample.actor,
            sentence=str(read_facts(reader, sample).get("sentence", sample.key)),
            lips_TLP=lip_shapes(read_landmarks(reader, sample)),
            power_JF=power_spectra(read_speech(reader, sample)),
        )


def batches(clips: Sequence[TalkingClip], *, size: int, generator: Generator) -> Iterator[Crops]:
    """Yield batches of random crops without end.

    Raises:
        WrongUse: no clip is long enough.
    """
    long = [number for number, clip in enumerate(clips) if len(clip.lips_TLP) >= SHORTEST]
    if not long:
        raise WrongUse(f"no clip of {SHORTEST} frames or more to train on; give more shard sets")
    while True:
        drawn = torch.randint(len(long), (size,), generator=generator)
        frames, spoken = torch.randint(*CROP_FRAMES, (2,), generator=generator).tolist()
        crops = [_crop(clips[long[int(n)]], frames, spoken, generator) for n in drawn]
        lips, power, lag = zip(*crops, strict=True)
        yield Crops(torch.stack(lips), torch.stack(power), torch.tensor(lag), drawn)


def _crop(
    clip: TalkingClip, frames: int, spoken: int, generator: Generator
) -> tuple[Tensor, Tensor, int]:
    """Return a crop of the lips, one of the speech, and where in it the lips' begins.

    They begin at places of their own: with common borders the network would learn the borders.
    """
    lips_TLP, power_JF = clip.lips_TLP, clip.power_JF
    chance, place = torch.rand(2, generator=generator).tolist()
    if chance < STRETCHED_SHARE:
        stretched = stretch(lips_TLP, power_JF, SLOWEST + (FASTEST - SLOWEST) * place)
        if len(stretched[0]) >= max(frames, spoken):
            lips_TLP, power_JF = stretched
    begin = _whole_number(0, len(lips_TLP) - frames, generator)
    earliest = max(0, begin + COMMON_FRAMES - spoken)
    latest = min(len(lips_TLP) - spoken, begin + frames - COMMON_FRAMES)
    heard = _whole_number(earliest, latest, generator)
    speech_JF = power_JF[SPECTRA_PER_FRAME * heard : SPECTRA_PER_FRAME * (heard + spoken)]
    return lips_TLP[begin : begin + frames], speech_JF, begin - heard


def _whole_number(low: int, high: int, generator: Generator) -> int:
    return int(torch.randint(low, high + 1, (1,), generator=generator))
