"""Measure by the lip-sync model how the lips go with the speech, without the true video.

The model (`emotalk/lip_sync`) compares lips with sound, as LSE-C and LSE-D do, and was trained on
other clips than generators are. The true video's own figures are the ceiling.
"""

import numpy as np

from emotalk.evaluation.comparison import Ceiling, Comparison, Metric, Quantity
from emotalk.lip_sync.estimate import LipSyncModel, SyncEstimate, estimate_sync
from emotalk.lip_sync.load import load_lip_sync_model
from emotalk.schema import SAMPLES_PER_FRAME, Floats

NAN = float("nan")
MIN_FRAMES = 40  # of a clip: the model compares no shorter one
MIN_VOICED = 15  # frames
MOST_MISSED = 0.2  # of the frames without a face, which are interpolated
TOO_SHORT = f"fewer than {MIN_FRAMES} frames, or than {MIN_VOICED} of speech"


def sync_figures(comparison: Comparison) -> dict[str, float]:
    """Return offset, confidence and shares of a video with the true clip's speech.

    NaN where the clip is too short or has too little speech. In a video whose lips hardly move, or
    in which too few faces were found, the offset alone is NaN, and the others are 0.
    """
    truth = comparison.truth
    speech_S, landmarks_TLP = truth.clip.audio_S, fill_missing(comparison.landmarks_TLP)
    figures = dict.fromkeys(METRIC.quantities, NAN)
    if len(comparison.landmarks_TLP) < MIN_FRAMES or truth.voiced_T.sum() < MIN_VOICED:
        return figures
    model = load_lip_sync_model()
    own = None if landmarks_TLP is None else _estimate(model, landmarks_TLP, speech_S)
    seen = own is not None and own.comparable
    return {
        "sync_offset": abs(own.offset) if own is not None and seen else NAN,
        "sync_confidence": own.confidence if own is not None else 0.0,
        "sync_within_1": float(own is not None and seen and abs(own.offset) <= 1),
        "sync_own_above_other": own_above_other(
            model, landmarks_TLP, speech_S, truth.speech.others
        ),
    }


def own_above_other(
    model: LipSyncModel, landmarks_TLP: Floats | None, own_S: Floats, others: tuple[Floats, ...]
) -> float:
    """Return the share of other speeches that fit the lips less than their own, ties half.

    Its mean over clips is the AUC within clips. Both speeches are cut to the length of the shorter
    one, for chance finds a better fit in fewer frames. NaN without another speech; 0.5 (chance)
    without landmarks.
    """
    if not others:
        return NAN
    if landmarks_TLP is None:
        return 0.5
    wins = []
    of_own: dict[int, float] = {}
    for other_S in others:
        frames = min(len(landmarks_TLP), len(other_S) // SAMPLES_PER_FRAME)
        if frames not in of_own:
            of_own[frames] = _estimate(model, landmarks_TLP[:frames], own_S).correlation
        other = _estimate(model, landmarks_TLP[:frames], other_S).correlation
        wins.append(float(of_own[frames] > other) + 0.5 * float(of_own[frames] == other))
    return float(np.mean(wins))


def fill_missing(landmarks_TLP: Floats) -> Floats | None:
    """Return the landmarks with frames without a face interpolated; None where too many are."""
    found_T = np.asarray(np.isfinite(landmarks_TLP).all((1, 2)))
    if found_T.all():
        return landmarks_TLP
    if found_T.mean() < 1 - MOST_MISSED:
        return None
    frames, known = np.arange(len(found_T)), np.flatnonzero(found_T)
    flat_TD = landmarks_TLP.reshape(len(found_T), -1)
    columns = [np.interp(frames, known, column[known]) for column in flat_TD.T]
    return np.stack(columns, -1).reshape(landmarks_TLP.shape).astype(np.float32)


def _estimate(model: LipSyncModel, landmarks_TLP: Floats, speech_S: Floats) -> SyncEstimate:
    """Return the estimate for as much speech as there are frames."""
    samples = len(landmarks_TLP) * SAMPLES_PER_FRAME
    return estimate_sync(model, landmarks_TLP, speech_S[:samples])


METRIC = Metric(
    {
        "sync_offset": Quantity(
            "lips and speech apart, by the lip-sync model (frames)",
            "lower",
            2,
            "By how many whole frames lips are early or late; the true video is not looked at.",
            f"{TOO_SHORT}, or lips that hardly move",
        ),
        "sync_confidence": Quantity(
            "lip-sync model's confidence",
            "higher",
            3,
            "How sure the lip-sync model is of that offset, large or small, 0 to 1; "
            "a score and no probability.",
            TOO_SHORT,
        ),
        "sync_within_1": Quantity(
            "lips and speech within one frame (share)",
            "higher",
            3,
            "Share of clips whose lips fit the speech best at -1, 0 or 1 frame.",
            TOO_SHORT,
        ),
        "sync_own_above_other": Quantity(
            "own speech fits the lips better than another's (AUC)",
            "higher",
            3,
            "How often lips fit the clip's speech, early or late, better than another sentence's; "
            "chance: 0.5.",
            f"{TOO_SHORT}, or no clip of another sentence",
        ),
    },
    sync_figures,
    needs_landmarks=True,
    of_truth=True,
    ceiling=Ceiling("sync_within_1", 0.5, "the lip-sync model"),
)
