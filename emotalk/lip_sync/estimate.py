"""Estimate by how many frames a clip's sound is late, and how far the estimate can be trusted."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch

from emotalk.lip_sync.features import (
    lip_features,
    lip_openings,
    lip_shapes,
    log_mel,
    power_spectra,
)
from emotalk.lip_sync.load import LipSyncModel, load_lip_sync_model
from emotalk.lip_sync.network import REACH, lag_similarity
from emotalk.metrics.lip_sync import voiced_frames
from emotalk.schema import SAMPLES_PER_FRAME, Floats, check_shape

__all__ = ["LipSyncModel", "SyncEstimate", "estimate_sync", "load_lip_sync_model"]

Verdict = Literal["in_step", "shifted", "no_lag_fits", "unsure"]

MAX_OFFSET = 15  # frames
OVERLAP = 12  # embeddings that a lag needs
PEAK_WIDTH = 2  # frames beside the best lag that belong to it
LARGEST_IN_STEP = 1  # frames: what a person does not see

MIN_FRAMES = 40  # of a clip
MIN_VOICED_FRAMES = 15
MIN_LOUDNESS_RANGE = 4.0  # of the power of loud frames to that of quiet ones: noise has 1
MIN_MOTION = 0.02  # of the lips, in face sizes
SURE = 0.8  # confidence from which the verdict is not `unsure`
USUAL_EMBEDDINGS = 63  # of a clip of three seconds
NO_MARGIN = 0.05  # of the best lag, in a clip of that length


@dataclass(frozen=True)
class SyncEstimate:
    """By how many frames a clip's sound is late, and how sure that is."""

    offset: int  # frames at 25 fps; positive: the sound is late
    confidence: float  # 0 to 1: probability that the offset is right to a frame, three digits
    verdict: Verdict
    correlation: float  # mean cosine of lips and speech at that offset, three digits


@dataclass(frozen=True)
class _Evidence:
    """What the similarities of all lags say."""

    offset: int
    peak: float  # mean cosine at the best lag
    margin: float  # by which it surpasses every lag further away than the peak's width
    embeddings: int


UNKNOWN = SyncEstimate(offset=0, confidence=0.0, verdict="unsure", correlation=0.0)


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
    if not finite or frames < 2 * REACH + OVERLAP:
        return UNKNOWN
    with torch.inference_mode(), _one_thread():
        evidence = _compare(model, landmarks_TLP, audio_S, max_offset)
    confidence = _confidence(evidence)
    usable = _usable(landmarks_TLP, audio_S)
    return SyncEstimate(
        offset=evidence.offset,
        confidence=round(confidence, 3) if usable else 0.0,
        verdict=_verdict(evidence, confidence) if usable else "unsure",
        correlation=round(evidence.peak, 3),
    )


def _compare(
    model: LipSyncModel, landmarks_TLP: Floats, audio_S: Floats, max_offset: int
) -> _Evidence:
    lips_BTD = model.net.embed_lips(lip_features(lip_shapes(landmarks_TLP)[None]))
    speech_BTD = model.net.embed_speech(log_mel(power_spectra(audio_S)[None]))
    similarity_BK, lag_K = lag_similarity(lips_BTD, speech_BTD, overlap=OVERLAP)
    tried_K = lag_K.abs() <= max_offset
    similarity_K, lag_K = similarity_BK[0, tried_K], lag_K[tried_K]
    best = int(similarity_K.argmax())
    far_K = (lag_K - lag_K[best]).abs() > PEAK_WIDTH
    peak = float(similarity_K[best])
    rival = float(similarity_K[far_K].max()) if far_K.any() else peak
    return _Evidence(int(lag_K[best]), peak, peak - rival, lips_BTD.shape[1])


def _usable(landmarks_TLP: Floats, audio_S: Floats) -> bool:
    """Return whether there is enough speech, and enough motion of the lips, to compare."""
    motion_TD = lip_openings(lip_shapes(landmarks_TLP)[None])[0]
    motion = float((motion_TD - motion_TD.mean(0)).square().mean().sqrt())
    voiced = int(voiced_frames(audio_S).sum())
    power_T = np.square(audio_S.reshape(-1, SAMPLES_PER_FRAME).astype(np.float64)).mean(1)
    quiet, loud = np.quantile(power_T, (0.1, 0.95))
    return bool(
        len(landmarks_TLP) >= MIN_FRAMES
        and motion >= MIN_MOTION
        and voiced >= MIN_VOICED_FRAMES
        and loud >= MIN_LOUDNESS_RANGE * quiet
    )


def _confidence(evidence: _Evidence) -> float:
    """Return the probability that the offset is right to a frame.

    Chance peaks shrink with the square root of the clip's length, true ones do not.
    """
    length = (evidence.embeddings / USUAL_EMBEDDINGS) ** 0.5
    strength = 22 * (length * evidence.margin - 0.13) + 15 * (length * evidence.peak - 0.33)
    return float(1 / (1 + np.exp(-strength)))


def _verdict(evidence: _Evidence, confidence: float) -> Verdict:
    if confidence >= SURE:
        return "in_step" if abs(evidence.offset) <= LARGEST_IN_STEP else "shifted"
    length = (evidence.embeddings / USUAL_EMBEDDINGS) ** 0.5
    if length >= 1 and length * evidence.margin <= NO_MARGIN:
        return "no_lag_fits"
    return "unsure"


@contextmanager
def _one_thread() -> Iterator[None]:
    """Run torch on one thread: the sums, and so the result, do not depend on the machine's load."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
