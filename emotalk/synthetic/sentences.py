"""Define the twelve sentences as phonemes, and the articulation of phonemes.

The values are usual textbook ones. The opening of the mouth sets a vowel's first formant, the table
its second and third.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Phone:
    """Target of the articulators for some time."""

    opening: float  # of the mouth, 0 closed to 1 wide open; also sets the first formant
    f2: float  # second formant in Hz for an average voice
    f3: float
    duration_s: float  # at normal tempo
    voice: float = 1.0  # loudness of the vocal folds, 0 to 1
    noise: float = 0.0  # loudness of the hiss or burst, 0 to 1
    noise_hz: float = 2500.0  # centre of the hiss
    noise_width_hz: float = 1200.0
    nasal: float = 0.0  # 1 for nasal sounds


def _vowel(opening: float, f2: float, f3: float = 2550.0, duration_s: float = 0.12) -> Phone:
    return Phone(opening, f2, f3, duration_s)


def _hiss(opening: float, f2: float, hz: float, width: float, noise: float, voice: float) -> Phone:
    return Phone(opening, f2, 2550.0, 0.085, voice, noise, hz, width)


def _closure(opening: float, f2: float, voice: float) -> Phone:
    return Phone(opening, f2, 2500.0, 0.065, voice)


def _burst(opening: float, f2: float, hz: float, noise: float) -> Phone:
    return Phone(opening, f2, 2500.0, 0.03, 0.15, noise, hz, 1500.0)


def _nasal(opening: float, f2: float) -> Phone:
    return Phone(opening, f2, 2400.0, 0.08, 0.55, nasal=1.0)


SILENCE = Phone(0.0, 1500.0, 2500.0, 0.1, voice=0.0)

# A phoneme is one target or a short run of them (diphthongs; closure and burst of a plosive).
PHONEMES: dict[str, tuple[Phone, ...]] = {
    "IY": (_vowel(0.22, 2290, 3010),),
    "IH": (_vowel(0.36, 1990, duration_s=0.09),),
    "EH": (_vowel(0.60, 1840),),
    "AE": (_vowel(0.88, 1720, 2410, 0.14),),
    "AA": (_vowel(1.0, 1120, 2440, 0.15),),
    "AO": (_vowel(0.68, 850, 2410, 0.14),),
    "AH": (_vowel(0.62, 1240, 2390, 0.085),),
    "UH": (_vowel(0.38, 1020, 2240, 0.09),),
    "UW": (_vowel(0.20, 860, 2240),),
    "ER": (_vowel(0.40, 1350, 1690),),
    "EY": (_vowel(0.58, 1900, duration_s=0.08), _vowel(0.28, 2200, 2800, 0.07)),
    "AY": (_vowel(0.95, 1250, 2440, 0.10), _vowel(0.36, 2000, 2600, 0.07)),
    "AW": (_vowel(0.95, 1250, 2440, 0.10), _vowel(0.30, 900, 2250, 0.08)),
    "OW": (_vowel(0.60, 920, 2400, 0.09), _vowel(0.24, 840, 2240, 0.08)),
    "OY": (_vowel(0.66, 850, 2400, 0.10), _vowel(0.34, 2000, 2600, 0.07)),
    "P": (_closure(0.0, 950, 0.0), _burst(0.10, 1000, 1000, 0.35)),
    "B": (_closure(0.0, 950, 0.15), _burst(0.10, 1000, 900, 0.20)),
    "M": (_nasal(0.0, 1000),),
    "F": (_hiss(0.06, 1200, 3600, 2600, 0.28, 0.0),),
    "V": (_hiss(0.06, 1200, 3400, 2600, 0.16, 0.45),),
    "TH": (_hiss(0.16, 1450, 3300, 2200, 0.22, 0.0),),
    "DH": (_hiss(0.16, 1450, 2900, 2000, 0.12, 0.50),),
    "T": (_closure(0.14, 1800, 0.0), _burst(0.20, 1800, 3600, 0.50)),
    "D": (_closure(0.14, 1800, 0.15), _burst(0.20, 1800, 3200, 0.30)),
    "N": (_nasal(0.16, 1700),),
    "L": (_vowel(0.32, 1150, 2700, 0.075),),
    "S": (_hiss(0.15, 1800, 5200, 1900, 0.55, 0.0),),
    "Z": (_hiss(0.15, 1800, 5000, 1900, 0.35, 0.35),),
    "JH": (_closure(0.14, 1500, 0.1), _hiss(0.20, 1250, 2700, 1100, 0.50, 0.30)),
    "K": (_closure(0.24, 1700, 0.0), _burst(0.28, 1700, 1900, 0.45)),
    "G": (_closure(0.24, 1700, 0.15), _burst(0.28, 1700, 1800, 0.28)),
    "NG": (_nasal(0.22, 1900),),
    "R": (_vowel(0.26, 1100, 1500, 0.075),),
    "W": (_vowel(0.10, 640, 2200, 0.085),),
    "HH": (_hiss(0.40, 1500, 1600, 1600, 0.22, 0.0),),
}


@dataclass(frozen=True)
class Sentence:
    """A sentence of CREMA-D."""

    text: str  # as spelt
    phonemes: str  # names in `PHONEMES`, a space between phonemes and `|` between words
    stressed: tuple[int, ...]  # indices of the stressed words

    @property
    def words(self) -> tuple[tuple[str, ...], ...]:
        """Return the phonemes of each word."""
        return tuple(tuple(word.split()) for word in self.phonemes.split("|"))


# By their code in CREMA-D's file names.
SENTENCES: dict[str, Sentence] = {
    "IEO": Sentence("It's eleven o'clock.", "IH T S|IH L EH V AH N|AH K L AA K", (1, 2)),
    "TIE": Sentence(
        "That is exactly what happened.",
        "DH AE T|IH Z|IH G Z AE K T L IY|W AH T|HH AE P AH N D",
        (2, 4),
    ),
    "IOM": Sentence(
        "I'm on my way to the meeting.", "AY M|AA N|M AY|W EY|T UW|DH AH|M IY T IH NG", (3, 6)
    ),
    "IWW": Sentence(
        "I wonder what this is about.", "AY|W AH N D ER|W AH T|DH IH S|IH Z|AH B AW T", (1, 5)
    ),
    "TAI": Sentence(
        "The airplane is almost full.", "DH IY|EH R P L EY N|IH Z|AO L M OW S T|F UH L", (1, 4)
    ),
    "MTI": Sentence(
        "Maybe tomorrow it will be cold.",
        "M EY B IY|T AH M AA R OW|IH T|W IH L|B IY|K OW L D",
        (1, 5),
    ),
    "IWL": Sentence(
        "I would like a new alarm clock.", "AY|W UH D|L AY K|AH|N UW|AH L AA R M|K L AA K", (5, 6)
    ),
    "ITH": Sentence(
        "I think I have a doctor's appointment.",
        "AY|TH IH NG K|AY|HH AE V|AH|D AA K T ER Z|AH P OY N T M AH N T",
        (5, 6),
    ),
    "DFA": Sentence("Don't forget a jacket.", "D OW N T|F ER G EH T|AH|JH AE K AH T", (0, 1, 3)),
    "ITS": Sentence(
        "I think I've seen this before.", "AY|TH IH NG K|AY V|S IY N|DH IH S|B IH F AO R", (3, 5)
    ),
    "TSI": Sentence("The surface is slick.", "DH AH|S ER F AH S|IH Z|S L IH K", (1, 3)),
    "WSI": Sentence(
        "We'll stop in a couple of minutes.",
        "W IY L|S T AA P|IH N|AH|K AH P AH L|AH V|M IH N AH T S",
        (1, 4, 6),
    ),
}
