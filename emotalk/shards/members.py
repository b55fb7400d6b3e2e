"""Encode a sample's members: the same bytes for the same sample every time."""

import io
import json
from collections.abc import Mapping
from fractions import Fraction
from typing import Any

import numpy as np

from emotalk.config.etl import VideoMemberConfig
from emotalk.media.encode import encode_video
from emotalk.media.lossless import flac_bytes
from emotalk.schema import FPS, AlignedSample, Bytes, ClipLabel, Doubles, Floats
from emotalk.shards.names import (
    AUDIO_MEMBERS,
    JSON_MEMBER,
    LANDMARKS_MEMBER,
    NEUTRAL_MEMBER,
    VIDEO_MEMBERS,
)
from emotalk.shards.record import json_bytes

OWN_MEMBERS = (VIDEO_MEMBERS[0], AUDIO_MEMBERS[0], LANDMARKS_MEMBER, JSON_MEMBER)
"""The members of `encode_members`, in its order."""
BESIDE_LABEL = (
    "corpus", "frames", "transform", "transforms", "source_sha256", "neutral", "words",
    "words_sha256", "sync",
)  # fmt: skip
"""Keys of a sample's JSON that are not part of its label."""


def encode_members(
    sample: AlignedSample, *, corpus: str, video: VideoMemberConfig
) -> dict[str, bytes]:
    """Return suffix -> bytes of a sample's members, without its neutral still."""
    facts = {
        "corpus": corpus,
        "frames": len(sample.frames_THWC),
        "transforms" if len(sample.transforms) > 1 else "transform": _rounded(sample.transforms),
        "source_sha256": sample.source_sha256,
        **label_facts(sample.label),
    }
    if sample.words is not None:
        facts["words"] = [word._asdict() for word in sample.words]
        facts["words_sha256"] = sample.words_sha256
    if sample.sync is not None:
        facts["sync"] = sample.sync._asdict()
    return {
        VIDEO_MEMBERS[0]: encode_crops(sample.frames_THWC, video),
        AUDIO_MEMBERS[0]: flac_bytes(sample.audio_S),
        LANDMARKS_MEMBER: _encode_landmarks(sample.landmarks_TLP),
        JSON_MEMBER: json_bytes(facts),
    }


def add_neutral(members: Mapping[str, bytes], still: bytes, *, clip: str) -> dict[str, bytes]:
    """Return the members with the neutral still of another clip, in the order of a tar."""
    facts = json.loads(members[JSON_MEMBER]) | {"neutral": clip}
    others = {name: data for name, data in members.items() if name != JSON_MEMBER}
    return {**others, NEUTRAL_MEMBER: still, JSON_MEMBER: json_bytes(facts)}


def remove_neutral(members: Mapping[str, bytes]) -> dict[str, bytes]:
    """Return the own members of a sample: those that `add_neutral` was given."""
    facts = json.loads(members[JSON_MEMBER])
    facts.pop("neutral", None)
    return {name: members[name] for name in OWN_MEMBERS} | {JSON_MEMBER: json_bytes(facts)}


def label_facts(label: ClipLabel) -> dict[str, Any]:
    """Return the part of a sample's JSON that is known before its clip is opened."""
    return {
        "clip": label.clip,
        "actor": label.actor,
        "emotion": label.emotion,
        "intensity": label.intensity,
        **label.extra,
    }


def has_label(facts: Mapping[str, Any], label: ClipLabel) -> bool:
    """Return whether a sample's JSON holds exactly this label."""
    stored = {name: value for name, value in facts.items() if name not in BESIDE_LABEL}
    return bool(stored == json.loads(json.dumps(label_facts(label))))


def encode_crops(frames_THWC: Bytes, config: VideoMemberConfig) -> bytes:
    """Return the crops as an MP4 at 25 fps."""
    options = {
        "crf": str(config.crf),
        "preset": config.preset,
        "tune": config.tune,
        "g": str(config.gop),
        "keyint_min": str(config.gop),
        "sc_threshold": "0",
        "bf": "0",
        "mbtree": "1",  # its bytes are the same every time where there are no B-frames
    }
    target = io.BytesIO()
    encode_video(
        target,
        frames_THWC,
        fps=Fraction(FPS),
        container="mp4",
        codec=config.codec,
        pixel_format=config.pixel_format,
        options=options,
    )
    return target.getvalue()


def _encode_landmarks(landmarks_TLP: Floats) -> bytes:
    """Return the landmarks as a .npy file of little-endian float32."""
    target = io.BytesIO()
    np.save(target, np.ascontiguousarray(landmarks_TLP, "<f4"), allow_pickle=False)
    return target.getvalue()


def _rounded(transforms: Doubles) -> list[Any]:
    """Return one 2x3 transform, or the list of those of all frames."""
    rounded: list[Any] = np.round(transforms, 9).tolist()
    return rounded if len(rounded) > 1 else rounded[0]
