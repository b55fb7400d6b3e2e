"""Measure the generated video of a pair, and its baselines, beside the true clip."""

from dataclasses import replace

import numpy as np

from emotalk.evaluation.comparison import Comparison, compare, detect_landmarks, prepare_truth
from emotalk.evaluation.evaluator import reencode
from emotalk.evaluation.landmark_models import LandmarkModel
from emotalk.evaluation.pairs.reading import ReadPair
from emotalk.evaluation.quantities import METRICS, measure
from emotalk.evaluation.results import ClipResults, Figures
from emotalk.metrics.as_reported import psnr_of_wrapped_bytes


def measure_pair(read: ReadPair, model: LandmarkModel, *, as_reported: bool) -> ClipResults:
    """Return the figures of a pair: generated, first true frame repeated, re-encoded, truth.

    The generated pictures are judged with what is heard with them: with its own sound a video that
    is late as a whole is in sync with itself, and a dubbed one is not.
    """
    clip, made_THWC = read.clip, read.generated_THWC
    truth = prepare_truth(clip, model)
    heard = replace(truth, clip=replace(clip, audio_S=read.own_sound_S))
    still_THWC = np.broadcast_to(clip.video_THWC[:1], clip.video_THWC.shape)
    still_TLP = np.repeat(detect_landmarks(clip.video_THWC[:1], model), len(still_THWC), axis=0)
    encoded_THWC = reencode(clip.video_THWC)
    compared = {
        "generated": compare(made_THWC, detect_landmarks(made_THWC, model), heard),
        "repeat": compare(still_THWC, still_TLP, truth),
        "reencoded": compare(encoded_THWC, detect_landmarks(encoded_THWC, model), truth),
    }
    rows = {row: measure(comparison, METRICS) for row, comparison in compared.items()}
    of_truth = [metric for metric in METRICS if metric.of_truth]
    if of_truth:
        true_video = Comparison(truth.video_BTCHW, truth.landmarks_TLP, truth.opening_T, truth)
        rows["truth"] = measure(true_video, of_truth)
    faulty: Figures = {}
    if as_reported:
        faulty = {
            "psnr_of_wrapped_bytes": psnr_of_wrapped_bytes(made_THWC, clip.video_THWC),
            "nlmd_without_procrustes": rows["generated"]["nlmd_iod"],
        }
    return ClipResults(
        key=clip.key,
        actor=clip.actor,
        emotion=clip.emotion,
        intensity=clip.intensity,
        rows=rows,
        openings={
            "truth": truth.opening_T,
            **{row: comparison.opening_T for row, comparison in compared.items()},
        },
        voiced_T=truth.voiced_T,
        predictions=None,
        as_reported=faulty,
    )
