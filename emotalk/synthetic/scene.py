"""Paint the background of a person: wall, hair behind the head, neck and clothes."""

import numpy as np

from emotalk.schema import Bytes, Doubles, Floats
from emotalk.synthetic.actor import Actor
from emotalk.synthetic.backdrop import WALL, backdrop
from emotalk.synthetic.canvas import noise, smooth_step
from emotalk.synthetic.frame import FACE_ORIGIN, FRAME_HEIGHT, FRAME_WIDTH
from emotalk.synthetic.paint import blended


def background(actor: Actor) -> Bytes:
    """Return wall, body and the hair behind the head, uint8 RGB of the frame's size."""
    rows, columns = np.mgrid[0:FRAME_HEIGHT, 0:FRAME_WIDTH].astype(np.float64)
    x, y = columns - FACE_ORIGIN[0], rows - FACE_ORIGIN[1]
    if actor.look.backdrop == WALL:
        image = _wall(actor, x, y)
    else:
        image = backdrop(actor, FRAME_HEIGHT, FRAME_WIDTH)
    image = _back_hair(actor, x, y, image)
    image = _neck(actor, x, y, image)
    image = _clothes(actor, x, y, image)
    return np.clip(np.rint(image), 0, 255).astype(np.uint8)


def _wall(actor: Actor, x: Doubles, y: Doubles) -> Floats:
    light = 1.05 - 0.30 * np.hypot(x / 320.0, y / 300.0) + 0.08 * actor.look.light_x * x / 240.0
    soft = noise(actor, "wall", (FRAME_HEIGHT, FRAME_WIDTH), (40.0, 40.0))
    image = (light + 0.02 * soft)[..., None] * np.array(actor.look.wall)
    return np.asarray(image, np.float32)


def _back_hair(actor: Actor, x: Doubles, y: Doubles, image: Floats) -> Floats:
    length = {"long": 165.0, "fringe": 120.0, "bob": 80.0, "curly": 70.0}.get(
        actor.look.hair_style, 0.0
    )
    if not length:
        return image
    wide = actor.shape.half_width + 3.0 + 3.0 * np.sin(y / 30.0)
    mask = np.clip((wide - np.abs(x)) / 2.0, 0.0, 1.0) * np.clip((length - y) / 4.0, 0.0, 1.0)
    mask = mask * smooth_step(y, 0.0, 20.0)
    strands = noise(actor, "back hair", (FRAME_HEIGHT, FRAME_WIDTH), (1.0, 12.0))
    tone = np.array(actor.look.hair) * (0.55 + 0.10 * strands)[..., None]
    return blended(image, mask.astype(np.float32), np.clip(tone, 0, 255))


def _neck(actor: Actor, x: Doubles, y: Doubles, image: Floats) -> Floats:
    shape = actor.shape
    wide = 0.60 * shape.half_width + 6.0 * smooth_step(y, shape.chin_y, shape.chin_y + 60.0)
    wide = wide + 60.0 * smooth_step(y, shape.chin_y + 30.0, shape.chin_y + 75.0) ** 2
    mask = np.clip((wide - np.abs(x)) / 1.5 + 0.5, 0.0, 1.0) * (y > 30.0)
    round_light = 0.95 - 0.35 * np.clip(np.abs(x) / wide, 0.0, 1.0) ** 2
    under_chin = 1.0 - 0.42 * (1.0 - smooth_step(y, shape.chin_y + 2.0, shape.chin_y + 36.0))
    light = round_light * under_chin * (1.0 + 0.12 * actor.look.light_x * x / 40.0)
    tone = np.stack([light**0.85, light**1.05, light**1.15], axis=-1) * np.array(actor.look.skin)
    return blended(image, mask.astype(np.float32), np.clip(tone, 0, 255))


def _clothes(actor: Actor, x: Doubles, y: Doubles, image: Floats) -> Floats:
    chin, collar = actor.shape.chin_y, actor.look.collar
    shoulder = (
        chin
        + 34.0
        + 46.0 * smooth_step(np.abs(x), 40.0, 150.0)
        + 40.0 * smooth_step(np.abs(x), 140.0, 190.0)
    )
    cut = {
        "round": chin + 60.0 - 0.012 * x**2,
        "v": chin + 86.0 - 1.25 * np.abs(x),
        "shirt": chin + 58.0 - 0.75 * np.abs(x),
    }[collar]
    top = np.maximum(shoulder, cut)
    mask = np.clip((y - top) / 1.5 + 0.5, 0.0, 1.0)
    folds = noise(actor, "cloth", (FRAME_HEIGHT, FRAME_WIDTH), (16.0, 26.0))
    weave = noise(actor, "weave", (FRAME_HEIGHT, FRAME_WIDTH), (0.8, 0.8))
    light = 0.95 + 0.07 * folds + 0.02 * weave - 0.30 * np.exp(-(y - top).clip(0, None) / 5.0)
    light = light * (1.0 + 0.2 * actor.look.light_x * x / 200.0)
    tone = np.clip(np.array(actor.look.clothes) * light[..., None], 0, 255)
    return blended(image, mask.astype(np.float32), tone)
