"""Define a spoken sound with its times, and the classes of sounds that show on the lips."""

from typing import NamedTuple

BILABIALS = frozenset({"P", "B", "M"})
"""Sounds of ARPAbet for which both lips are shut."""

OPEN_VOWELS = frozenset({"AA", "AE", "AW", "AY", "EH", "EY"})
"""Vowels for which the mouth is open. Close and rounded ones, and the reduced AH, are not."""


class Phone(NamedTuple):
    """A spoken sound of ARPAbet, without stress, and its times in seconds."""

    name: str
    start: float
    end: float

    @property
    def middle(self) -> float:
        """Return the time of its middle in seconds."""
        return (self.start + self.end) / 2
