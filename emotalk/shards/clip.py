"""From the bytes of a sample's members to checked arrays: a whole clip, or a window of it.

The members pass through webdataset's decoder with handlers of our own and none of its default ones,
which would unpickle what a shard calls `.pyd` or `.pth`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from webdataset.autodecode import Decoder, DecodingError, handle_extension

from emotalk.files.small_files import parse_json
from emotalk.media.decode import (
    MemberFault,
    check_video,
    decode_audio,
    decode_image,
    decode_video_window,
)
from emotalk.media.npy import UnfitArray, read_npy
from emotalk.printable import shown
from emotalk.schema import LANDMARKS, SAMPLES_PER_FRAME, Bytes, Floats
from emotalk.shards.manifest import (
    AUDIO_MEMBERS,
    JSON_MEMBER,
    LANDMARKS_MEMBER,
    NEUTRAL_MEMBER,
    VIDEO_MEMBERS,
)
from emotalk.shards.shard_set import DataFault, Sample, SampleReader

FURTHEST_PX = 1e5  # of a landmark from the crop: a head that leaves the picture stays below


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
        _check_landmarks(sample, landmarks_TLP)
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
        return _sound(sample, raw[name])
    except MemberFault as fault:
        raise _fault(reader, sample, f"member {name}: {fault}") from fault


def read_facts(reader: SampleReader, sample: Sample) -> dict[str, Any]:
    """Return what the corpus says of a sample; empty where the sample has no JSON.

    Raises:
        DataFault: it is not a JSON object, or the tar is not the one the index describes.
    """
    if JSON_MEMBER not in sample.members:
        return {}
    raw = reader.read(sample, (JSON_MEMBER,))
    try:
        return _mapping(raw[JSON_MEMBER])
    except MemberFault as fault:
        raise _fault(reader, sample, f"member {JSON_MEMBER}: {fault}") from fault


def member_faults(reader: SampleReader, sample: Sample) -> list[str]:
    """Return what is wrong with a sample, a line for each member; empty if every one is right.

    Every member is decoded by what the loader decodes it with, the whole video in the memory of one
    frame.
    """
    faults = [f"lacks {what}" for what in lacking_members(sample)]
    if not sample.members:
        return faults
    try:
        raw = reader.read(sample, sample.members)
    except DataFault as fault:
        return [*faults, str(fault)]
    for name, check in _checks(sample).items():
        if name not in raw:
            continue
        try:
            check(raw[name])
        except MemberFault as fault:
            faults.append(f"member {name}: {fault}")
    return faults


def _checks(sample: Sample) -> dict[str, Callable[[bytes], object]]:
    """Return the check of each member that the format knows; further ones are a later version's."""
    video = partial(check_video, frames=sample.frames)
    checks: dict[str, Callable[[bytes], object]] = dict.fromkeys(VIDEO_MEMBERS, video)
    checks |= dict.fromkeys(AUDIO_MEMBERS, lambda data: _sound(sample, data))
    checks[LANDMARKS_MEMBER] = lambda data: _check_landmarks(sample, _array(data))
    checks[NEUTRAL_MEMBER] = decode_image
    checks[JSON_MEMBER] = lambda data: _check_facts(sample, _mapping(data))
    return checks


def _check_facts(sample: Sample, facts: Mapping[str, Any]) -> None:
    frames = facts.get("frames")
    if frames != sample.frames:
        raise MemberFault(f"says {shown(frames)} frames, the index says {sample.frames} frames")


def _decoder(sample: Sample, start: int, frames: int) -> Any:
    window = partial(decode_video_window, start=start, frames=frames)
    sound = partial(_sound, sample)
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
    try:
        return read_npy(data)
    except UnfitArray as error:
        raise MemberFault(str(error)) from error


def _mapping(data: bytes) -> dict[str, Any]:
    try:
        tree = parse_json(data)
    except ValueError as error:
        raise MemberFault(f"not valid JSON: {error}") from error
    if not isinstance(tree, dict):
        raise MemberFault(f"a JSON {type(tree).__name__}, expected an object")
    return tree


def _sound(sample: Sample, data: bytes) -> Floats:
    audio_S = decode_audio(data, sample.frames * SAMPLES_PER_FRAME)
    _check_finite("sound", audio_S)
    return audio_S


def _check_landmarks(sample: Sample, landmarks_TLP: Floats) -> None:
    if landmarks_TLP.shape != (sample.frames, LANDMARKS, 2):
        raise MemberFault(f"landmarks {landmarks_TLP.shape}, the index says {sample.frames} frames")
    _check_finite("landmarks", landmarks_TLP)
    furthest = float(np.abs(landmarks_TLP).max())
    if furthest > FURTHEST_PX:
        raise MemberFault(f"landmarks: {furthest:.3g} px from the crop, at most {FURTHEST_PX:g}")


def _check_finite(name: str, numbers: Floats) -> None:
    if not np.isfinite(numbers).all():
        raise MemberFault(f"{name}: there are values that are not finite numbers")


def _fault(reader: SampleReader, sample: Sample, what: str) -> DataFault:
    shard = reader.shard_set.manifest.shards[sample.shard].file
    return DataFault(
        f"{reader.shard_set.location}/{shard}, sample {sample.key}: {what}; check the set with "
        "`emotalk inspect`, or go on without it: data.on_fault=skip"
    )
