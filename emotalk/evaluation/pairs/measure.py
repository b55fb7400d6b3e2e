"""Measure the generated video of a pair, and its baselines, beside the true clip."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from emotalk.evaluation.comparison import (
    Comparison,
    Truth,
    compare,
    detect_landmarks,
    truth_of,
)
from emotalk.evaluation.evaluator import reencode
from emotalk.evaluation.face_embedder import FaceEmbedder
from emotalk.evaluation.landmark_models import LandmarkModel
from emotalk.evaluation.pairs.reading import ReadPair
from emotalk.evaluation.quantities import METRICS, measure_together
from emotalk.evaluation.results import ClipResults, Figures
from emotalk.evaluation.speech_facts import speech_facts
from emotalk.metrics.as_reported import psnr_of_wrapped_bytes
from emotalk.schema import Floats

BY_LANDMARKS = frozenset({"nlmd_without_procrustes"})
"""Those of the faulty figures that are of landmarks."""


def measure_pair(
    read: ReadPair,
    model: LandmarkModel,
    *,
    embedder: FaceEmbedder | None = None,
    others: tuple[Floats, ...] = (),
    as_reported: bool = False,
) -> ClipResults:
    """Return the figures of a pair: generated, first true frame repeated, re-encoded, truth.

    The generated pictures are judged with what is heard with them: with its own sound a video that
    is late as a whole is in sync with itself, and a dubbed one is not. `others` are the speeches of
    other clips, which should fit its lips less.
    """
    truth, compared = _compared(read, model, embedder, others)
    rows = _figures(truth, compared)
    clip = read.clip
    faulty: Figures = {}
    if as_reported:
        faulty = {
            "psnr_of_wrapped_bytes": psnr_of_wrapped_bytes(read.generated_THWC, clip.video_THWC),
            "nlmd_without_procrustes": rows["generated"]["nlmd_iod"],
        }
    openings = {row: comparison.opening_T for row, comparison in compared.items()}
    return ClipResults(
        key=clip.key,
        actor=clip.actor,
        emotion=clip.emotion,
        intensity=clip.intensity,
        rows=rows,
        openings={"truth": truth.opening_T} | openings,
        voiced_T=truth.voiced_T,
        predictions=None,
        as_reported=faulty,
        phones=truth.speech.phones,
        face_vectors=truth.identity.vectors if truth.identity else None,
    )


def _compared(
    read: ReadPair,
    model: LandmarkModel,
    embedder: FaceEmbedder | None,
    others: tuple[Floats, ...],
) -> tuple[Truth, dict[str, Comparison]]:
    """Return the true clip, and row -> the video that is compared with it."""
    clip, made_THWC = read.clip, read.generated_THWC
    encoded_THWC = reencode(clip.video_THWC)
    shown = [clip.video_THWC, made_THWC, clip.video_THWC[:1], encoded_THWC]
    true_TLP, made_TLP, still_1LP, encoded_TLP = detect_landmarks(shown, model)
    still_THWC = np.broadcast_to(clip.video_THWC[:1], clip.video_THWC.shape)
    still_TLP = np.repeat(still_1LP, len(still_THWC), axis=0)
    truth = truth_of(clip, true_TLP, embedder=embedder, speech=speech_facts(clip, others))
    heard = replace(truth, clip=replace(clip, audio_S=read.own_sound_S))
    return truth, {
        "generated": compare(made_THWC, made_TLP, heard),
        "repeat": compare(still_THWC, still_TLP, truth),
        "reencoded": compare(encoded_THWC, encoded_TLP, truth),
    }


def _figures(truth: Truth, compared: Mapping[str, Comparison]) -> dict[str, Figures]:
    """Return row -> figures of the videos and of the true one, where it has any by itself."""
    figures = measure_together(list(compared.values()), METRICS)
    rows = dict(zip(compared, figures, strict=True))
    of_truth = [metric for metric in METRICS if metric.of_truth]
    if of_truth:
        true_video = Comparison(truth.frames_THWC, truth.landmarks_TLP, truth.opening_T, truth)
        rows["truth"] = measure_together([true_video], of_truth)[0]
    return rows
