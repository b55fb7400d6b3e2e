"""From the bytes of a sample's members to checked arrays: a whole clip, or a window of it.

The members pass through webdataset's decoder with handlers of our own and none of its default ones,
which would unpickle what a shard calls `.pyd` or `.pth`.
"""

import json
import re
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from webdataset.autodecode import Decoder, DecodingError, handle_extension

from emotalk.data.manifest import (
    AUDIO_MEMBERS,
    JSON_MEMBER,
    LANDMARKS_MEMBER,
    NEUTRAL_MEMBER,
    VIDEO_MEMBERS,
)
from emotalk.data.shards import DataFault, Sample, SampleReader
from emotalk.media.window import MemberFault, decode_audio, decode_image, decode_video_window
from emotalk.schema import LANDMARKS, SAMPLES_PER_FRAME, Bytes, Floats

# A .npy file of real numbers as numpy writes it: magic, version 1.0, length of the header, header.
# Read by this pattern rather than by numpy, which evaluates the header as Python text.
NPY = re.compile(
    rb"\x93NUMPY\x01\x00..\{'descr': '([<>]f[248])', 'fortran_order': (True|False), "
    rb"'shape': \(((?:\d{1,9},? ?)*)\), \} *\n",
    re.DOTALL,
)


@dataclass(frozen=True)
class Clip:
    """A clip, or a window of one: T frames of video and landmarks, always the whole sound.

    Attributes:
        key: the sample's name.
        actor: who is seen.
        emotion: an emotion's name.
        intensity: in [0, 1], or None if unknown.
        video_THWC: uint8 RGB.
        audio_S: float32 in [-1, 1] at 8 kHz as stored, 320 samples for each frame of the clip.
        landmarks_TLP: float32 (x, y) in crop pixels.
        neutral_HWC: uint8 RGB still of the same actor, or None if there is none or not asked for.
        json: what the corpus says besides; empty if not asked for.
    """

    key: str
    actor: str
    emotion: str
    intensity: float | None
    video_THWC: Bytes
    audio_S: Floats
    landmarks_TLP: Floats
    neutral_HWC: Bytes | None
    json: dict[str, Any]


def member_of(sample: Sample, names: tuple[str, ...]) -> str | None:
    """Return the first of `names` that the sample has."""
    return next((name for name in names if name in sample.members), None)


def lacking_members(sample: Sample) -> list[str]:
    """Return what every sample must have and this one has not, in words."""
    needed = {"video": VIDEO_MEMBERS, "sound": AUDIO_MEMBERS, "landmarks": (LANDMARKS_MEMBER,)}
    return [
        f"{what} ({' or '.join(names)})"
        for what, names in needed.items()
        if member_of(sample, names) is None
    ]


def read_window(
    reader: SampleReader, sample: Sample, *, start: int, frames: int, extras: tuple[str, ...]
) -> Clip:
    """Return frames `start` .. `start + frames - 1` of a sample.

    Args:
        reader: of the shard set.
        sample: which.
        start: first frame.
        frames: how many.
        extras: members wanted besides video, sound and landmarks, if the sample has them.

    Raises:
        DataFault: a member is missing, cannot be decoded or does not have the promised shape.
    """
    video, audio = member_of(sample, VIDEO_MEMBERS), member_of(sample, AUDIO_MEMBERS)
    if video is None or audio is None or LANDMARKS_MEMBER not in sample.members:
        raise _fault(reader, sample, f"lacks {', '.join(lacking_members(sample))}")
    wanted = (video, audio, LANDMARKS_MEMBER, *(name for name in extras if name in sample.members))
    raw = reader.read(sample, wanted)
    try:
        found = _decoder(sample, start, frames).decode(raw)
        landmarks_TLP = found[LANDMARKS_MEMBER]
        _check(sample, found[audio], landmarks_TLP)
    except MemberFault as fault:
        raise _fault(reader, sample, str(fault)) from fault
    except DecodingError as error:
        if not isinstance(error.__cause__, MemberFault):
            raise
        raise _fault(reader, sample, f"member {error.k}: {error.__cause__}") from error
    return Clip(
        sample.key,
        sample.actor,
        sample.emotion,
        sample.intensity,
        found[video],
        found[audio],
        landmarks_TLP[start : start + frames],
        found.get(NEUTRAL_MEMBER),
        found.get(JSON_MEMBER, {}),
    )


def read_speech(reader: SampleReader, sample: Sample) -> Floats:
    """Return a sample's whole sound as stored: float32 in [-1, 1] at 8 kHz, (S,).

    Raises:
        DataFault: it is missing, cannot be decoded or is not as long as promised.
    """
    name = member_of(sample, AUDIO_MEMBERS)
    if name is None:
        raise _fault(reader, sample, f"lacks {', '.join(lacking_members(sample))}")
    raw = reader.read(sample, (name,))
    try:
        audio_S = decode_audio(raw[name], sample.frames * SAMPLES_PER_FRAME)
        _check_finite("sound", audio_S)
    except MemberFault as fault:
        raise _fault(reader, sample, f"member {name}: {fault}") from fault
    return audio_S


def _decoder(sample: Sample, start: int, frames: int) -> Any:
    window = partial(decode_video_window, start=start, frames=frames)
    sound = partial(decode_audio, samples=sample.frames * SAMPLES_PER_FRAME)
    handlers = [
        handle_extension(" ".join(VIDEO_MEMBERS), window),
        handle_extension(" ".join(AUDIO_MEMBERS), sound),
        handle_extension(LANDMARKS_MEMBER, _array),
        handle_extension(NEUTRAL_MEMBER, decode_image),
        handle_extension(JSON_MEMBER, _mapping),
    ]
    return Decoder(handlers, pre=[], post=[])


def _array(data: bytes) -> Floats:
    """Return the numbers of a .npy file as float32."""
    header = NPY.match(data)
    if header is None:
        raise MemberFault("not an array file of real numbers as numpy writes it")
    dtype, turned, sizes = header.groups()
    shape = tuple(int(size) for size in sizes.replace(b",", b" ").split())
    try:
        flat = np.frombuffer(data, dtype.decode(), offset=header.end())
        array = flat.reshape(shape, order="F" if turned == b"True" else "C")
    except ValueError as error:
        raise MemberFault(f"the array file is not as its header says: {error}") from error
    return np.array(array, np.float32)  # a copy, because the bytes cannot be written to


def _mapping(data: bytes) -> dict[str, Any]:
    try:
        tree = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise MemberFault(f"not valid JSON: {error}") from error
    if not isinstance(tree, dict):
        raise MemberFault(f"a JSON {type(tree).__name__}, expected an object")
    return tree


def _check(sample: Sample, audio_S: Floats, landmarks_TLP: Floats) -> None:
    if landmarks_TLP.shape != (sample.frames, LANDMARKS, 2):
        raise MemberFault(f"landmarks {landmarks_TLP.shape}, the index says {sample.frames} frames")
    _check_finite("sound", audio_S)
    _check_finite("landmarks", landmarks_TLP)


def _check_finite(name: str, numbers: Floats) -> None:
    if not np.isfinite(numbers).all():
        raise MemberFault(f"{name}: there are values that are not finite numbers")


def _fault(reader: SampleReader, sample: Sample, what: str) -> DataFault:
    shard = reader.shard_set.manifest.shards[sample.shard].file
    return DataFault(
        f"{reader.shard_set.location}/{shard}, sample {sample.key}: {what}; check the set with "
        "`emotalk inspect`, or go on without it: data.on_fault=skip"
    )
