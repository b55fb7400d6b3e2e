"""Which clips are evaluated, and what is read of them."""

import io
import json
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from emotalk.data.manifest import (
    AUDIO_MEMBERS,
    JSON_MEMBER,
    LANDMARKS_MEMBER,
    NEUTRAL_MEMBER,
    VIDEO_MEMBERS,
)
from emotalk.data.shards import Sample, SampleReader
from emotalk.draws import draw_seed
from emotalk.media.window import (
    MemberFault,
    decode_audio,
    decode_image,
    decode_video_window,
)
from emotalk.schema import SAMPLES_PER_FRAME, Bytes, Floats


@dataclass(frozen=True)
class TrueClip:
    """One clip of the shard set, whole.

    Attributes:
        key, actor, emotion, intensity: as in its index.
        sentence: what is said; the key itself where the corpus does not say.
        frames_THWC: uint8 RGB 128 x 128.
        speech_S: mono float at 8 kHz, T * 320 samples.
        landmarks_TLP: as the ETL found them, pixels.
        neutral_HWC: the actor's neutral still; None where there is none.
    """

    key: str
    actor: str
    emotion: str
    intensity: float | None
    sentence: str
    frames_THWC: Bytes
    speech_S: Floats
    landmarks_TLP: Floats
    neutral_HWC: Bytes | None


def choose_clips(samples: Sequence[Sample], count: int, *, seed: int) -> list[Sample]:
    """Return `count` samples (0: all) spread over actors and emotions, in the order of their keys.

    Every emotion comes once with another actor before any comes twice with the same; which of an
    actor's clips is taken is a keyed draw, so the same arguments give the same clips.
    """
    actors = sorted({sample.actor for sample in samples})
    emotions = sorted({sample.emotion for sample in samples})
    cells: dict[tuple[int, int], list[Sample]] = {}
    for sample in sorted(samples, key=lambda s: draw_seed(seed, "evaluated clip", s.key)):
        cell = (actors.index(sample.actor), emotions.index(sample.emotion))
        cells.setdefault(cell, []).append(sample)
    places = {
        sample.key: (turn, (actor - emotion) % len(actors), emotion)
        for (actor, emotion), cell in cells.items()
        for turn, sample in enumerate(cell)
    }
    chosen = sorted(samples, key=lambda sample: places[sample.key])[: count or None]
    return sorted(chosen, key=lambda sample: sample.key)


def read_clip(reader: SampleReader, sample: Sample) -> TrueClip:
    """Return the whole clip of a sample.

    Raises:
        MemberFault: a member is missing, broken, or as long as another than the video.
        DataFault: the tar is not the one the index describes.
    """
    audio = _member(sample, AUDIO_MEMBERS)
    video = _member(sample, VIDEO_MEMBERS)
    wanted = {audio, video, _member(sample, (LANDMARKS_MEMBER,)), _member(sample, (JSON_MEMBER,))}
    has_still = NEUTRAL_MEMBER in sample.members
    data = reader.read(sample, [*wanted, NEUTRAL_MEMBER] if has_still else wanted)
    landmarks = np.load(io.BytesIO(data[LANDMARKS_MEMBER]), allow_pickle=False)
    if landmarks.shape != (sample.frames, 68, 2):
        raise MemberFault(f"landmarks {landmarks.shape}, expected ({sample.frames}, 68, 2)")
    return TrueClip(
        key=sample.key,
        actor=sample.actor,
        emotion=sample.emotion,
        intensity=sample.intensity,
        sentence=_sentence(data[JSON_MEMBER], sample.key),
        frames_THWC=decode_video_window(data[video], 0, sample.frames),
        speech_S=_as_long_as(decode_audio(data[audio]), sample.frames),
        landmarks_TLP=landmarks.astype(np.float32),
        neutral_HWC=decode_image(data[NEUTRAL_MEMBER]) if has_still else None,
    )


def read_sentence(reader: SampleReader, sample: Sample) -> str:
    """Return what is said in a clip, or its key where the corpus does not say."""
    return _sentence(reader.read(sample, [JSON_MEMBER])[JSON_MEMBER], sample.key)


def read_speech_of(reader: SampleReader, sample: Sample) -> Floats:
    """Return the speech of a clip alone, T * 320 samples."""
    member = _member(sample, AUDIO_MEMBERS)
    return _as_long_as(decode_audio(reader.read(sample, [member])[member]), sample.frames)


def _member(sample: Sample, names: Sequence[str]) -> str:
    for name in names:
        if name in sample.members:
            return name
    raise MemberFault(f"no member {' or '.join(names)}; it has {', '.join(sorted(sample.members))}")


def _sentence(data: bytes, key: str) -> str:
    facts = json.loads(data)
    extra = facts.get("extra") or {}
    return str(facts.get("sentence") or extra.get("sentence") or key)


def _as_long_as(speech_S: Floats, frames: int) -> Floats:
    """Return the speech cut to the frames; a shortage of a frame or more is a fault."""
    wanted = frames * SAMPLES_PER_FRAME
    if len(speech_S) <= wanted - SAMPLES_PER_FRAME:
        raise MemberFault(f"{len(speech_S)} samples of sound for {frames} frames")
    return np.pad(speech_S[:wanted], (0, max(0, wanted - len(speech_S))))
