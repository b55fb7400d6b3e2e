"""Parse the wanted emotion: `happiness`, `anger:0.8` or a timeline `0=neutral,1.5=anger:0.8`."""

import difflib
import itertools
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from emotalk.errors import WrongUse
from emotalk.schema import FPS, Floats

FADE_S = 0.4
NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?", re.ASCII | re.IGNORECASE)
EXAMPLES = "happiness, anger:0.8 or 0=neutral,1.5=anger:0.8"


@dataclass(frozen=True)
class TimelineEntry:
    """One entry of a timeline."""

    start_s: float  # in the speech
    emotion: str  # a name that the model knows
    intensity: float = 1.0  # in [0, 1]


Timeline: TypeAlias = tuple[TimelineEntry, ...]


def parse_timeline(text: str, emotions: Sequence[str]) -> Timeline:
    """Return the entries of `text` in order of time, the first one at 0 s.

    Args:
        text: `NAME`, `NAME:INTENSITY`, or a list of `SECONDS=NAME[:INTENSITY]` with commas.
        emotions: names that the model knows.

    Raises:
        WrongUse: a name is unknown, an intensity is outside [0, 1], or times do not rise from 0.
    """
    entries = [entry.strip() for entry in text.split(",")]
    if len(entries) == 1 and "=" not in text:
        return (_emotion(0.0, text.strip(), emotions),)
    timeline = tuple(_entry(entry, emotions) for entry in entries)
    starts = [entry.start_s for entry in timeline]
    if starts[0] != 0:
        raise WrongUse(
            f"emotion {text!r}: the time line begins at {starts[0]:g} s; its first entry must "
            f"state the emotion at 0 s, e.g. 0=neutral,{text}"
        )
    for before, after in itertools.pairwise(starts):
        if after <= before:
            raise WrongUse(
                f"emotion {text!r}: {after:g} s comes after {before:g} s; times must rise"
            )
    return timeline


def timeline_weights(timeline: Timeline, emotions: Sequence[str], frames: int) -> Floats:
    """Return the generator's emotion input (T, E): intensity x one-hot of every frame.

    A new emotion fades in linearly over 0.4 s, as emotions do in the training clips. The next entry
    may interrupt the fade.

    Raises:
        WrongUse: an entry begins after the last frame.
    """
    length_s = frames / FPS
    late = [entry for entry in timeline if entry.start_s >= length_s]
    if late:
        raise WrongUse(
            f"emotion time line: {late[0].emotion} begins at {late[0].start_s:g} s, but the speech "
            f"is {length_s:g} s long"
        )
    times_s = np.arange(frames) / FPS
    weights_TE = np.zeros((frames, len(emotions)))
    for index, entry in enumerate(timeline):
        target_E = np.zeros(len(emotions))
        target_E[emotions.index(entry.emotion)] = entry.intensity
        share_T = np.clip((times_s - entry.start_s) / FADE_S, 0.0, 1.0)
        if index == 0:
            share_T = np.ones(frames)
        begun_T = times_s >= entry.start_s
        before_E = weights_TE[np.argmax(begun_T)].copy()
        share_T1 = share_T[begun_T, None]
        weights_TE[begun_T] = (1 - share_T1) * before_E + share_T1 * target_E
    return weights_TE.astype(np.float32)


def intensity_note(timeline: Timeline, *, use_intensity: bool) -> str:
    """Return a note on intensities that the model was not trained on, or an empty string."""
    weaker = [entry for entry in timeline if entry.intensity != 1.0]
    if use_intensity or not weaker:
        return ""
    weak = ", ".join(f"{entry.emotion}:{entry.intensity:g}" for entry in weaker)
    return (
        f"emotion {weak}: this model was trained on full emotions only "
        "(emotion.use_intensity=false); the intensity is passed on, but its effect was not trained"
    )


def _entry(text: str, emotions: Sequence[str]) -> TimelineEntry:
    time, equals, emotion = text.partition("=")
    start_s = _number(time) if equals else None
    if start_s is None or start_s < 0:
        raise WrongUse(
            f"emotion time line: {text!r} is not SECONDS=NAME or SECONDS=NAME:INTENSITY; "
            f"write for example {EXAMPLES}"
        )
    return _emotion(start_s, emotion.strip(), emotions)


def _emotion(start_s: float, text: str, emotions: Sequence[str]) -> TimelineEntry:
    name, colon, level = (part.strip() for part in text.partition(":"))
    if name not in emotions:
        close = difflib.get_close_matches(name, emotions, n=1)
        hint = f"; did you mean {close[0]}?" if close else ""
        raise WrongUse(
            f"emotion {name!r}: this model knows {', '.join(emotions)}{hint} (e.g. {EXAMPLES})"
        )
    intensity = _number(level) if colon else 1.0
    if intensity is None or not 0 <= intensity <= 1:
        raise WrongUse(
            f"emotion {text!r}: intensity {level!r} is not a number from 0 to 1, e.g. {name}:0.8"
        )
    return TimelineEntry(start_s, name, intensity)


def _number(text: str) -> float | None:
    """Return the number that a text states in decimal digits, or None for any other text."""
    number = float(text) if NUMBER.fullmatch(text.strip()) else math.inf
    return number if math.isfinite(number) else None
