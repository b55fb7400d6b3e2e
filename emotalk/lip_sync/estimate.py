"""Estimate by how many frames a clip's sound is late, and how far the estimate can be trusted."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from scipy.special import expit
from torch import Tensor

from emotalk.lip_sync.features import (
    SPECTRA_PER_FRAME,
    lip_distances,
    lip_features,
    lip_shapes,
    log_mel,
    power_spectra,
)
from emotalk.lip_sync.limits import LARGEST_IN_STEP, SURE
from emotalk.lip_sync.load import LipSyncModel, load_lip_sync_model
from emotalk.lip_sync.network import REACH, lag_similarity, speech_length
from emotalk.lip_sync.one_thread import one_thread
from emotalk.schema import SAMPLES_PER_FRAME, Floats, check_shape

__all__ = ["LipSyncModel", "SyncEstimate", "estimate_sync", "load_lip_sync_model"]

Verdict = Literal["in_step", "shifted", "no_lag_fits", "unsure"]

MAX_OFFSET = 15  # frames
OVERLAP = 12  # embeddings that a lag needs
SHORTEST = 2 * REACH + OVERLAP  # frames that can be compared at all
PEAK_WIDTH = 2  # frames beside the best lag that belong to it
USUAL_EMBEDDINGS = 63  # of a clip of three seconds
LONGEST_CREDIT = 1.5  # most that length adds to a height: speech alike in pace always fits a little

# A clip with less is unsure.
MIN_FRAMES = 40
MIN_MOTION = 0.02  # of the lips, in face sizes; speech: 0.03 to 0.15
MIN_VOICED_FRAMES = 15
VOICED_SHARE = 1e-3  # of the loudest frame's power
MIN_LOUDNESS_RANGE = 4.0  # power of loud frames to that of quiet ones; steady noise: 1

# Chosen on the clips of `tests/benchmarks/bench_lip_sync`; see the README.
USUAL_HEIGHT, HEIGHT_WEIGHT = 0.33, 15.0
USUAL_MARGIN, MARGIN_WEIGHT = 0.13, 22.0
LARGE_OFFSET, LARGE_OFFSET_COST = 2, 1.0  # frames; clips are rarely further out

# No lag is said to fit only where the model would see one that does.
KNOWN_FAMILIARITY = 0.62  # least; voices like those of the training: 0.65 to 1.2, others 0.4 to 0.7
KNOWN_FRAMES, KNOWN_VOICED, KNOWN_MOTION = 70, 30, 0.03  # least
NO_HEIGHT, NO_MARGIN = 0.4, 0.12  # most of the best lag
NOT_IN_STEP = 0.215  # most of what speaks for no offset; clips in step: 0.22 or more, usual 0.45


@dataclass(frozen=True)
class SyncEstimate:
    """By how many frames a clip's sound is late, and how sure that is."""

    offset: int  # frames at 25 fps; positive: the sound is late
    confidence: float  # score from 0 to 1 of the offset, three digits; no probability
    verdict: Verdict
    correlation: float  # mean cosine of lips and speech at that offset, three digits
    comparable: bool = True  # false: too short, too little speech, or lips that hardly move


@dataclass(frozen=True)
class _Evidence:
    """Hold the evidence for an offset, and for the clip being of a kind that the model knows.

    Heights and margin are times the square root of the clip's length in usual ones (heights up to
    `LONGEST_CREDIT`): chance peaks shrink with it, true ones do not.
    """

    offset: int
    peak: float  # mean cosine at the best lag
    height: float
    margin: float  # by which the peak surpasses every lag beside it
    in_step_height: float  # of the best lag that is not large
    familiarity: float  # length of the speech's embeddings; 1: as of the speech of the training
    motion: float  # of the lips, in face sizes
    voiced: int  # frames
    loudness_range: float  # power of loud frames to that of quiet ones
    frames: int


UNKNOWN = SyncEstimate(
    offset=0, confidence=0.0, verdict="unsure", correlation=0.0, comparable=False
)


def estimate_sync(
    model: LipSyncModel,
    landmarks_TLP: Floats,
    audio_S: Floats,
    *,
    max_offset: int = MAX_OFFSET,
) -> SyncEstimate:
    """Return by how many frames the sound of a clip is late.

    The result depends on the clip alone. It is `unsure` where the clip is short, the lips hardly
    move, speech is scarce, numbers are not finite, or several lags fit as well.

    Args:
        model: see `load_lip_sync_model`.
        landmarks_TLP: 68 landmarks of T frames at 25 fps (T, 68, 2), in pixels of any crop.
        audio_S: mono speech at 8 kHz, (320 T,).
        max_offset: frames; lags up to it, in either direction, are tried.

    Raises:
        ValueError: arrays of other shapes, or `max_offset` below 1.
    """
    frames = check_shape(landmarks_TLP, "T 68 2", "landmarks")["T"]
    check_shape(audio_S, f"{frames * SAMPLES_PER_FRAME}", "sound")
    if max_offset < 1:
        raise ValueError(f"max_offset: {max_offset}, at least 1 frame")
    finite = bool(np.isfinite(landmarks_TLP).all() and np.isfinite(audio_S).all())
    if not finite or frames < SHORTEST:
        return UNKNOWN
    return compare(model, lip_shapes(landmarks_TLP), power_spectra(audio_S), max_offset=max_offset)


def compare(
    model: LipSyncModel, lips_TLP: Tensor, power_JF: Tensor, *, max_offset: int = MAX_OFFSET
) -> SyncEstimate:
    """Return the estimate for the lips and spectra of a clip of at least `SHORTEST` frames."""
    with torch.inference_mode(), one_thread():
        evidence = _evidence(model, lips_TLP, power_JF, max_offset)
    usable = _usable(evidence)
    confidence = _confidence(evidence) if usable else 0.0
    return SyncEstimate(
        offset=evidence.offset,
        confidence=round(confidence, 3),
        verdict=_verdict(evidence, confidence) if usable else "unsure",
        correlation=round(evidence.peak, 3),
        comparable=usable,
    )


def _evidence(
    model: LipSyncModel, lips_TLP: Tensor, power_JF: Tensor, max_offset: int
) -> _Evidence:
    lips_BTD = model.net.embed_lips(lip_features(lips_TLP[None]))
    speech_BTD = model.net.embed_speech(log_mel(power_JF[None]))
    similarity_BK, lag_K = lag_similarity(lips_BTD, speech_BTD, overlap=OVERLAP)
    similarity_K = similarity_BK[0]
    best = int(similarity_K.masked_fill(lag_K.abs() > max_offset, -1.0).argmax())
    peak = float(similarity_K[best])
    compared_K = lag_K.abs() <= max(max_offset, MAX_OFFSET)
    compared_K &= (lag_K - lag_K[best]).abs() > PEAK_WIDTH
    rival = float(similarity_K[compared_K].max()) if compared_K.any() else peak
    in_step = float(similarity_K[lag_K.abs() <= LARGE_OFFSET].max())
    length = (lips_BTD.shape[1] / USUAL_EMBEDDINGS) ** 0.5
    credit = min(length, LONGEST_CREDIT)
    distances_TD = lip_distances(lips_TLP)
    power_T = power_JF.sum(1).reshape(-1, SPECTRA_PER_FRAME).mean(1)
    quiet, loud = torch.quantile(power_T, torch.tensor([0.1, 0.95])).tolist()
    return _Evidence(
        offset=int(lag_K[best]),
        peak=peak,
        height=credit * peak,
        margin=length * (peak - rival),
        in_step_height=credit * in_step,
        familiarity=speech_length(speech_BTD) / model.speech_length,
        motion=float((distances_TD - distances_TD.mean(0)).square().mean().sqrt()),
        voiced=int((power_T > VOICED_SHARE * power_T.max()).sum()),
        loudness_range=loud / max(quiet, 1e-12),
        frames=len(lips_TLP),
    )


def _usable(evidence: _Evidence) -> bool:
    """Return whether there is enough speech, and enough motion of the lips, to compare."""
    return (
        evidence.frames >= MIN_FRAMES
        and evidence.motion >= MIN_MOTION
        and evidence.voiced >= MIN_VOICED_FRAMES
        and evidence.loudness_range >= MIN_LOUDNESS_RANGE
    )


def _confidence(evidence: _Evidence) -> float:
    """Return the score of the offset, 0 to 1; it is chosen, not calibrated as a probability."""
    strength = HEIGHT_WEIGHT * (evidence.height - USUAL_HEIGHT)
    strength += MARGIN_WEIGHT * (evidence.margin - USUAL_MARGIN)
    if abs(evidence.offset) > LARGE_OFFSET:
        strength -= LARGE_OFFSET_COST
    return float(expit(strength))


def _verdict(evidence: _Evidence, confidence: float) -> Verdict:
    if confidence >= SURE:
        return "in_step" if abs(evidence.offset) <= LARGEST_IN_STEP else "shifted"
    return "no_lag_fits" if _is_known_kind(evidence) and _none_fits(evidence) else "unsure"


def _is_known_kind(evidence: _Evidence) -> bool:
    """Return whether the model would see the lag of such a clip, if there were one."""
    return (
        evidence.familiarity >= KNOWN_FAMILIARITY
        and evidence.frames >= KNOWN_FRAMES
        and evidence.voiced >= KNOWN_VOICED
        and evidence.motion >= KNOWN_MOTION
    )


def _none_fits(evidence: _Evidence) -> bool:
    """Return whether the clip is not in step and no other lag is convincing either.

    The more another lag is ahead of those near 0, the less the clip is in step.
    """
    ahead = evidence.height - evidence.in_step_height
    return (
        evidence.in_step_height - ahead <= NOT_IN_STEP
        and evidence.height <= NO_HEIGHT
        and evidence.margin <= NO_MARGIN
    )
