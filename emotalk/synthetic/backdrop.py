"""Paint what is seen behind a person other than a plain wall: colours, shapes and textures."""

import cv2
import numpy as np

from emotalk.schema import Floats
from emotalk.seeding import numpy_generator
from emotalk.synthetic.actor import Actor

WALL = "wall"
BACKDROPS = (WALL, "gradient", "room", "lights", "leaves", "stripes")


def backdrop(actor: Actor, height: int, width: int) -> Floats:
    """Return the picture behind a person, RGB (H, W, 3), 0 to 255; `WALL` is the scene's own."""
    generator = numpy_generator(actor.seed, "backdrop", actor.number)
    image = _gradient(generator, height, width)
    kind = actor.look.backdrop
    if kind == "room":
        _boxes(generator, image)
    elif kind == "lights":
        _discs(generator, image)
    elif kind == "leaves":
        image *= 1.0 + 0.45 * _cloud(generator, height, width, (9.0, 6.0))[..., None]
        image *= 1.0 + 0.25 * _cloud(generator, height, width, (2.5, 2.5))[..., None]
    elif kind == "stripes":
        wave = np.sin(np.arange(width) * generator.uniform(0.08, 0.5) + generator.uniform(0, 6))
        image *= 1.0 + generator.uniform(0.1, 0.5) * np.tanh(4.0 * wave)[None, :, None]
    soft = generator.uniform(0.6, 7.0)
    return np.asarray(np.clip(cv2.GaussianBlur(image, (0, 0), soft), 0.0, 255.0), np.float32)


def _gradient(generator: np.random.Generator, height: int, width: int) -> Floats:
    begin, end = generator.uniform(5, 250, (2, 3))
    grey = begin.mean(), end.mean()
    keep = generator.uniform(0.0, 0.8)  # of the colour
    begin, end = (g + (c - g) * keep for c, g in zip((begin, end), grey, strict=True))
    angle = generator.uniform(0, 2 * np.pi)
    rows, columns = np.mgrid[-0.5 : 0.5 : height * 1j, -0.5 : 0.5 : width * 1j]
    place = np.clip(0.5 + np.cos(angle) * columns + np.sin(angle) * rows, 0, 1)[..., None]
    return np.asarray(begin * (1 - place) + end * place, np.float32)


def _boxes(generator: np.random.Generator, image: Floats) -> None:
    height, width = image.shape[:2]
    for _ in range(int(generator.integers(5, 14))):
        x, y = generator.uniform(-60, width), generator.uniform(-60, height)
        wide, high = generator.uniform(20, 200, 2)
        colour = generator.uniform(10, 245) + generator.uniform(-50, 50, 3)
        corner = (int(x + wide), int(y + high))
        cv2.rectangle(image, (int(x), int(y)), corner, colour.clip(0, 255).tolist(), -1)


def _discs(generator: np.random.Generator, image: Floats) -> None:
    height, width = image.shape[:2]
    for _ in range(int(generator.integers(6, 25))):
        centre = (int(generator.uniform(0, width)), int(generator.uniform(0, height)))
        colour = generator.uniform(60, 255, 3).tolist()
        cv2.circle(image, centre, int(generator.uniform(5, 32)), colour, -1, cv2.LINE_AA)


def _cloud(
    generator: np.random.Generator, height: int, width: int, blur: tuple[float, float]
) -> Floats:
    """Return smooth noise (H, W) of unit variance."""
    white = generator.standard_normal((height, width)).astype(np.float32)
    soft = cv2.GaussianBlur(white, (0, 0), sigmaX=blur[0], sigmaY=blur[1])
    return np.asarray(soft / soft.std(), np.float32)
