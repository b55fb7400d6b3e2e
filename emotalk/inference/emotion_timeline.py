"""Parse the wanted emotion over time: `happy`, `anger:0.8`, `0=neutral,1.5=anger:0.8`."""

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias, get_args

import numpy as np

from emotalk.errors import WrongUse
from emotalk.inference.emotion_mix import EmotionMix, parse_mix, read_number
from emotalk.printable import quoted
from emotalk.schema import FPS, NEUTRAL, Doubles, Floats

Changes: TypeAlias = Literal["fade", "linear", "step"]
FADE_S = 0.4
EXAMPLES = "0=neutral,1.5=anger:0.8"


@dataclass(frozen=True)
class TimelineEntry:
    """Hold one entry of a timeline."""

    start_s: float  # in the speech
    mix: EmotionMix


@dataclass(frozen=True)
class Timeline:
    """Hold the emotions of an utterance in order of time, the first one at 0 s.

    `fade`: each emotion begins at its time and is whole 0.4 s later, as emotions change in the
    training clips. `linear`: each is whole at its time; between two times the emotion goes in a
    straight line from one to the next. `step`: each is whole from the first frame at its time on.
    """

    entries: tuple[TimelineEntry, ...]
    changes: Changes = "fade"

    @property
    def names(self) -> tuple[str, ...]:
        """Return the names of all emotions that are asked for, each once, in order of time."""
        return tuple(dict.fromkeys(name for entry in self.entries for name in entry.mix.names))

    def scaled(self, factor: float) -> "Timeline":
        """Return the timeline with all weights multiplied by a factor in [0, 1]."""
        return replace(
            self,
            entries=tuple(replace(entry, mix=entry.mix.scaled(factor)) for entry in self.entries),
        )


def parse_timeline(text: str, emotions: Sequence[str]) -> Timeline:
    """Return the timeline that a text states.

    Args:
        text: an emotion or a mixture (`emotalk.inference.emotion_mix`), or a list with commas of
            `SECONDS=EMOTION`, before which `linear` or `step` may stand: `linear,0=sad,2=happy`.
        emotions: names that the model knows.

    Raises:
        WrongUse: an emotion is not understood, or times do not rise from 0.
    """
    first, comma, rest = text.partition(",")
    word = first.strip().casefold()
    changes = next((known for known in get_args(Changes) if known == word), None)
    if changes is not None and not comma:
        raise WrongUse(
            f"emotion {quoted(text)}: {word} says how a time line changes; write the time line "
            f"after it, for example {word},{EXAMPLES}"
        )
    listed = text if changes is None else rest
    if changes is None and not comma and "=" not in text:
        return Timeline((TimelineEntry(0.0, parse_mix(text, emotions)),))
    entries = tuple(_entry(entry.strip(), emotions) for entry in listed.split(","))
    for before, after in itertools.pairwise(entries):
        if after.start_s <= before.start_s:
            raise WrongUse(
                f"emotion {quoted(text)}: {after.start_s:g} s comes after {before.start_s:g} s; "
                "write the entries in order of time, each time once"
            )
    if entries[0].start_s != 0:
        start = NEUTRAL if NEUTRAL in emotions else emotions[0]
        raise WrongUse(
            f"emotion {quoted(text)}: the time line begins at {entries[0].start_s:g} s; state the "
            f"emotion from 0 s on too, for example 0={start},{quoted(listed)[1:-1]}"
        )
    return Timeline(entries, changes or "fade")


def timeline_weights(timeline: Timeline, emotions: Sequence[str], frames: int) -> Floats:
    """Return the generator's emotion input (T, E): the weights of every frame.

    An entry may begin while the fade to the one before still lasts.

    Raises:
        WrongUse: an entry begins after the last frame.
    """
    length_s = frames / FPS
    late = [entry for entry in timeline.entries if entry.start_s >= length_s]
    if late:
        raise WrongUse(
            f"emotion time line: {late[0].mix} begins at {late[0].start_s:g} s, but the speech "
            f"is {length_s:g} s long; begin it earlier or leave it out"
        )
    targets_KE = np.stack([entry.mix.weights(emotions) for entry in timeline.entries])
    starts_K = np.array([entry.start_s for entry in timeline.entries])
    times_T = np.arange(frames) / FPS
    if timeline.changes == "linear":
        columns = [np.interp(times_T, starts_K, targets_KE[:, e]) for e in range(len(emotions))]
        return np.stack(columns, 1).astype(np.float32)
    if timeline.changes == "step":
        weights_TE: Floats = targets_KE[np.searchsorted(starts_K, times_T, side="right") - 1]
        return weights_TE
    return _faded(targets_KE.astype(np.float64), starts_K, times_T)


def _faded(targets_KE: Doubles, starts_K: Doubles, times_T: Doubles) -> Floats:
    weights_TE = np.tile(targets_KE[0], (len(times_T), 1))
    for target_E, start_s in zip(targets_KE[1:], starts_K[1:], strict=True):
        begun_T = times_T >= start_s
        share_T1 = np.minimum((times_T[begun_T, None] - start_s) / FADE_S, 1.0)
        before_E = weights_TE[np.argmax(begun_T)].copy()
        weights_TE[begun_T] = (1 - share_T1) * before_E + share_T1 * target_E
    return weights_TE.astype(np.float32)


def intensity_note(timelines: Iterable[Timeline], *, use_intensity: bool) -> str:
    """Return a note on weights that the model was not trained on, or an empty string."""
    asked = [entry.mix for timeline in timelines for entry in timeline.entries]
    mixes = [str(mix) for mix in asked if len(mix.parts) > 1]
    weaker = [str(mix) for mix in asked if not mix.is_full]
    if not use_intensity and weaker:
        return (
            f"emotion {', '.join(dict.fromkeys(weaker))}: this model was trained on full emotions "
            "only (emotion.use_intensity=false); the weights are passed on, but their effect was "
            "not trained"
        )
    if mixes:
        return (
            f"emotion {', '.join(dict.fromkeys(mixes))}: training shows one emotion at a time; the "
            "face is what this model makes of the mixture"
        )
    return ""


def _entry(text: str, emotions: Sequence[str]) -> TimelineEntry:
    time, equals, emotion = text.partition("=")
    start_s = read_number(time) if equals else None
    if start_s is None or start_s < 0:
        raise WrongUse(
            f"emotion time line: {quoted(text)} is not SECONDS=EMOTION; write for example "
            f"{EXAMPLES}, with a point in decimal numbers and a comma between entries"
        )
    return TimelineEntry(start_s, parse_mix(emotion, emotions))
