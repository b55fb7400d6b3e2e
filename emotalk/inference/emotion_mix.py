"""Parse an emotion or a mixture of emotions: `happiness`, `Sad:0.5`, `happiness:0.6+fear:0.4`."""

import difflib
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from emotalk.errors import WrongUse
from emotalk.printable import quoted
from emotalk.schema import Floats

NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?", re.ASCII | re.IGNORECASE)
SYNONYMS: dict[str, tuple[str, ...]] = {
    "anger": ("angry", "mad", "furious", "rage", "ang"),
    "contempt": ("contemptuous", "scornful"),
    "disgust": ("disgusted", "dis"),
    "fear": ("fearful", "afraid", "scared", "frightened", "fea"),
    "happiness": ("happy", "joy", "joyful", "glad", "hap"),
    "neutral": ("calm", "neu"),
    "sadness": ("sad", "unhappy"),
    "surprise": ("surprised",),
}
"""Emotion -> everyday words, MEAD's and CREMA-D's."""
EMOTION_OF = {word: name for name, words in SYNONYMS.items() for word in words}
ROUNDING = 1e-6  # by which written weights may exceed 1 in all, as 0.1 + 0.2 + 0.7 does


@dataclass(frozen=True)
class EmotionMix:
    """Hold one emotion or several with their weights."""

    parts: tuple[tuple[str, float], ...]  # name that the model knows, weight in [0, 1]; 1 at most

    @property
    def names(self) -> tuple[str, ...]:
        """Return the names of the emotions in their order."""
        return tuple(name for name, _ in self.parts)

    @property
    def is_full(self) -> bool:
        """Return whether it is one emotion of full intensity, as most models were trained on."""
        return len(self.parts) == 1 and self.parts[0][1] == 1.0

    def weights(self, emotions: Sequence[str]) -> Floats:
        """Return the generator's emotion input (E,): the weight of each of its emotions."""
        weights_E = np.zeros(len(emotions), np.float32)
        for name, weight in self.parts:
            weights_E[emotions.index(name)] = weight
        return weights_E

    def scaled(self, factor: float) -> "EmotionMix":
        """Return the mixture with all weights multiplied by a factor in [0, 1]."""
        return EmotionMix(tuple((name, factor * weight) for name, weight in self.parts))

    def __str__(self) -> str:
        """Return the text that `parse_mix` reads as this mixture."""
        if self.is_full:
            return self.parts[0][0]
        return "+".join(f"{name}:{weight:g}" for name, weight in self.parts)


def parse_mix(text: str, emotions: Sequence[str]) -> EmotionMix:
    """Return the emotion, or the mixture, that a text states.

    A name is the model's own or a word for it (`happy`, `Angry`, `afraid`), in any case. Names
    without a weight share what the others leave of 1: all of it where there is one name.

    Args:
        text: `NAME`, `NAME:WEIGHT`, or several of them joined by `+`.
        emotions: names that the model knows.

    Raises:
        WrongUse: a name is unknown or stands twice, a weight is outside [0, 1], the weights sum to
            more than 1, or nothing is left for a name without one.
    """
    written = [_part(part, emotions) for part in text.split("+")]
    names = [name for name, _ in written]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise WrongUse(
            f"emotion {quoted(text)}: {twice} stands twice in the mixture; name it once, with its "
            f"whole weight, e.g. {twice}:0.6"
        )
    total = math.fsum(weight for _, weight in written if weight is not None)
    if total > 1 + ROUNDING:
        raise WrongUse(
            f"emotion {quoted(text)}: the weights sum to {total:g}, more than 1; make them smaller,"
            f" e.g. {_scaled(written, total)}"
        )
    open_names = [name for name, weight in written if weight is None]
    rest = 1 - total
    if open_names and rest <= ROUNDING:
        raise WrongUse(
            f"emotion {quoted(text)}: the weights sum to 1 already, so nothing is left for "
            f"{open_names[0]}; give it a weight and lower another"
        )
    share = rest / len(open_names) if open_names else 0.0
    return EmotionMix(tuple((name, share if w is None else w) for name, w in written))


def resolve_emotion(text: str, emotions: Sequence[str]) -> str:
    """Return the model's name of an emotion that is given by name or by a word for it.

    Raises:
        WrongUse: the model has no such emotion; the message lists those it has.
    """
    word = text.strip().casefold()
    by_word = {name.casefold(): name for name in emotions}
    meant = EMOTION_OF.get(word, word)
    for candidate in (word, meant):
        if candidate in by_word:
            return by_word[candidate]
    has = f"this model has {', '.join(emotions)}"
    if meant in SYNONYMS:
        raise WrongUse(f"emotion {quoted(text.strip())}: {has}, and no {meant}; choose one of them")
    words = [*by_word, *(word for word, name in EMOTION_OF.items() if name in by_word)]
    close = difflib.get_close_matches(word, words, n=1)
    hint = f"; did you mean {close[0]}?" if close else "; choose one of them"
    raise WrongUse(f"emotion {quoted(text.strip())}: {has}{hint}")


def read_number(text: str) -> float | None:
    """Return the number that a text states in decimal digits, or None for any other text."""
    number = float(text) if NUMBER.fullmatch(text.strip()) else math.inf
    return number if math.isfinite(number) else None


def _part(text: str, emotions: Sequence[str]) -> tuple[str, float | None]:
    """Return the name and the weight, if one is written, of one part of a mixture."""
    written, colon, level = text.partition(":")
    name = resolve_emotion(written, emotions)
    if not colon:
        return name, None
    weight = read_number(level)
    if weight is None or not 0 <= weight <= 1:
        raise WrongUse(
            f"emotion {quoted(text.strip())}: {quoted(level.strip())} is not a number from 0 to 1, "
            f"e.g. {name}:0.8"
        )
    return name, abs(weight)


def _scaled(written: Sequence[tuple[str, float | None]], total: float) -> str:
    """Return a mixture with the same proportions that sums to 1, rounded down to hundredths."""
    return "+".join(
        f"{name}:{math.floor(100 * weight / total) / 100:g}"
        for name, weight in written
        if weight is not None
    )
