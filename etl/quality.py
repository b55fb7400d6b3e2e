"""Which clips are good enough: each rule names its reason, the value met, the limit, the advice."""

import math
from collections.abc import Sequence

import numpy as np

from emotalk.config.etl import QualityConfig
from emotalk.faces.landmarks import FaceLandmarks
from emotalk.schema import Floats, Rejection

SHOWN = 5


def check_length(seconds: float, limits: QualityConfig) -> None:
    """Reject clips that are too short or too long.

    Raises:
        Rejection: `too_short`, `too_long`.
    """
    if seconds < limits.min_seconds:
        raise Rejection(
            "too_short", f"{seconds:.2f} s, at least {limits.min_seconds:g} s (quality.min_seconds)"
        )
    if seconds > limits.max_seconds:
        raise Rejection(
            "too_long",
            f"{seconds:.2f} s, at most {limits.max_seconds:g} s; cut it into utterances or raise "
            "quality.max_seconds",
        )


def check_faces(found: Sequence[FaceLandmarks], limits: QualityConfig) -> None:
    """Reject clips in which a frame has no face, many have several, or the face is small.

    Raises:
        Rejection: `no_face`, `several_faces`, `small_face`.
    """
    missing = [index for index, face in enumerate(found) if face.landmarks_LP is None]
    if missing:
        raise Rejection(
            "no_face",
            f"no face in {len(missing)} of {len(found)} frames (first: "
            f"{', '.join(map(str, missing[:SHOWN]))}); every frame needs one: cut the clip",
        )
    crowded = sum(face.count > limits.max_faces for face in found)
    if crowded > limits.max_extra_faces_share * len(found):
        raise Rejection(
            "several_faces",
            f"more than {limits.max_faces} face in {crowded} of {len(found)} frames, at most "
            f"{limits.max_extra_faces_share:g} of them (quality.max_extra_faces_share)",
        )
    sides = [np.max(face.box[2:4] - face.box[:2]) for face in found if face.box is not None]
    if float(np.median(sides)) < limits.min_face_pixels:
        raise Rejection(
            "small_face",
            f"{np.median(sides):.0f} px, at least {limits.min_face_pixels:g} px "
            "(quality.min_face_pixels)",
        )


def check_loudness(audio_S: Floats, limits: QualityConfig) -> None:
    """Reject silence.

    Raises:
        Rejection: `silent`.
    """
    power = float(np.mean(np.square(audio_S, dtype=np.float64))) if audio_S.size else 0.0
    decibels = 10 * math.log10(power) if power > 0 else -math.inf
    if decibels < limits.min_loudness_db:
        raise Rejection(
            "silent",
            f"{decibels:.1f} dB of full scale, at least {limits.min_loudness_db:g} dB "
            "(quality.min_loudness_db)",
        )
