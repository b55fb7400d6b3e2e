"""The members of a sample as bytes, the same bytes for the same sample every time."""

import io
import json
from fractions import Fraction
from typing import Any

import numpy as np

from emotalk.config.etl import EtlConfig, VideoMemberConfig
from emotalk.media.encode import encode_video
from emotalk.media.flac import flac_bytes
from emotalk.media.png import png_bytes
from emotalk.schema import FPS, NEUTRAL, AlignedSample, Bytes, ClipLabel, Doubles, Floats

STILL = "still.png"
"""First crop of a neutral clip, kept between the halves of the job for those it lends it to."""
NEUTRAL_STILL = "neutral.png"
JSON = "json"
MADE_FACTS = ("corpus", "frames", "transform", "transforms", "source_sha256", "neutral")
"""Content of KEY.json beside the label."""


def members_of(sample: AlignedSample, config: EtlConfig) -> dict[str, bytes]:
    """Return the members that a clip gives by itself; of a neutral one also the still it lends."""
    members = {
        "mp4": video_member(sample.frames_THWC, config.video),
        "flac": flac_bytes(sample.audio_S),
        "landmarks.npy": landmarks_member(sample.landmarks_TLP),
        JSON: json_member(facts_of(sample, config.corpus)),
    }
    if sample.label.emotion == NEUTRAL:
        members[STILL] = png_bytes(sample.frames_THWC[0])
    return members


def video_member(frames_THWC: Bytes, config: VideoMemberConfig) -> bytes:
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


def landmarks_member(landmarks_TLP: Floats) -> bytes:
    """Return the landmarks as a .npy file of little-endian float32."""
    target = io.BytesIO()
    np.save(target, np.ascontiguousarray(landmarks_TLP, "<f4"), allow_pickle=False)
    return target.getvalue()


def json_member(facts: dict[str, Any]) -> bytes:
    """Return facts as JSON with sorted keys."""
    return (json.dumps(facts, sort_keys=True, ensure_ascii=False) + "\n").encode()


def facts_of(sample: AlignedSample, corpus: str) -> dict[str, Any]:
    """Return what KEY.json says of a sample, but for its neutral still."""
    return {
        "corpus": corpus,
        "frames": len(sample.frames_THWC),
        "transforms" if len(sample.transforms) > 1 else "transform": _rounded(sample.transforms),
        "source_sha256": sample.source_sha256,
        **facts_of_label(sample.label),
    }


def facts_of_label(label: ClipLabel) -> dict[str, Any]:
    """Return what KEY.json says of a sample without its file having been opened."""
    return {
        "clip": label.clip,
        "actor": label.actor,
        "emotion": label.emotion,
        "intensity": label.intensity,
        **label.extra,
    }


def _rounded(transforms: Doubles) -> list[Any]:
    """Return one 2x3 transform, or the list of those of all frames."""
    rounded: list[Any] = np.round(transforms, 9).tolist()
    return rounded if len(rounded) > 1 else rounded[0]
