"""Choose the stretches of a recording: as much speech as possible, and no word split."""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from etl.recording.voice import Interval

AROUND_S = 0.2  # silence that a stretch keeps before its first and after its last word
LONGEST_SILENCE_S = 1.5  # within a stretch
ROUNDING_S = 0.002  # time stamps of some containers are rounded to milliseconds
STEP_S = 0.02  # in which the seconds that are left out are counted


@dataclass(frozen=True)
class Limits:
    """Conditions for a stretch."""

    min_seconds: float
    max_seconds: float
    min_voice_share: float


@dataclass(frozen=True)
class _Spoken:
    """An utterance within a period of one steady face, and how far a stretch may reach about it.

    The limits are the period's ends, or the middles of the pauses to the utterances before and
    after where these reach into the period, so that two stretches never overlap.
    """

    voice: Interval
    low_s: float
    high_s: float


def cut(faces: Sequence[Interval], voice: Sequence[Interval], limits: Limits) -> list[Interval]:
    """Return the stretches, in order.

    Each lies within one of the periods `faces`, begins and ends in pauses, holds whole utterances
    only, and meets the limits. Of all choices the one with the most speech is taken.
    """
    starts_s = [spoken.start_s for spoken in voice]
    found: list[Interval] = []
    for period in faces:
        found += _best(_spoken_in(period, voice, starts_s), limits)
    return found


def left_out_seconds(
    duration_s: float,
    faces: Sequence[Interval],
    voice: Sequence[Interval],
    stretches: Sequence[Interval],
    damaged: Sequence[Interval] = (),
) -> dict[str, float]:
    """Return how many seconds are in no stretch, by reason.

    `no_voice` where nobody speaks, `no_face` where somebody speaks and no steady face is seen,
    `broken` where both are there; `damaged` where the picture is.
    """
    count = round(duration_s / STEP_S)
    speaks, seen, lost = (_in_steps(periods, count) for periods in (voice, faces, damaged))
    rest = ~_in_steps(stretches, count) & ~lost
    found = {
        "no_voice": rest & ~speaks,
        "no_face": rest & speaks & ~seen,
        "broken": rest & speaks & seen,
        "damaged": lost,
    }
    return {why: STEP_S * float(steps.sum()) for why, steps in found.items()}


def _in_steps(periods: Sequence[Interval], count: int) -> NDArray[np.bool_]:
    """Return for each step of `STEP_S` whether it lies in one of the periods."""
    inside = np.zeros(count, np.bool_)
    for period in periods:
        inside[round(max(0.0, period.start_s) / STEP_S) : round(period.end_s / STEP_S)] = True
    return inside


def _spoken_in(
    period: Interval, voice: Sequence[Interval], starts_s: Sequence[float]
) -> list[_Spoken]:
    """Return the utterances that lie wholly within a period."""
    found = []
    for number in range(bisect_left(starts_s, period.start_s), len(voice)):
        spoken = voice[number]
        if spoken.end_s > period.end_s:
            break
        low_s, high_s = period.start_s, period.end_s
        if number and voice[number - 1].end_s > low_s:
            low_s = (voice[number - 1].end_s + spoken.start_s) / 2
        if number + 1 < len(voice) and voice[number + 1].start_s < high_s:
            high_s = (spoken.end_s + voice[number + 1].start_s) / 2
        found.append(_Spoken(spoken, low_s, high_s))
    return found


@dataclass(frozen=True)
class _Choice:
    """The best choice among the first utterances of a period."""

    speech_s: float = 0.0  # in its stretches
    count: int = 0  # of its stretches
    before: int = 0  # number of utterances before the last of the choice
    stretch: Interval | None = None  # that ends with the last utterance; None: it is left out


def _best(spoken: Sequence[_Spoken], limits: Limits) -> list[Interval]:
    """Return the stretches of one period with the most speech; of equals the fewest."""
    best = [_Choice()]
    for last in range(len(spoken)):
        choice = replace(best[last], before=last, stretch=None)
        for first in range(last, -1, -1):
            part = spoken[first : last + 1]
            if part[-1].voice.end_s - part[0].voice.start_s > limits.max_seconds:
                break
            if first < last and _gap_s(spoken[first], spoken[first + 1]) > LONGEST_SILENCE_S:
                break
            stretch = _stretch_of(part, limits)
            if stretch is not None:
                speech_s = best[first].speech_s + sum(item.voice.seconds for item in part)
                other = _Choice(round(speech_s, 6), best[first].count + 1, first, stretch)
                choice = max(choice, other, key=lambda c: (c.speech_s, -c.count))
        best.append(choice)
    return _walk_back(best)


def _walk_back(best: Sequence[_Choice]) -> list[Interval]:
    """Return the stretches of the last choice, in order."""
    found, number = [], len(best) - 1
    while number:
        choice = best[number]
        if choice.stretch is not None:
            found.append(choice.stretch)
        number = choice.before
    return found[::-1]


def _gap_s(before: _Spoken, after: _Spoken) -> float:
    return after.voice.start_s - before.voice.end_s


def _stretch_of(part: Sequence[_Spoken], limits: Limits) -> Interval | None:
    """Return the stretch that holds these utterances, None if it cannot meet the limits.

    It keeps `AROUND_S` of silence at its ends, more where it would be too short, less where it
    would be too long.
    """
    first_s, last_s = part[0].voice.start_s, part[-1].voice.end_s
    around_s = min(AROUND_S, (limits.max_seconds - (last_s - first_s)) / 2)
    low_s, high_s = max(part[0].low_s, first_s - around_s), min(part[-1].high_s, last_s + around_s)
    lacking_s = limits.min_seconds - (high_s - low_s)
    if lacking_s > 0:
        room_s = (low_s - part[0].low_s, part[-1].high_s - high_s)
        if sum(room_s) < lacking_s - ROUNDING_S:
            return None
        lacking_s = min(lacking_s, sum(room_s))
        before_s = min(room_s[0], max(lacking_s / 2, lacking_s - room_s[1]))
        low_s, high_s = low_s - before_s, high_s + lacking_s - before_s
    speech_s = sum(item.voice.seconds for item in part)
    if speech_s < limits.min_voice_share * (high_s - low_s):
        return None
    return Interval(low_s, high_s)
