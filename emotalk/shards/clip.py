"""Decode a sample's members to checked arrays: a whole clip, or a window of it."""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeAlias

import numpy as np

from emotalk.files.small_files import parse_json
from emotalk.media.decode import (
    MemberFault,
    check_video,
    decode_audio,
    decode_image,
    decode_video_window,
)
from emotalk.media.npy import UnfitArray, read_npy
from emotalk.printable import quoted
from emotalk.schema import LANDMARKS, SAMPLES_PER_FRAME, Bytes, Floats
from emotalk.shards.names import (
    AUDIO_MEMBERS,
    JSON_MEMBER,
    LANDMARKS_MEMBER,
    NEUTRAL_MEMBER,
    VIDEO_MEMBERS,
)
from emotalk.shards.reader import DataFault, SampleReader
from emotalk.shards.sample_table import Sample

FURTHEST_PX = 1e5  # of a landmark from the crop: a head that leaves the picture stays below

Decoders: TypeAlias = dict[str, Callable[[bytes], Any]]
"""Suffix of a member -> its decoder, which raises `MemberFault`."""


@dataclass(frozen=True)
class Clip:
    """A clip, or a window of one: T frames of video and landmarks, always the whole sound."""

    key: str
    actor: str
    emotion: str | None  # None if unknown
    intensity: float | None  # in [0, 1], or None if unknown
    video_THWC: Bytes  # uint8 RGB
    audio_S: Floats  # float32 in [-1, 1] at 8 kHz as stored, 320 samples for each frame of the clip
    landmarks_TLP: Floats  # float32 (x, y) in crop pixels
    neutral_HWC: Bytes | None  # uint8 RGB still of the actor; None if missing or not requested
    json: dict[str, Any]  # further facts of the corpus; empty if not requested


def member_of(members: Collection[str], names: tuple[str, ...]) -> str | None:
    """Return the first of `names` that is among the suffixes of a sample's members."""
    return next((name for name in names if name in members), None)


def missing_members(members: Collection[str]) -> list[str]:
    """Return in words which of the members that every sample must have are missing."""
    needed = {"video": VIDEO_MEMBERS, "sound": AUDIO_MEMBERS, "landmarks": (LANDMARKS_MEMBER,)}
    return [
        f"{what} ({' or '.join(names)})"
        for what, names in needed.items()
        if member_of(members, names) is None
    ]


def read_window(
    reader: SampleReader, sample: Sample, *, start: int, frames: int, extras: tuple[str, ...]
) -> Clip:
    """Return frames `start` .. `start + frames - 1` of a sample, and `extras` if it has them.

    Raises:
        DataFault: a member is missing, cannot be decoded or does not have the promised shape.
    """
    video = member_of(sample.members, VIDEO_MEMBERS)
    audio = member_of(sample.members, AUDIO_MEMBERS)
    if video is None or audio is None or LANDMARKS_MEMBER not in sample.members:
        raise reader.fault(sample, f"lacks {', '.join(missing_members(sample.members))}")
    names = (video, audio, LANDMARKS_MEMBER, *(name for name in extras if name in sample.members))
    window = {video: partial(decode_video_window, start=start, frames=frames)}
    found = _read(reader, sample, names, _decoders(sample) | window)
    return Clip(
        sample.key,
        sample.actor,
        sample.emotion,
        sample.intensity,
        found[video],
        found[audio],
        found[LANDMARKS_MEMBER][start : start + frames],
        found.get(NEUTRAL_MEMBER),
        found.get(JSON_MEMBER, {}),
    )


def read_speech(reader: SampleReader, sample: Sample) -> Floats:
    """Return a sample's whole sound as stored: float32 in [-1, 1] at 8 kHz, (S,).

    Raises:
        DataFault: it is missing, cannot be decoded or is not as long as promised.
    """
    name = member_of(sample.members, AUDIO_MEMBERS)
    if name is None:
        raise reader.fault(sample, f"lacks {', '.join(missing_members(sample.members))}")
    audio_S: Floats = _read(reader, sample, (name,), _decoders(sample))[name]
    return audio_S


def read_landmarks(reader: SampleReader, sample: Sample) -> Floats:
    """Return a sample's landmarks: float32 (x, y) in crop pixels, (T, 68, 2).

    Raises:
        DataFault: they cannot be decoded or do not have the promised shape.
    """
    found = _read(reader, sample, (LANDMARKS_MEMBER,), _decoders(sample))
    landmarks_TLP: Floats = found[LANDMARKS_MEMBER]
    return landmarks_TLP


def read_facts(reader: SampleReader, sample: Sample) -> dict[str, Any]:
    """Return a sample's JSON; empty where the sample has none.

    Raises:
        DataFault: it is not a JSON object, or the tar is not the one the index describes.
    """
    if JSON_MEMBER not in sample.members:
        return {}
    facts: dict[str, Any] = _read(reader, sample, (JSON_MEMBER,), _decoders(sample))[JSON_MEMBER]
    return facts


def member_faults(reader: SampleReader, sample: Sample) -> list[str]:
    """Return the faults of a sample, a line for each member; empty if there is none.

    Every member is decoded as the loader decodes it, the whole video in the memory of one frame.
    """
    faults = [f"lacks {what}" for what in missing_members(sample.members)]
    if not sample.members:
        return faults
    try:
        raw = reader.read(sample, sample.members)
    except DataFault as fault:
        return [*faults, str(fault)]
    checks = _decoders(sample)
    checks |= dict.fromkeys(VIDEO_MEMBERS, partial(check_video, frames=sample.frames))
    checks[JSON_MEMBER] = lambda data: _check_facts(sample, _decode_json(data))
    for name, check in checks.items():  # members of later versions are not checked
        if name not in raw:
            continue
        try:
            check(raw[name])
        except MemberFault as fault:
            faults.append(f"member {name}: {fault}")
    return faults


def _decoders(sample: Sample) -> Decoders:
    """Return the decoders of all members but the video."""
    return {
        **dict.fromkeys(AUDIO_MEMBERS, partial(_decode_speech, sample)),
        LANDMARKS_MEMBER: partial(_decode_landmarks, sample),
        NEUTRAL_MEMBER: decode_image,
        JSON_MEMBER: _decode_json,
    }


def _read(
    reader: SampleReader, sample: Sample, names: Iterable[str], decoders: Decoders
) -> dict[str, Any]:
    """Return the named members, decoded.

    Raises:
        DataFault: one cannot be read or decoded.
    """
    found = {}
    for name, data in reader.read(sample, names).items():
        try:
            found[name] = decoders.get(name, bytes)(data)  # others stay bytes
        except MemberFault as fault:
            raise reader.fault(sample, f"member {name}: {fault}") from fault
    return found


def _check_facts(sample: Sample, facts: Mapping[str, Any]) -> None:
    frames = facts.get("frames")
    if frames != sample.frames:
        raise MemberFault(f"says {quoted(frames)} frames, the index says {sample.frames} frames")


def _decode_json(data: bytes) -> dict[str, Any]:
    try:
        tree = parse_json(data)
    except ValueError as error:
        raise MemberFault(f"not valid JSON: {error}") from error
    if not isinstance(tree, dict):
        raise MemberFault(f"a JSON {type(tree).__name__}, expected an object")
    return tree


def _decode_speech(sample: Sample, data: bytes) -> Floats:
    audio_S = decode_audio(data, sample.frames * SAMPLES_PER_FRAME)
    _check_finite("sound", audio_S)
    return audio_S


def _decode_landmarks(sample: Sample, data: bytes) -> Floats:
    try:
        landmarks_TLP = read_npy(data)
    except UnfitArray as error:
        raise MemberFault(str(error)) from error
    if landmarks_TLP.shape != (sample.frames, LANDMARKS, 2):
        raise MemberFault(f"landmarks {landmarks_TLP.shape}, the index says {sample.frames} frames")
    _check_finite("landmarks", landmarks_TLP)
    furthest = float(np.abs(landmarks_TLP).max())
    if furthest > FURTHEST_PX:
        raise MemberFault(f"landmarks: {furthest:.3g} px from the crop, at most {FURTHEST_PX:g}")
    return landmarks_TLP


def _check_finite(name: str, numbers: Floats) -> None:
    if not np.isfinite(numbers).all():
        raise MemberFault(f"{name}: there are values that are not finite numbers")
