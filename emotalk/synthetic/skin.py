"""Paint the skin of a person at rest: colour and shading."""

import numpy as np

from emotalk.schema import Doubles, Floats
from emotalk.synthetic.actor import Actor
from emotalk.synthetic.canvas import bell, noise, smooth_step


def skin_colour(actor: Actor, x: Doubles, y: Doubles) -> Floats:
    """Return the shaded skin (H, W, 3): a lit ellipsoid with the relief of a face."""
    light = _roundness(actor, x, y) * _relief(actor, x, y)
    texture = actor.look.texture
    fine = noise(actor, "pores", (x.shape[0], x.shape[1]), (1.6, 1.6))
    broad = noise(actor, "blotches", (x.shape[0], x.shape[1]), (14.0, 14.0))
    light = light * (1.0 + 0.010 * texture * fine + 0.014 * texture * broad)
    # Light that passes through skin is red: shadows lose blue and green first.
    rgb = np.stack([light**0.85, light**1.05, light**1.15], axis=-1) * np.array(actor.look.skin)
    return np.clip(_complexion(actor, x, y, rgb), 0.0, 255.0).astype(np.float32)


def _roundness(actor: Actor, x: Doubles, y: Doubles) -> Doubles:
    nx = x / (actor.shape.half_width + 12.0)
    ny = (y - 5.0) / 128.0
    nz = np.sqrt(np.clip(1.0 - nx**2 - ny**2, 0.05, 1.0))
    lx, ly, lz = actor.look.light_x, actor.look.light_y, 0.86
    norm = np.sqrt(lx * lx + ly * ly + lz * lz)
    lit = np.clip((lx * nx + ly * ny + lz * nz) / norm, 0.0, 1.0)
    return np.asarray(actor.look.ambient + 0.66 * lit)


def _relief(actor: Actor, x: Doubles, y: Doubles) -> Doubles:
    shape, side = actor.shape, np.sign(actor.look.light_x) or 1.0
    light = np.ones_like(x)
    for eye in (-1, 1):
        at = eye * shape.eye_x
        light *= 1.0 - 0.20 * bell(x, y, (at, -6.0), (17.0, 9.0))
        light *= 1.0 - 0.16 * bell(x, y, (eye * 14.0, -2.0), (6.0, 10.0))
        light *= 1.0 - 0.07 * bell(x, y, (at, 14.0), (14.0, 4.0))
        light *= 1.0 + 0.07 * bell(x, y, (eye * 38.0, 28.0), (15.0, 12.0))
        light *= 1.0 - 0.10 * bell(x, y, (eye * 52.0, 62.0), (13.0, 22.0))
        wing = (eye * shape.nose_half_width, shape.nose_y - 4.0)
        light *= 1.0 - 0.24 * bell(x, y, (wing[0] * 1.12, wing[1]), (3.0, 6.0))
        nostril = (eye * shape.nose_half_width * 0.48, shape.nose_y + 1.0)
        light *= 1.0 - 0.62 * bell(x, y, nostril, (3.6, 1.9))
    nose = smooth_step(y, -8.0, 20.0) * (
        1.0 - smooth_step(y, shape.nose_y - 4.0, shape.nose_y + 4.0)
    )
    light *= 1.0 + 0.13 * np.exp(-0.5 * (x / 4.5) ** 2) * nose
    light *= 1.0 - 0.17 * np.exp(-0.5 * ((x + side * 10.0) / 4.5) ** 2) * nose
    light *= 1.0 - 0.06 * np.exp(-0.5 * ((x - side * 10.0) / 4.5) ** 2) * nose
    light *= 1.0 + 0.10 * bell(x, y, (side * 1.5, shape.nose_y - 8.0), (5.5, 5.0))
    light *= 1.0 - 0.26 * bell(x, y, (0.0, shape.nose_y + 5.5), (12.0, 3.2))
    light *= 1.0 - 0.08 * bell(x, y, (0.0, shape.nose_y + 13.0), (2.5, 5.0))
    under_lip = shape.mouth_y + shape.lower_lip + 5.0
    light *= 1.0 - 0.20 * bell(x, y, (0.0, under_lip), (15.0, 3.6))
    light *= 1.0 + 0.07 * bell(x, y, (0.0, shape.chin_y - 13.0), (13.0, 8.0))
    edge = np.abs(x) / shape.half_width
    return np.asarray(light * (1.0 - 0.16 * smooth_step(edge, 0.80, 1.02)))


def _complexion(actor: Actor, x: Doubles, y: Doubles, rgb: Doubles) -> Doubles:
    """Return the skin with red cheeks and nose, and stubble or freckles."""
    shape, look = actor.shape, actor.look
    blush = np.sum([bell(x, y, (side * 40.0, 34.0), (15.0, 13.0)) for side in (-1, 1)], axis=0)
    blush = 0.09 * (blush + 0.6 * bell(x, y, (0.0, shape.nose_y - 6.0), (9.0, 8.0)))
    rgb = rgb * (1.0 - blush[..., None] * np.array([-0.25, 0.9, 0.8]))
    if look.stubble:
        low = smooth_step(y, shape.nose_y + 8.0, shape.mouth_y) + smooth_step(
            np.abs(x), 46.0, 62.0
        ) * smooth_step(y, 20.0, 50.0)
        grain = 0.8 + 0.25 * noise(actor, "stubble", (x.shape[0], x.shape[1]), (0.8, 0.8))
        cover = np.clip(low, 0.0, 1.0) * look.stubble * np.clip(grain, 0.2, 1.4)
        rgb = rgb + (np.array(look.brow) - rgb) * cover[..., None]
    if look.freckles:
        spots = np.clip(noise(actor, "freckles", (x.shape[0], x.shape[1]), (1.7, 1.7)) - 1.4, 0, 1)
        where = np.exp(-0.5 * ((y - 22.0) / 14.0) ** 2) * np.exp(-0.5 * (x / 46.0) ** 2)
        rgb = rgb * (1.0 - (look.freckles * spots * where)[..., None] * np.array([0.3, 0.5, 0.6]))
    return np.asarray(rgb)
