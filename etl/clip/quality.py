"""Reject clips of low quality: each rule names its reason, the value and the limit."""

from collections.abc import Sequence
from dataclasses import replace

import cv2
import numpy as np
from cv2.typing import MatLike

from emotalk.config.etl import QualityConfig
from emotalk.faces.landmarks import FaceLandmarks
from emotalk.faces.plausible import NOSE_EYES_MOUTH, landmark_fault, template_error
from emotalk.media.loudness import loudness_db
from emotalk.schema import MOUTH, SIZE, Bytes, Doubles, Floats, Rejection
from etl.clip.still import face_motion

SHOWN = 5
SHORTEST_STILL_S = 1.2


def check_length(seconds: float, limits: QualityConfig) -> None:
    """Reject clips that are too short or too long.

    Raises:
        Rejection: `too_short`, `too_long`.
    """
    if seconds < limits.min_seconds:
        raise Rejection(
            "too_short",
            f"{seconds:.2f} s, at least {limits.min_seconds:g} s (quality.min_seconds)",
            measures={"seconds": seconds},
        )
    if seconds > limits.max_seconds:
        raise Rejection(
            "too_long",
            f"{seconds:.2f} s, at most {limits.max_seconds:g} s (quality.max_seconds)",
            measures={"seconds": seconds},
        )


def check_whole(promised_s: float | None, held_s: float, limits: QualityConfig) -> None:
    """Reject clips of which only the first part is present.

    A truncated file still plays up to the cut. The header of MP4, FLV, Matroska and AVI files gives
    the length; an MPEG stream has none.

    `promised_s` is the length by the header, None where it has none. `held_s` is the end of the
    later of picture and sound.

    Raises:
        Rejection: `truncated_video`.
    """
    if promised_s is not None and held_s < promised_s - limits.max_missing_s:
        raise Rejection(
            "truncated_video",
            f"picture and sound end at {held_s:.2f} s of the {promised_s:.2f} s that the header "
            f"says, at most {limits.max_missing_s:g} s early (quality.max_missing_s)",
        )


def check_gaps(silence_s: float, seconds: float, limits: QualityConfig) -> None:
    """Reject clips of `seconds` whose sound has too long gaps, which were filled with silence.

    Raises:
        Rejection: `audio_gaps`.
    """
    if silence_s > limits.max_gap_share * seconds:
        raise Rejection(
            "audio_gaps",
            f"{silence_s:.2f} s of the {seconds:.2f} s of sound are missing, at most "
            f"{limits.max_gap_share:g} of them (quality.max_gap_share)",
        )


def check_faces(found: Sequence[FaceLandmarks], *, covered: float, limits: QualityConfig) -> float:
    """Return the size of the face in pixels; reject clips without one, with several or a small one.

    The size is the longer side of the face's box in the median frame, NaN without boxes. Frames
    between two detections of one face count as showing one face too. `covered` is the share of the
    clip in the longest run of frames with a face.

    Raises:
        Rejection: `no_face`, `several_faces`, `small_face`.
    """
    missing = [index for index, face in enumerate(found) if face.landmarks_LP is None]
    if missing and (covered < limits.min_face_share or covered == 0):
        raise Rejection(
            "no_face",
            f"no face in {len(missing)} of {len(found)} frames (first: "
            f"{', '.join(map(str, missing[:SHOWN]))}); the longest stretch with one is "
            f"{covered:.2f} of the clip, at least {limits.min_face_share:g} "
            "(quality.min_face_share)",
        )
    crowded = sum(face.count > limits.max_faces for face in found)
    if crowded > limits.max_extra_faces_share * len(found):
        raise Rejection(
            "several_faces",
            f"more than {limits.max_faces} face in {crowded} of {len(found)} frames, at most "
            f"{limits.max_extra_faces_share:g} of them (quality.max_extra_faces_share)",
        )
    sides = [np.max(face.box[2:4] - face.box[:2]) for face in found if face.box is not None]
    pixels = float(np.median(sides))
    if pixels < limits.min_face_pixels:
        raise Rejection(
            "small_face",
            f"{pixels:.0f} px, at least {limits.min_face_pixels:g} px (quality.min_face_pixels)",
            measures={"face_pixels": pixels},
        )
    return pixels


def check_picture(
    crops: Sequence[Bytes],
    faces: Sequence[FaceLandmarks],
    size: tuple[int, int],
    limits: QualityConfig,
) -> float:
    """Return the sharpness; reject clips whose mouth is outside the picture, or that are blurred.

    The faces are of the same frames as the crops. They are in source pixels, as is `size`, the
    height and width.

    Raises:
        Rejection: `mouth_outside`, `blurred`.
    """
    inside = np.mean([_mouth_inside(face.landmarks_LP, size) for face in faces])
    if inside < limits.min_mouth_share:
        raise Rejection(
            "mouth_outside",
            f"the whole mouth lies inside the picture in {inside:.2f} of the frames, at least "
            f"{limits.min_mouth_share:g} (quality.min_mouth_share)",
        )
    sharp = float(np.median([sharpness(crop) for crop in crops]))
    if sharp < limits.min_sharpness:
        raise Rejection(
            "blurred",
            f"sharpness {sharp:.4f}, at least {limits.min_sharpness:g} (quality.min_sharpness)",
            measures={"sharpness": sharp},
        )
    return sharp


def check_landmarks(
    faces: Sequence[FaceLandmarks],
    size: tuple[int, int],
    limits: QualityConfig,
    *,
    looks: Sequence[FaceLandmarks] = (),
) -> dict[str, float]:
    """Return how far the landmarks are off; reject those not of a whole, upright, steady face.

    The result has their `landmark_error` in the first frame, in template pixels, and their
    `landmark_drift` in units of the face's size if it was measured. The landmarks of the first
    frame must have the shape of a face, since they fix the crop, and those of most others. `looks`
    are the frames in which the face was detected again: their majority decides whether the face is
    turned, the median of their drifts whether it is steady. `size` is the height and width of the
    source.

    Raises:
        Rejection: `bad_landmarks`.
    """
    bounds = {"max_error": limits.max_landmark_error, "max_drift": limits.max_landmark_drift}
    turned = sorted(face.quarter_turns for face in looks)
    drift = float(np.median([face.drift for face in looks])) if looks else None
    measures = {} if drift is None else {"landmark_drift": drift}
    typical = replace(
        faces[0],
        drift=drift,
        quarter_turns=turned[(len(turned) - 1) // 2] if turned else 0,
    )
    fault = landmark_fault(typical, size, **bounds)
    if fault is not None:
        raise Rejection("bad_landmarks", fault, measures=measures)
    single = (replace(face, drift=None, quarter_turns=0) for face in faces)
    faults = [landmark_fault(face, size, **bounds) for face in single]
    bad = [index for index, fault in enumerate(faults) if fault is not None]
    if len(bad) > limits.max_bad_landmarks_share * len(faces):
        raise Rejection(
            "bad_landmarks",
            f"in {len(bad)} of {len(faces)} frames, at most {limits.max_bad_landmarks_share:g} of "
            f"them (quality.max_bad_landmarks_share); frame {bad[0]}: {faults[bad[0]]}",
            measures=measures,
        )
    if faces[0].landmarks_LP is not None:
        measures["landmark_error"] = template_error(faces[0].landmarks_LP)
    return measures


def check_motion(
    crops: Sequence[Bytes], landmarks: Sequence[Floats], times_s: Doubles, limits: QualityConfig
) -> dict[str, float]:
    """Return the `face_motion`; reject stills, also those that are zoomed or panned.

    Clips of less than 1.2 s are accepted: a face may be at rest that long. The result is empty
    where motion is not looked at.

    Raises:
        Rejection: `still_picture`.
    """
    seconds = float(times_s[-1] - times_s[0])
    if limits.min_face_motion == 0 or seconds < SHORTEST_STILL_S:
        return {}
    moved = face_motion(crops, landmarks, (len(crops) - 1) / seconds)
    if moved < limits.min_face_motion:
        raise Rejection(
            "still_picture",
            f"parts of the face move by {moved:.2f} crop pixels relative to it, at least "
            f"{limits.min_face_motion:g} (quality.min_face_motion)",
            measures={"face_motion": moved},
        )
    return {"face_motion": moved}


def check_inside_crop(landmarks: Sequence[Floats], limits: QualityConfig) -> None:
    """Reject clips whose eyes, nose or mouth leave the crop that the first frame fixes.

    Raises:
        Rejection: `leaves_crop`.
    """
    core_TLP = np.stack(landmarks)[:, NOSE_EYES_MOUTH]
    inside = ((core_TLP > -0.5) & (core_TLP < SIZE - 0.5)).all((1, 2))
    if inside.mean() < limits.min_crop_share:
        raise Rejection(
            "leaves_crop",
            f"eyes, nose and mouth lie inside the crop in {inside.mean():.2f} of the frames, at "
            f"least {limits.min_crop_share:g} (quality.min_crop_share)",
        )


def sharpness(crop_HWC: Bytes) -> float:
    """Return the variance of a crop's Laplacian over the variance of its luma.

    Independent of light and contrast. Aligned faces in focus have 0.05 to 0.3, with a blur of two
    crop pixels (standard deviation) 0.003 to 0.014, of four 0.001 to 0.007; a flat picture 0.

    Source: J. L. Pech-Pacheco et al., Diatom autofocusing in brightfield microscopy, 2000, divided
        by the contrast.
    """
    luma_HW = cv2.cvtColor(crop_HWC, cv2.COLOR_RGB2GRAY)
    contrast = _variance(luma_HW)
    return _variance(cv2.Laplacian(luma_HW, cv2.CV_16S)) / contrast if contrast > 0 else 0.0


def _variance(values_HW: MatLike) -> float:
    _, deviation = cv2.meanStdDev(values_HW)
    return float(deviation[0, 0]) ** 2


def _mouth_inside(landmarks_LP: Floats | None, size: tuple[int, int]) -> bool:
    if landmarks_LP is None:
        return False
    mouth, (height, width) = landmarks_LP[MOUTH], size
    return bool(((mouth > -0.5) & (mouth < (width - 0.5, height - 0.5))).all())


def check_loudness(audio_S: Floats, limits: QualityConfig) -> float:
    """Return the loudness in dB of full scale; reject silent clips.

    A constant offset does not count as sound.

    Raises:
        Rejection: `silent`.
    """
    decibels = loudness_db(audio_S)
    if decibels < limits.min_loudness_db:
        raise Rejection(
            "silent",
            f"{decibels:.1f} dB of full scale, at least {limits.min_loudness_db:g} dB "
            "(quality.min_loudness_db)",
            measures={"loudness_db": decibels},
        )
    return decibels
