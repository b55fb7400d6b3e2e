"""Define the grid of the head layer, and brushes on it.

It has one pixel for each unit of the face's coordinates.
"""

import cv2
import numpy as np

from emotalk.schema import Doubles, Floats
from emotalk.seeding import numpy_generator
from emotalk.synthetic.actor import Actor

GRID_LEFT, GRID_TOP = -118, -136
GRID_WIDTH, GRID_HEIGHT = 236, 284
FINE = 2  # still layers are painted at this multiple of the size and averaged


def grid(fine: int = 1) -> tuple[Doubles, Doubles]:
    """Return x and y (H, W) of the face's grid, or of one `fine` times as dense, to average."""
    step = 1.0 / fine
    first = (step - 1.0) / 2.0  # the mean of a block is the coarse grid's point
    x = GRID_LEFT + first + step * np.arange(GRID_WIDTH * fine)
    y = GRID_TOP + first + step * np.arange(GRID_HEIGHT * fine)
    xs, ys = np.meshgrid(x, y)
    return xs, ys


def on_fine_grid(points: Doubles) -> Doubles:
    """Return points of the face (U, 2) in pixels of the `FINE` grid."""
    first = (1.0 / FINE - 1.0) / 2.0
    corner = np.array([GRID_LEFT + first, GRID_TOP + first])
    return np.asarray((points - corner) * FINE)


def averaged_down(image: Floats) -> Floats:
    """Return an image on the `FINE` grid averaged to the grid."""
    size = (GRID_WIDTH, GRID_HEIGHT)
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.float32)


def bell(x: Doubles, y: Doubles, centre: tuple[float, float], size: tuple[float, float]) -> Doubles:
    """Return a Gaussian of height 1 with the given standard deviations."""
    far = ((x - centre[0]) / size[0]) ** 2 + ((y - centre[1]) / size[1]) ** 2
    return np.asarray(np.exp(-0.5 * far))


def smooth_step(x: Doubles, begin: float, end: float) -> Doubles:
    """Return 0 before `begin`, 1 after `end`, and a smooth step between."""
    place = np.clip((x - begin) / (end - begin), 0.0, 1.0)
    return np.asarray(place * place * (3.0 - 2.0 * place))


def noise(actor: Actor, name: str, shape: tuple[int, int], blur: tuple[float, float]) -> Floats:
    """Return smooth noise of unit variance, `blur` pixels wide in x and y."""
    white = numpy_generator(actor.seed, "texture", actor.number, name).standard_normal(shape)
    soft = cv2.GaussianBlur(white.astype(np.float32), (0, 0), sigmaX=blur[0], sigmaY=blur[1])
    return np.asarray(soft / soft.std(), np.float32)
