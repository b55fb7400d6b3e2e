"""Read a pair of videos as a true clip and the generated frames beside it, or say why it is unfit.

Nothing is cut silently: what differs between the two files is noted, and a pair that differs too
much is left out.
"""

from dataclasses import dataclass, replace

import numpy as np

from emotalk.config.evaluate_pairs import PairsConfig
from emotalk.evaluation.landmark_models import LandmarkModel
from emotalk.evaluation.pairs.aligned_video import AlignedVideo, read_aligned
from emotalk.evaluation.pairs.listing import Pair
from emotalk.evaluation.pairs.sound_match import match_sound
from emotalk.faces.landmarks import LandmarkDetector
from emotalk.schema import FPS, SAMPLES_PER_FRAME, Bytes, Floats, Rejection
from emotalk.shards.clip import Clip

SHOWN = 5  # frames that a message names
SAME_RATE = 0.05  # frames a second
NO_SOUND = "neither file has sound: figures of lips and sound are undefined"
ELSEWHERE = (
    "the generated face is found elsewhere than the true one, or its landmarks err, so it is cut "
    "by its own: PSNR and SSIM suffer; align=true cuts both alike"
)


class UnfitPair(Exception):  # noqa: N818  describes the videos, not the program
    """Raised when a pair cannot be compared; the message says why."""


@dataclass(frozen=True)
class ReadPair:
    """A true clip and the generated video of the same length.

    Attributes:
        clip: the true crops, with the sound of the true file if it has any.
        generated_THWC: crops of the generated video, uint8 RGB.
        own_sound_S: what is heard with the generated video: its own sound, or else the true one.
        has_sound: whether one of the files has any.
        same_place: whether one similarity cut both.
        notes: what differs between the files.
    """

    clip: Clip
    generated_THWC: Bytes
    own_sound_S: Floats
    has_sound: bool
    same_place: bool
    notes: tuple[str, ...]


def read_pair(
    pair: Pair, detector: LandmarkDetector | None, model: LandmarkModel, config: PairsConfig
) -> ReadPair:
    """Return a pair's true clip and generated frames.

    Args:
        pair: of `list_pairs`.
        detector: finds faces in the pictures; None where they are aligned crops.
        model: finds the landmarks of true crops where there is no detector.
        config: how both are aligned, and by how much their lengths may differ.

    Raises:
        UnfitPair: a file cannot be read or shows no face, or their lengths differ too much.
    """
    try:
        true = read_aligned(
            pair.true, detector, max_seconds=config.max_seconds, every_face=detector is not None
        )
        by_true = config.align == "true"
        generated = read_aligned(
            pair.generated,
            detector,
            max_seconds=config.max_seconds,
            transform=true.transform if by_true else None,
            nearby=true if config.align == "auto" else None,
        )
    except Rejection as rejection:
        raise UnfitPair(f"{rejection.reason}: {rejection.detail}") from None
    if by_true and generated.size != true.size:
        raise UnfitPair(
            f"align is true, but the generated pictures have {_size(generated)} pixels and the "
            f"true ones {_size(true)}; use align=own"
        )
    if detector is None:
        true = replace(true, landmarks_TLP=model.landmarks(true.frames_THWC))
    _check_faces(true)
    found = _side_by_side(pair, true, generated, config.max_frames_apart)
    if config.align == "auto" and not found.same_place and generated.size == true.size:
        return replace(found, notes=(*found.notes, ELSEWHERE))
    return found


def _check_faces(true: AlignedVideo) -> None:
    missing = np.flatnonzero(~np.isfinite(true.landmarks_TLP).all((1, 2)))
    if len(missing):
        raise UnfitPair(
            f"no_face: no face in {len(missing)} of {len(true.frames_THWC)} true frames (first: "
            f"{', '.join(map(str, missing[:SHOWN].tolist()))})"
        )


def _side_by_side(pair: Pair, true: AlignedVideo, generated: AlignedVideo, apart: int) -> ReadPair:
    lengths = len(generated.frames_THWC), len(true.frames_THWC)
    if abs(lengths[0] - lengths[1]) > apart:
        raise UnfitPair(
            f"lengths: the generated video has {lengths[0]} frames at {FPS} Hz, the true one "
            f"{lengths[1]}; at most {apart} apart (max_frames_apart)"
        )
    frames = min(lengths)
    samples = frames * SAMPLES_PER_FRAME
    known = true.sound_S if true.sound_S is not None else generated.sound_S
    true_S = np.zeros(samples, np.float32) if known is None else known[:samples]
    own_S = true_S if generated.sound_S is None else generated.sound_S[:samples]
    clip = Clip(
        key=pair.key,
        actor=pair.actor,
        emotion=pair.emotion,
        intensity=None,
        video_THWC=true.frames_THWC[:frames],
        audio_S=true_S,
        landmarks_TLP=true.landmarks_TLP[:frames],
        neutral_HWC=None,
        json={} if pair.text is None else {"text": pair.text},
    )
    same_place = true.transform is generated.transform
    notes = (*_picture_notes(true, generated), *_sound_notes(true, generated, samples))
    return ReadPair(
        clip, generated.frames_THWC[:frames], own_S, known is not None, same_place, notes
    )


def _picture_notes(true: AlignedVideo, generated: AlignedVideo) -> list[str]:
    notes = []
    more = len(generated.frames_THWC) - len(true.frames_THWC)
    if more:
        what = "longer" if more > 0 else "shorter"
        notes.append(
            f"the generated video is {abs(more)} frame{'s' * (abs(more) > 1)} {what}: the first "
            f"{min(len(generated.frames_THWC), len(true.frames_THWC))} are compared"
        )
    rates = generated.fps, true.fps
    if max(abs(rate - FPS) for rate in rates) > SAME_RATE:
        notes.append(
            f"frames a second: generated {rates[0]:.4g}, true {rates[1]:.4g}; compared at {FPS} by "
            "the nearest frames"
        )
    if true.several_faces:
        notes.append(f"several faces in {true.several_faces} true frames: the largest is taken")
    return notes


def _sound_notes(true: AlignedVideo, generated: AlignedVideo, samples: int) -> list[str]:
    if true.sound_S is None and generated.sound_S is None:
        return [NO_SOUND]
    if true.sound_S is None:
        return ["the true file has no sound: the speech is the generated file's"]
    if generated.sound_S is None:
        return ["the generated file has no sound: the speech is the true file's"]
    return _beside_the_true_sound(generated.sound_S[:samples], true.sound_S[:samples])


def _beside_the_true_sound(own_S: Floats, true_S: Floats) -> list[str]:
    if not own_S.any():
        return ["the generated file's sound is silence: figures of its sync say nothing"]
    match = match_sound(own_S, true_S)
    if not match.same:
        return [f"the generated file has another sound (likeness {match.likeness:.2f})"]
    if abs(match.delay_s) > 0.5 / FPS:
        late = "late" if match.delay_s > 0 else "early"
        return [f"the generated file's sound is {abs(match.delay_s) * 1000:.0f} ms {late}"]
    return []


def _size(video: AlignedVideo) -> str:
    return f"{video.size[1]} x {video.size[0]}"
