"""Paint the still layers of a person: the head, its wrinkles, the background."""

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np

from emotalk.schema import Bytes, Doubles, Floats
from emotalk.synthetic.actor import Actor, FaceShape
from emotalk.synthetic.canvas import FINE, averaged_down, grid, on_fine_grid
from emotalk.synthetic.hair import hair_colour, hair_mask
from emotalk.synthetic.paint import blended, polygon_mask
from emotalk.synthetic.scene import background
from emotalk.synthetic.skin import skin_colour
from emotalk.synthetic.skin_motion import jaw_line
from emotalk.synthetic.wrinkles import WRINKLES, wrinkle

EARS_COVERED_BY = {"long", "bob", "curly", "fringe"}


@dataclass(frozen=True)
class ActorLayers:
    """Still layers of one person: the background of the frame, the others on the face's grid."""

    background_HWC: Bytes  # wall, hair behind the head, body and neck; RGB
    head_HWC: Floats  # skin and hair at rest; RGB, 0 to 255
    alpha_HW: Floats  # coverage of the head, 0 to 1
    wrinkles_KHWC: Floats  # share of the light that each entry of `WRINKLES` removes


@lru_cache(maxsize=8)
def actor_layers(actor: Actor) -> ActorLayers:
    """Return the still layers of `actor`; those of the last 8 people are cached."""
    head, alpha = _head(actor)
    wrinkles = np.stack([wrinkle(actor.shape, name) for name in WRINKLES])
    return ActorLayers(background(actor), head, alpha, wrinkles)


def _skull_outline(shape: FaceShape, grow: float) -> Doubles:
    """Return the outline of the head: the jaw below, half an ellipse above."""
    jaw = jaw_line(shape, np.linspace(0.0, np.pi, 60))
    turn = np.linspace(0.0, np.pi, 60)[1:-1]
    wide, high = shape.half_width + grow, 92.0 + grow
    crown = np.stack([wide * np.cos(turn), -4.0 - high * np.sin(turn) ** 0.92], axis=-1)
    return np.concatenate([jaw, crown])


def _head(actor: Actor) -> tuple[Floats, Floats]:
    x, y = grid(FINE)
    shape, look = actor.shape, actor.look
    size = (x.shape[0], x.shape[1])
    face = polygon_mask(size, on_fine_grid(_skull_outline(shape, 0.0))) / np.float32(255.0)
    ears = _ears(shape, size)
    image = skin_colour(actor, x, y)
    hair = hair_mask(actor, x, y)
    cover_ears = look.hair_style in EARS_COVERED_BY
    body = face if cover_ears else np.maximum(face, ears)
    shadow = cv2.GaussianBlur(hair, (0, 0), 5.0 * FINE) * 0.38
    image = image * (1.0 - shadow[..., None] * np.array([0.8, 1.0, 1.1], np.float32))
    image = blended(image, hair, hair_colour(actor, x, y))
    alpha = np.maximum(body, hair)
    premultiplied = averaged_down(image * alpha[..., None])
    coverage = averaged_down(alpha)
    rgb = premultiplied / np.maximum(coverage, 1e-3)[..., None]
    return np.asarray(rgb, np.float32), coverage


def _ears(shape: FaceShape, size: tuple[int, int]) -> Floats:
    turn = np.linspace(0.0, 2 * np.pi, 40)
    mask = np.zeros(size, np.uint8)
    for side in (-1, 1):
        x = side * (shape.half_width + 2.0) + 8.0 * np.cos(turn)
        ear = np.stack([x, 12.0 + 19.0 * np.sin(turn)], axis=-1)
        mask = np.maximum(mask, polygon_mask(size, on_fine_grid(ear)))
    return np.asarray(mask, np.float32) / np.float32(255.0)
