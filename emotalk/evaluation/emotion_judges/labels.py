"""Map the labels of public expression models to the emotions of this package."""

from collections.abc import Sequence

from emotalk.errors import WrongUse
from emotalk.evaluation.emotion_judges.judge import CLASSES, OTHER
from emotalk.printable import quoted
from emotalk.schema import EMOTIONS

ALIASES: dict[str, tuple[str, ...]] = {
    "anger": ("angry", "ang"),
    "disgust": ("disgusted", "dis"),
    "fear": ("fearful", "afraid", "scared", "fea"),
    "happiness": ("happy", "joy", "hap"),
    "neutral": ("neu", "calm"),
    "sadness": ("sad",),
    OTHER: ("surprise", "surprised", "surprising", "contempt", "none", "unknown", "confused"),
}
"""Class -> further names of it in public models; expressions beyond the six are `other`."""

_CLASS_OF = {name: place for place, name in enumerate(CLASSES)}
_CLASS_OF |= {alias: _CLASS_OF[name] for name, aliases in ALIASES.items() for alias in aliases}


def classes_of(labels: Sequence[str]) -> tuple[int, ...]:
    """Return the index in `CLASSES` of each label of a model.

    Raises:
        WrongUse: an unknown label, one that occurs twice, or fewer than two of the six emotions.
    """
    plain = [label.strip().lower() for label in labels]
    unknown = [label for label in plain if label not in _CLASS_OF]
    if unknown:
        known = ", ".join(sorted(_CLASS_OF))
        raise WrongUse(
            f"emotion.labels: {', '.join(map(quoted, unknown))} is none of {known}; call an "
            f"expression beyond {', '.join(EMOTIONS)} {quoted(OTHER)}"
        )
    # two classes of `other` may both be called so; of the rest each has one name
    twice = sorted({x for x in plain if plain.count(x) > 1 and x != OTHER})
    if twice:
        raise WrongUse(f"emotion.labels: {', '.join(map(quoted, twice))} is named more than once")
    found = tuple(_CLASS_OF[label] for label in plain)
    if len({place for place in found if place < len(EMOTIONS)}) < 2:
        raise WrongUse(
            f"emotion.labels: {', '.join(map(quoted, plain))} names fewer than two of "
            f"{', '.join(EMOTIONS)}, between which a judge of emotions has to choose"
        )
    return found
