"""List the measures that the report shows: their words, their limits, and the clips to look at."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class MeasureView:
    """Describe how one measure is shown."""

    name: str  # in `measures.jsonl`
    title: str
    meaning: str
    form: str  # format of a value, with its unit
    low: str = ""  # setting of `quality`, or of `Facts.drawn_limits`, that is its lower limit
    high: str = ""  # and its upper limit
    log: bool = False  # axis in powers of ten
    whole: bool = False  # values are whole numbers
    extreme: Literal["lowest", "highest", "furthest"] = "lowest"  # which clips are shown
    extreme_title: str = ""  # empty: none are
    landmarks: bool = False  # drawn in the tiles


VIEWS = (
    MeasureView(
        "sync_offset",
        "Sound against picture",
        "In frames of 40 ms, before any shift, where it is sure; positive: the sound is late",
        "{:+.0f} frames",
        low="-max_sync_shift",
        high="max_sync_shift",
        whole=True,
        extreme="furthest",
        extreme_title="Furthest out of sync",
    ),
    MeasureView(
        "sync_confidence",
        "Confidence of the offset",
        "A score from 0 to 1, no probability; below the limit the offset counts as unsure",
        "{:.2f}",
        low="sure",
        extreme_title="Least confident sync",
    ),
    MeasureView(
        "sharpness",
        "Sharpness",
        "Variance of the crop's Laplacian by that of its luma, median frame",
        "{:.3g}",
        low="min_sharpness",
        log=True,
        extreme_title="Least sharp",
    ),
    MeasureView(
        "face_pixels",
        "Size of the face",
        "Longer side of the face's box in the source, median frame",
        "{:.0f} px",
        low="min_face_pixels",
        extreme_title="Smallest faces",
    ),
    MeasureView(
        "seconds",
        "Length",
        "Time in which there is both picture and sound",
        "{:.2f} s",
        low="min_seconds",
        high="max_seconds",
    ),
    MeasureView(
        "loudness_db",
        "Loudness",
        "RMS of the sound in dB of full scale",
        "{:.1f} dB",
        low="min_loudness_db",
    ),
    MeasureView(
        "landmark_error",
        "Shape of the face",
        "Distance of the first frame's landmarks to the template, in crop pixels",
        "{:.1f} px",
        high="max_landmark_error",
        extreme="highest",
        extreme_title="Furthest from the shape of a face",
        landmarks=True,
    ),
    MeasureView(
        "landmark_drift",
        "Steadiness of landmarks",
        "How far they move when they are detected again, by the face's size",
        "{:.3f}",
        high="max_landmark_drift",
        extreme="highest",
        extreme_title="Least steady landmarks",
        landmarks=True,
    ),
    MeasureView(
        "face_motion",
        "Motion in the face",
        "How far parts of the face move relative to the whole face, in crop pixels",
        "{:.2f} px",
        low="min_face_motion",
        log=True,
        extreme_title="Stillest faces",
    ),
    MeasureView(
        "face_jump",
        "Jump of the face",
        "Largest step between two frames, in crop pixels in 1/25 s",
        "{:.1f} px",
        high="max_face_jump",
        extreme="highest",
        extreme_title="Largest jumps",
    ),
)


def limits_of(view: MeasureView, limits: Mapping[str, float]) -> list[tuple[str, float]]:
    """Return setting and value of the limits that a set had; 0 switches a limit off."""
    return [(name, limits[name]) for name in (view.low, view.high) if limits.get(name)]


def is_beyond(view: MeasureView, value: float, limits: Mapping[str, float]) -> bool:
    """Return whether a value lies beyond a limit."""
    low, high = limits.get(view.low), limits.get(view.high)
    return bool((low and value < low) or (high and value > high))
