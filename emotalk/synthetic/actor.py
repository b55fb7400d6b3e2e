"""Define the appearance and voice of a drawn person."""

from dataclasses import dataclass

import numpy as np

from emotalk.seeding import numpy_generator
from emotalk.synthetic.camera import RGB, Camera
from emotalk.synthetic.microphone import Microphone

FIRST_NUMBER = 1001

SKINS: tuple[RGB, ...] = (
    (246, 214, 190),
    (238, 197, 168),
    (229, 182, 148),
    (216, 165, 128),
    (201, 146, 110),
    (180, 124, 88),
    (152, 100, 70),
    (124, 80, 56),
    (98, 63, 46),
)
DARK_HAIR: tuple[RGB, ...] = ((28, 22, 20), (46, 34, 28), (70, 48, 34))
LIGHT_HAIR: tuple[RGB, ...] = ((110, 76, 46), (160, 118, 70), (196, 160, 104), (134, 62, 36))
GREY_HAIR: tuple[RGB, ...] = ((150, 148, 146), (112, 110, 110))
IRISES: tuple[RGB, ...] = (
    (70, 44, 26),
    (96, 66, 36),
    (78, 104, 74),
    (74, 108, 140),
    (110, 120, 124),
)
CLOTHES: tuple[RGB, ...] = (
    (40, 58, 96),
    (120, 36, 44),
    (52, 92, 70),
    (66, 66, 72),
    (190, 184, 172),
    (94, 60, 110),
    (196, 132, 52),
    (34, 110, 124),
)
WALLS: tuple[RGB, ...] = (
    (112, 132, 120),
    (150, 150, 146),
    (104, 120, 146),
    (168, 156, 136),
    (86, 96, 104),
    (142, 122, 122),
)
COLLARS = ("round", "v", "shirt")
FEMALE_STYLES = ("long", "bob", "fringe", "bun", "curly")
MALE_STYLES = ("short", "parted", "buzz", "curly", "receding")


@dataclass(frozen=True)
class FaceShape:
    """Sizes of a face at rest, in pixels of the frame; origin between the eyes, y downwards."""

    half_width: float  # of the head at the eyes
    chin_y: float
    squareness: float  # 0 for a pointed jaw, 1 for a square one
    eye_x: float
    eye_half_width: float
    eye_height: float  # half of the opening
    eye_tilt: float  # how much higher the outer corner lies
    brow_y: float  # middle line
    brow_half_height: float
    brow_arch: float
    nose_y: float  # base
    nose_half_width: float
    mouth_y: float  # line of the closed lips
    mouth_half_width: float
    upper_lip: float  # thickness
    lower_lip: float
    widest_gap: float  # between the inner lips at opening 1


@dataclass(frozen=True)
class Look:
    """Colours (RGB, 0 to 255) and styles of one person and of the background."""

    skin: RGB
    hair: RGB
    brow: RGB
    iris: RGB
    lips: RGB
    clothes: RGB
    wall: RGB
    hair_style: str
    collar: str
    stubble: float
    freckles: float
    light_x: float
    parting: float
    # What follows is drawn in one way only for the plain corpus.
    light_y: float = -0.42  # below 0 the light comes from above
    ambient: float = 0.42  # light in full shade
    texture: float = 1.0  # strength of pores and blotches of the skin
    teeth: RGB = (232.0, 224.0, 210.0)
    cavity: RGB = (58.0, 18.0, 20.0)  # of the mouth
    lip_line: RGB = (70.0, 26.0, 28.0)  # between the lips
    glasses: int = 0  # thickness of their frame in pixels; 0: none
    glasses_colour: RGB = (30.0, 26.0, 26.0)
    backdrop: str = "wall"  # see `emotalk.synthetic.backdrop`


@dataclass(frozen=True)
class Actor:
    """One drawn person."""

    seed: int  # of the corpus the person belongs to
    number: int  # as in file names, from 1001
    age: int
    sex: str  # Female or Male
    shape: FaceShape
    look: Look
    pitch_hz: float  # of the neutral voice
    tract: float  # formants relative to the average voice; above 1 for a short vocal tract
    tempo: float  # of speech, 1 is normal
    # whether neutral clips begin with a passing expression, as pictures of people show one
    arrives: bool = False
    camera: Camera | None = None  # None: frames and landmarks as they are drawn
    microphone: Microphone | None = None  # None: the voice as it is synthesised


def make_actor(seed: int, number: int) -> Actor:
    """Return the person `number` of the corpus `seed`; the same arguments give the same person."""
    generator = numpy_generator(seed, "actor", number)
    # Every corpus of two or more people has both sexes.
    sex = "Female" if (number - FIRST_NUMBER + seed) % 2 else "Male"
    age = int(generator.integers(20, 68))
    pitch_hz = generator.uniform(178, 228) if sex == "Female" else generator.uniform(98, 142)
    tract = generator.uniform(1.08, 1.18) if sex == "Female" else generator.uniform(0.94, 1.04)
    return Actor(
        seed=seed,
        number=number,
        age=age,
        sex=sex,
        shape=_face_shape(generator, sex),
        look=_look(generator, sex, age, number),
        pitch_hz=float(pitch_hz),
        tract=float(tract),
        tempo=float(generator.uniform(0.94, 1.06)),
    )


def _face_shape(generator: np.random.Generator, sex: str) -> FaceShape:
    male = sex == "Male"

    def about(mean: float, spread: float) -> float:
        return float(mean + spread * np.clip(generator.standard_normal(), -1.8, 1.8))

    return FaceShape(
        half_width=about(71.0 if male else 67.5, 2.2),
        chin_y=about(112.0 if male else 105.0, 3.0),
        squareness=float(np.clip(about(0.6 if male else 0.3, 0.18), 0.0, 1.0)),
        eye_x=about(31.0, 1.0),
        eye_half_width=about(13.8 if male else 14.6, 0.6),
        eye_height=about(5.6 if male else 6.3, 0.45),
        eye_tilt=about(0.8, 0.8),
        brow_y=about(-20.5 if male else -22.5, 1.2),
        brow_half_height=about(3.4 if male else 2.3, 0.4),
        brow_arch=about(3.6 if male else 5.0, 0.8),
        nose_y=about(42.0 if male else 39.0, 1.8),
        nose_half_width=about(14.5 if male else 13.0, 1.0),
        mouth_y=about(69.0 if male else 65.0, 1.6),
        mouth_half_width=about(26.0 if male else 24.5, 1.2),
        upper_lip=about(5.6 if male else 6.6, 0.7),
        lower_lip=about(7.6 if male else 8.6, 0.8),
        widest_gap=about(27.0, 0.8),
    )


def _look(generator: np.random.Generator, sex: str, age: int, number: int) -> Look:
    def pick(options: tuple[RGB, ...]) -> RGB:
        return options[int(generator.integers(len(options)))]

    # Consecutive numbers differ in skin and style, so that small corpora are diverse, too.
    skin = SKINS[(number * 4 + int(generator.integers(2))) % len(SKINS)]
    styles = FEMALE_STYLES if sex == "Female" else MALE_STYLES
    style = styles[(number // 2 + int(generator.integers(2))) % len(styles)]
    colours = DARK_HAIR if skin[0] < 190 else DARK_HAIR + LIGHT_HAIR
    hair = pick(GREY_HAIR) if age > 55 else pick(colours)
    lip_red = generator.uniform(0.15, 0.5) if sex == "Female" else generator.uniform(0.0, 0.15)
    natural = (skin[0] * 0.80, skin[1] * 0.58, skin[2] * 0.60)
    red = (168.0, 48.0, 58.0)
    lips = tuple(float(n + (r - n) * lip_red) for n, r in zip(natural, red, strict=True))
    dark = min(1.0, 92.0 / max(hair))
    return Look(
        skin=skin,
        hair=hair,
        brow=(hair[0] * dark, hair[1] * dark, hair[2] * dark),
        iris=pick(IRISES[:2]) if skin[0] < 190 else pick(IRISES),
        lips=(lips[0], lips[1], lips[2]),
        clothes=pick(CLOTHES),
        wall=pick(WALLS),
        hair_style=style,
        collar=COLLARS[int(generator.integers(len(COLLARS)))],
        stubble=float(generator.uniform(0.0, 0.35)) if sex == "Male" else 0.0,
        freckles=float(max(0.0, generator.uniform(-0.6, 0.5))) if skin[0] > 220 else 0.0,
        light_x=float(generator.uniform(-0.5, 0.5)),
        parting=float(generator.choice([-1.0, 1.0])),
    )
