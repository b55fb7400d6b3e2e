"""Define six emotions as facial movements and prosody.

The movements are action units of the Facial Action Coding System (Ekman and Friesen 1978), the
emotions its prototypes. They scale with the level.
"""

from dataclasses import astuple, dataclass, fields

from emotalk.schema import Doubles
from emotalk.synthetic.canvas import smooth_step

ONSET_S = 0.4
LEVELS: dict[str, float] = {"LO": 0.5, "MD": 0.75, "HI": 1.0, "XX": 0.85}
CODES: dict[str, str] = {
    "ANG": "anger",
    "DIS": "disgust",
    "FEA": "fear",
    "HAP": "happiness",
    "NEU": "neutral",
    "SAD": "sadness",
}


@dataclass(frozen=True)
class Expression:
    """Movements at one time; 0 is rest, 1 the strongest."""

    inner_brow_raise: float = 0.0  # AU 1
    outer_brow_raise: float = 0.0  # AU 2
    brow_lower: float = 0.0  # AU 4, with the brows drawn together
    lid_raise: float = 0.0  # AU 5
    cheek_raise: float = 0.0  # AU 6
    lid_tighten: float = 0.0  # AU 7
    lid_droop: float = 0.0  # AU 43, partly
    nose_wrinkle: float = 0.0  # AU 9
    upper_lip_raise: float = 0.0  # AU 10
    corner_raise: float = 0.0  # AU 12
    corner_lower: float = 0.0  # AU 15
    chin_raise: float = 0.0  # AU 17
    lip_stretch: float = 0.0  # AU 20
    lip_press: float = 0.0  # AU 24
    gaze_down: float = 0.0  # AU 64
    flush: float = 0.0  # redder cheeks, below 0 paler

    def scaled(self, strength: float) -> "Expression":
        """Return every movement times `strength`."""
        return Expression(*(strength * value for value in astuple(self)))


MOVEMENTS: tuple[str, ...] = tuple(field.name for field in fields(Expression))

PROTOTYPES: dict[str, Expression] = {
    "anger": Expression(
        brow_lower=1.0, lid_raise=0.25, lid_tighten=0.8, lip_press=1.0, chin_raise=0.4, flush=0.8
    ),
    "disgust": Expression(
        brow_lower=0.45,
        cheek_raise=0.5,
        lid_tighten=0.7,
        nose_wrinkle=1.0,
        upper_lip_raise=1.0,
        corner_lower=0.45,
    ),
    "fear": Expression(
        inner_brow_raise=1.0,
        outer_brow_raise=0.75,
        brow_lower=0.2,
        lid_raise=1.0,
        lip_stretch=1.0,
        corner_lower=0.25,
        flush=-0.8,
    ),
    "happiness": Expression(
        outer_brow_raise=0.15, cheek_raise=1.0, lid_tighten=0.35, corner_raise=1.0, flush=0.35
    ),
    "neutral": Expression(),
    "sadness": Expression(
        inner_brow_raise=0.9,
        brow_lower=0.25,
        lid_droop=0.75,
        corner_lower=1.0,
        chin_raise=0.8,
        gaze_down=1.0,
        flush=-0.2,
    ),
}


@dataclass(frozen=True)
class Prosody:
    """Prosody of an emotion at full strength, relative to neutral speech.

    `breath` and `tremble` are amounts from 0 to 1, the others are factors.
    """

    pitch: float = 1.0
    pitch_range: float = 1.0
    energy: float = 1.0
    tempo: float = 1.0
    opening: float = 1.0
    breath: float = 0.1
    tremble: float = 0.0

    def at(self, strength: float) -> "Prosody":
        """Return the prosody between neutral speech (0) and this one (1)."""
        normal = Prosody()
        return Prosody(
            *(n + strength * (v - n) for n, v in zip(astuple(normal), astuple(self), strict=True))
        )


PROSODIES: dict[str, Prosody] = {
    "anger": Prosody(1.22, 1.6, 1.7, 1.06, 1.12),
    "disgust": Prosody(0.90, 1.3, 0.95, 0.95, 0.95, 0.25),
    "fear": Prosody(1.45, 0.9, 1.1, 1.08, 0.98, 0.35, 1.0),
    "happiness": Prosody(1.30, 1.9, 1.35, 1.03, 1.08),
    "neutral": Prosody(),
    "sadness": Prosody(0.86, 0.45, 0.55, 0.92, 0.84, 0.45),
}


def onset(times_s: Doubles) -> Doubles:
    """Return the share of the full expression, a smooth step from 0 at time 0 to 1 at `ONSET_S`."""
    return smooth_step(times_s, 0.0, ONSET_S)


def movements(emotion: str, level: str, times_s: Doubles) -> dict[str, Doubles]:
    """Return all movements over time, each (T,), of an emotion's name and a level's code."""
    full = PROTOTYPES[emotion].scaled(LEVELS[level])
    share = onset(times_s)
    return {name: share * getattr(full, name) for name in MOVEMENTS}
