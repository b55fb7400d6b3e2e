"""Parse the wanted emotion: `happiness`, `anger:0.8`, or a time line `0=neutral,1.5=anger:0.8`."""

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
class Feeling:
    """One entry of a time line.

    Attributes:
        start_s: when it begins, in seconds of the speech.
        emotion: one of the model's names.
        intensity: in [0, 1].
    """

    start_s: float
    emotion: str
    intensity: float = 1.0


Timeline: TypeAlias = tuple[Feeling, ...]


def parse_timeline(text: str, emotions: Sequence[str]) -> Timeline:
    """Return the feelings that `text` asks for, the first one at 0 s, starts rising.

    Args:
        text: `NAME`, `NAME:INTENSITY`, or `SECONDS=NAME[:INTENSITY]` several times with commas.
        emotions: names the model knows.

    Raises:
        WrongUse: a name, an intensity or a time is not as stated.
    """
    entries = [entry.strip() for entry in text.split(",")]
    if len(entries) == 1 and "=" not in text:
        return (_feeling(0.0, text.strip(), emotions),)
    timeline = tuple(_entry(entry, emotions) for entry in entries)
    starts = [feeling.start_s for feeling in timeline]
    if starts[0] != 0:
        raise WrongUse(
            f"emotion {text!r}: the time line begins at {starts[0]:g} s; its first entry must say "
            f"what is felt from the start, e.g. 0=neutral,{text}"
        )
    for before, after in itertools.pairwise(starts):
        if after <= before:
            raise WrongUse(
                f"emotion {text!r}: {after:g} s comes after {before:g} s; times must rise"
            )
    return timeline


def timeline_weights(timeline: Timeline, emotions: Sequence[str], frames: int) -> Floats:
    """Return the generator's emotion input (T, E): intensity x one-hot of every frame.

    A new feeling fades in linearly over 0.4 s from its start, as feelings do in the training
    clips; a later one may interrupt the fade.

    Raises:
        WrongUse: a feeling begins after the last frame.
    """
    length_s = frames / FPS
    late = [feeling for feeling in timeline if feeling.start_s >= length_s]
    if late:
        raise WrongUse(
            f"emotion time line: {late[0].emotion} begins at {late[0].start_s:g} s, but the speech "
            f"is {length_s:g} s long"
        )
    times_s = np.arange(frames) / FPS
    weights_TE = np.zeros((frames, len(emotions)))
    for index, feeling in enumerate(timeline):
        target_E = np.zeros(len(emotions))
        target_E[emotions.index(feeling.emotion)] = feeling.intensity
        share_T = np.clip((times_s - feeling.start_s) / FADE_S, 0.0, 1.0)
        if index == 0:
            share_T = np.ones(frames)
        begun_T = times_s >= feeling.start_s
        before_E = weights_TE[np.argmax(begun_T)].copy()
        share_T1 = share_T[begun_T, None]
        weights_TE[begun_T] = (1 - share_T1) * before_E + share_T1 * target_E
    return weights_TE.astype(np.float32)


def intensity_note(timeline: Timeline, *, use_intensity: bool) -> str:
    """Return one line on intensities that a model has not learnt, or nothing.

    Args:
        timeline: what is asked for.
        use_intensity: whether the model was trained on intensities.
    """
    weaker = [feeling for feeling in timeline if feeling.intensity != 1.0]
    if use_intensity or not weaker:
        return ""
    asked = ", ".join(f"{feeling.emotion}:{feeling.intensity:g}" for feeling in weaker)
    return (
        f"emotion {asked}: this model was trained on full emotions only "
        "(emotion.use_intensity=false); the intensity is passed on, but what it does is not learnt"
    )


def _entry(entry: str, emotions: Sequence[str]) -> Feeling:
    time, equals, feeling = entry.partition("=")
    start_s = _number(time) if equals else None
    if start_s is None or start_s < 0:
        raise WrongUse(
            f"emotion time line: {entry!r} is not SECONDS=NAME or SECONDS=NAME:INTENSITY; "
            f"write for example {EXAMPLES}"
        )
    return _feeling(start_s, feeling.strip(), emotions)


def _feeling(start_s: float, text: str, emotions: Sequence[str]) -> Feeling:
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
    return Feeling(start_s, name, intensity)


def _number(text: str) -> float | None:
    """Return a number in decimal digits, None for whatever else Python takes for one."""
    number = float(text) if NUMBER.fullmatch(text.strip()) else math.inf
    return number if math.isfinite(number) else None
