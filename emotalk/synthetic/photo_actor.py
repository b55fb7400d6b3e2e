"""Draw people, places, cameras and microphones that differ as widely as photographs do.

The plain corpus shows frontal, evenly lit faces of few colours before a wall. A network that has
seen nothing else takes a photograph for something foreign. The draws here are wide, not realistic:
what is drawn must not be the only thing that varies (domain randomisation, Tobin et al. 2017).
"""

from dataclasses import replace
from typing import Literal, get_args

import numpy as np

from emotalk.errors import WrongUse
from emotalk.seeding import draw_seed, numpy_generator
from emotalk.synthetic.actor import (
    COLLARS,
    FEMALE_STYLES,
    MALE_STYLES,
    Actor,
    FaceShape,
    Look,
    make_actor,
)
from emotalk.synthetic.backdrop import BACKDROPS
from emotalk.synthetic.camera import RGB, Camera, Light, Tone
from emotalk.synthetic.lens import Lens
from emotalk.synthetic.microphone import BANDS_HZ, Microphone

Variety = Literal["plain", "photo"]
VARIETIES: tuple[Variety, ...] = get_args(Variety)

SHAPE_SPREAD = 2.2  # deviations of a plain face's sizes from the average, times this


def make_person(seed: int, number: int, variety: Variety = "plain") -> Actor:
    """Return the person `number` of the corpus `seed`; the same arguments give the same person.

    Sex and age do not depend on the variety.

    Raises:
        WrongUse: no such variety.
    """
    if variety not in VARIETIES:
        raise WrongUse(
            f"synthetic corpus: no variety {variety!r}; choose one of {', '.join(VARIETIES)}"
        )
    actor = make_actor(seed, number)
    if variety == "plain":
        return actor
    generator = numpy_generator(seed, "photo", number)
    look = _look(generator, actor)
    return replace(
        actor,
        shape=_shape(generator, actor),
        look=look,
        pitch_hz=actor.pitch_hz * float(generator.uniform(0.8, 1.3)),
        tract=actor.tract * float(generator.uniform(0.92, 1.1)),
        tempo=float(generator.uniform(0.82, 1.25)),
        arrives=True,
        camera=_camera(generator, draw_seed(seed, "camera", number), look),
        microphone=_microphone(generator, draw_seed(seed, "microphone", number)),
    )


def _shape(generator: np.random.Generator, actor: Actor) -> FaceShape:
    """Return a face whose sizes differ more, and whose parts do not overlap."""
    plain, male = actor.shape, actor.sex == "Male"
    nose_y = float(generator.uniform(36.0, 47.0))
    upper_lip, lower_lip = generator.uniform(3.5, 9.5), generator.uniform(5.0, 12.5)
    mouth_y = nose_y + upper_lip + float(generator.uniform(15.0, 24.0))
    chin_y = mouth_y + lower_lip + float(generator.uniform(24.0, 40.0))
    return FaceShape(
        half_width=float(generator.uniform(62.0, 75.0)),
        chin_y=chin_y,
        squareness=float(generator.uniform(0.0, 1.0)),
        eye_x=31.0 + SHAPE_SPREAD * (plain.eye_x - 31.0),
        eye_half_width=float(generator.uniform(9.5, 14.5)),
        eye_height=float(generator.uniform(3.6, 7.2)),
        eye_tilt=float(generator.uniform(-1.5, 3.0)),
        brow_y=float(generator.uniform(-26.0, -15.0)),
        brow_half_height=float(generator.uniform(1.4, 4.6 if male else 3.6)),
        brow_arch=float(generator.uniform(1.0, 7.0)),
        nose_y=nose_y,
        nose_half_width=float(generator.uniform(11.0, 18.5)),
        mouth_y=mouth_y,
        mouth_half_width=float(generator.uniform(20.5, 29.0)),
        upper_lip=float(upper_lip),
        lower_lip=float(lower_lip),
        widest_gap=float(generator.uniform(24.0, 30.0)),
    )


def _look(generator: np.random.Generator, actor: Actor) -> Look:
    male = actor.sex == "Male"
    styles = (*MALE_STYLES, "bald") if male else FEMALE_STYLES
    skin = _skin(generator)
    hair = _colour(generator, (8, 190), 25.0)
    dark = min(1.0, float(generator.uniform(40, 120)) / max(hair))
    paler = generator.uniform(0.72, 1.0) * np.array([1.0, *generator.uniform(0.74, 0.96, 2)])
    natural = [float(value) for value in np.array(skin) * paler]
    red = generator.uniform(0.0, 0.2 if male else 0.6)
    lips = [n + (r - n) * red for n, r in zip(natural, (168.0, 48.0, 58.0), strict=True)]
    mouth = float(generator.uniform(0.3, 1.2))  # light that falls into it
    teeth = float(generator.uniform(110, 245))
    line = float(generator.uniform(0.15, 0.6))
    return replace(
        actor.look,
        skin=skin,
        hair=hair,
        brow=(hair[0] * dark, hair[1] * dark, hair[2] * dark),
        iris=_colour(generator, (25, 120), 30.0),
        lips=(float(lips[0]), float(lips[1]), float(lips[2])),
        clothes=_colour(generator, (10, 240), 50.0),
        wall=_colour(generator, (10, 245), 30.0),
        hair_style=styles[int(generator.integers(len(styles)))],
        collar=COLLARS[int(generator.integers(len(COLLARS)))],
        stubble=float(max(0.0, generator.uniform(-0.5, 0.95))) if male else 0.0,
        freckles=float(max(0.0, generator.uniform(-0.8, 0.7))),
        light_x=float(generator.uniform(-1.2, 1.2)),
        light_y=float(generator.uniform(-1.0, 0.4)),
        ambient=float(generator.uniform(0.25, 0.5)),
        texture=float(generator.uniform(0.5, 4.0)),
        teeth=(teeth, teeth * 0.96, teeth * float(generator.uniform(0.78, 0.96))),
        cavity=(60.0 * mouth, 24.0 * mouth, 25.0 * mouth),
        lip_line=(lips[0] * line, lips[1] * line, lips[2] * line),
        glasses=int(generator.integers(1, 4)) if generator.random() < 0.2 else 0,
        glasses_colour=_colour(generator, (10, 150), 20.0),
        backdrop=BACKDROPS[int(generator.integers(len(BACKDROPS)))],
    )


def _skin(generator: np.random.Generator) -> RGB:
    """Return a skin's colour: from light to dark, more or less red and yellow."""
    red = float(generator.uniform(90, 250))
    green = red * float(generator.uniform(0.62, 0.88))
    return red, green, green * float(generator.uniform(0.62, 0.98))


def _colour(generator: np.random.Generator, grey: tuple[float, float], spread: float) -> RGB:
    """Return a colour around a grey of that range."""
    rgb = generator.uniform(*grey) + generator.uniform(-spread, spread, 3)
    return float(max(1.0, rgb[0])), float(max(1.0, rgb[1])), float(max(1.0, rgb[2]))


def _camera(generator: np.random.Generator, seed: int, look: Look) -> Camera:
    """Return a camera that exposes the skin as cameras do, a little too bright or too dark."""
    depth = float(max(0.0, generator.uniform(-0.2, 0.6)))
    shown = sum(look.skin) / 3.0 * (1.0 - 0.5 * depth)  # about the mean of the lit face
    wanted = float(generator.uniform(85.0, 195.0))
    tint = generator.uniform(0.86, 1.14, 3)
    shade = generator.uniform(0.82, 1.18, 3)
    return Camera(
        seed=seed,
        lens=Lens(
            turn_x=float(generator.uniform(-0.16, 0.16)),
            turn_y=float(generator.uniform(-0.12, 0.12)),
            stretch=float(generator.uniform(0.91, 1.1)),
            shear=float(generator.uniform(-0.05, 0.05)),
            barrel=float(generator.uniform(-0.06, 0.08)),
            sway=float(generator.uniform(0.0, 0.022)),
            sway_turn=float(generator.uniform(0.0, 2 * np.pi)),
        ),
        light=Light(
            direction=float(generator.uniform(0.0, 2 * np.pi)),
            level=float(np.clip(wanted / shown, 0.5, 2.2)),
            depth=depth,
            edge=float(generator.uniform(0.3, 2.0)),
            tint=(float(tint[0]), float(tint[1]), float(tint[2])),
            shade=(float(shade[0]), float(shade[1]), float(shade[2])),
            patches=float(generator.uniform(0.0, 0.12)),
        ),
        tone=Tone(
            gamma=float(np.exp(generator.uniform(-0.35, 0.35))),
            contrast=float(generator.uniform(0.75, 1.3)),
            brightness=float(generator.uniform(-15.0, 20.0)),
            saturation=0.0 if generator.random() < 0.1 else float(generator.uniform(0.4, 1.4)),
        ),
        blur=float(max(0.0, generator.uniform(-0.5, 2.2))),
        shrink=float(max(1.0, generator.uniform(0.6, 2.6))),
        grain=float(max(0.0, generator.uniform(-3.0, 7.0))),
        quality=int(generator.integers(35, 100)) if generator.random() < 0.5 else 100,
    )


def _microphone(generator: np.random.Generator, seed: int) -> Microphone:
    slope = generator.uniform(-7.0, 7.0)  # dB from the lowest band to the highest
    wave = generator.normal(0.0, 3.0, len(BANDS_HZ))
    gains = np.linspace(-slope / 2, slope / 2, len(BANDS_HZ)) + wave
    dry = generator.random() < 0.3
    return Microphone(
        seed=seed,
        gains_db=tuple(float(gain) for gain in gains),
        decay_s=0.0 if dry else float(generator.uniform(0.1, 0.6)),
        reflections=0.0 if dry else float(generator.uniform(0.02, 0.4)),
        noise_db=float(generator.uniform(-60.0, -18.0)),
    )
