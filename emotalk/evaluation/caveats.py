"""Write the notes that a reader needs to interpret an evaluation's figures."""

from collections.abc import Sequence

import numpy as np

from emotalk.config.evaluate import EvaluateConfig
from emotalk.evaluation.intervals import FEW_ACTORS, describe_intervals
from emotalk.evaluation.results import ClipResults
from emotalk.evaluation.undefined import short_and_silent
from emotalk.schema import NEUTRAL
from emotalk.speech.forced_alignment import EXTRA, aligner_installed

MEASURES = (
    "PSNR and SSIM: float RGB. The mouth crop is 48 x 40 px around the true mouth of each frame.",
)
"""Notes on the figures of every report."""
LANDMARK_MEASURES = (
    "NLMD is in sides of the 128 px crop, after Procrustes alignment of both faces to the "
    "template. The same model detects the landmarks of true and generated frames.",
    "A mouth that moves less than a tenth of the true one has correlation 0.",
)
"""Notes on the figures of landmarks, for reports that have any."""
DRAWN_ONLY = "The shipped models know drawn faces only; on photographs they are invalid."


def caveats(config: EvaluateConfig, clips: Sequence[ClipResults]) -> tuple[str, ...]:
    """Return the caveats of these results, one sentence or two each."""
    other = (
        "The row for other speech is the same generation with another sentence's speech."
        if config.other_speech == "generate"
        else "The row for other speech compares the mouth generated for another clip's sentence "
        "with this clip's true mouth."
    )
    no_mouths = config.other_speech == "curve" and config.landmarks == "none"
    if no_mouths:
        other = (
            "No row for other speech: other_speech=curve compares mouths, which are not measured."
        )
    lines = ["PSNR and SSIM are taken before any video encoding.", *MEASURES, other]
    lines += LANDMARK_MEASURES if config.landmarks != "none" else ()
    if config.condition == "first_frame":
        lines.append("The condition image is the clip's first frame, which is also compared.")
    if config.emotion.by != "none":
        lines.append("Emotions are classified in videos generated from the actor's neutral still.")
    lines += _unlabelled(clips)
    if config.landmarks == "judge" or config.emotion.by == "drawn":
        lines.append(DRAWN_ONLY)
    if config.landmarks == "judge":
        lines.append("The shipped landmark model finds a face in every frame: none is missed.")
    alone = sum("other_speech" not in clip.rows for clip in clips)
    if alone and not no_mouths:
        lines.append(
            f"{alone} of {len(clips)} clips have no row for other speech: no clip of another "
            "sentence was evaluated beside them."
        )
    lines += _without_face(clips)
    lines += _closure(clips)
    lines += short_and_silent(clips) if config.landmarks != "none" else []
    if (actors := len({clip.actor for clip in clips})) <= FEW_ACTORS:
        lines.append(describe_intervals(clips=len(clips), actors=actors))
    return tuple(lines)


def _closure(clips: Sequence[ClipResults]) -> list[str]:
    """Return a note on clips without figures of bilabial closure."""
    if not aligner_installed():
        return [
            "Whether the mouth is shut on P, B and M is not measured, for it takes an extra: "
            f"pip install 'emotalk[{EXTRA}]'."
        ]
    unknown = sum(clip.phones is None for clip in clips)
    if not unknown:
        return []
    return [
        f"The sounds of {unknown} of {len(clips)} clips are not known, and the closure of P, B and "
        "M leaves them out: no text (column text of clips.csv), or one that cannot be aligned."
    ]


def _without_face(clips: Sequence[ClipResults]) -> list[str]:
    """Return a note on true clips in which the landmark model finds no face, unless all are so."""
    openings = [clip.openings.get("truth") for clip in clips]
    missed = sum(
        opening_T is not None and not np.isfinite(opening_T).any() for opening_T in openings
    )
    if not 0 < missed < len(clips):
        return []
    return [
        f"In {missed} of {len(clips)} true clips the landmark model finds no face: their figures "
        "of landmarks and lips are undefined."
    ]


def _unlabelled(clips: Sequence[ClipResults]) -> list[str]:
    unlabelled = sum(clip.emotion is None for clip in clips)
    if not unlabelled:
        return []
    return [
        f"The emotion of {unlabelled} of {len(clips)} clips is unknown: they are generated as "
        f"{NEUTRAL}, and the figures of emotions leave them out."
    ]
