"""Paint the hair of a person."""

import numpy as np

from emotalk.schema import Doubles, Floats
from emotalk.synthetic.actor import Actor
from emotalk.synthetic.canvas import noise, smooth_step


def hair_mask(actor: Actor, x: Doubles, y: Doubles) -> Floats:
    """Return the coverage by hair in front of and around the face, 0 to 1."""
    shape, style = actor.shape, actor.look.hair_style
    if style == "bald":
        return np.zeros(x.shape, np.float32)
    volume = {"buzz": 2.5, "short": 8.0, "parted": 10.0, "receding": 5.0, "bun": 5.0}.get(
        style, 13.0
    )
    strands = noise(actor, "hair edge", (x.shape[0], x.shape[1]), (1.4, 9.0))
    curls = noise(actor, "curls", (x.shape[0], x.shape[1]), (7.0, 7.0)) * (
        6.0 if style == "curly" else 0.0
    )
    grown_x = np.abs(x) / (shape.half_width + volume)
    top = -4.0 - (92.0 + volume) * np.sqrt(np.clip(1.0 - grown_x**2, 0.0, 1.0)) - curls
    outside = (y - top) / 2.0
    low_end = {"long": 140.0, "bob": 74.0, "curly": 66.0, "fringe": 96.0}.get(style, 22.0)
    side_inner = shape.half_width * (0.90 if low_end > 30.0 else 0.955) + 1.5 * strands
    line = _hairline(actor, x) + 1.6 * strands + 0.4 * curls
    above = (line - y) / 1.6
    beside = np.minimum((np.abs(x) - side_inner) / 1.4, (low_end + 5.0 * strands - y) / 3.0)
    beside = np.minimum(beside, (y + 40.0) / 6.0)
    outer_x = shape.half_width + volume + 0.6 * curls - 0.10 * np.clip(y - 40.0, 0.0, 100.0)
    inside = np.minimum(outside, (outer_x - np.abs(x)) / 1.5)
    shown = np.minimum(np.maximum(above, beside), inside)
    mask = np.clip(shown + 0.5, 0.0, 1.0)
    if style == "bun":
        bun = 1.0 - ((x / 30.0) ** 2 + ((y + 108.0) / 22.0) ** 2)
        mask = np.maximum(mask, np.clip(bun * 8.0, 0.0, 1.0))
    if style == "buzz":
        mask = mask * 0.86
    return np.asarray(mask, np.float32)


def _hairline(actor: Actor, x: Doubles) -> Doubles:
    """Return y of the hairline at x."""
    across = x / actor.shape.half_width
    style = actor.look.hair_style
    high = {"fringe": -36.0, "receding": -74.0, "buzz": -62.0, "parted": -58.0}.get(style, -56.0)
    drop = 26.0 * np.abs(across) ** 2.2 + 60.0 * np.clip(np.abs(across) - 0.86, 0.0, 1.0) * 4.0
    if style == "parted":
        drop = drop + 12.0 * actor.look.parting * across
    if style == "long":
        drop = drop + 10.0 * np.clip(np.abs(across - 0.25 * actor.look.parting) - 0.1, 0.0, 1.0)
    if style == "receding":
        drop = 30.0 * np.abs(across) ** 4 - 10.0 * np.exp(-(((np.abs(across) - 0.55) / 0.2) ** 2))
    return np.asarray(high + drop)


def hair_colour(actor: Actor, x: Doubles, y: Doubles) -> Floats:
    """Return the colour of hair (H, W, 3) at (x, y) with strands, locks and shine."""
    size = (x.shape[0], x.shape[1])
    curly = actor.look.hair_style == "curly"
    strands = noise(actor, "strands", size, (3.0, 3.0) if curly else (1.1, 14.0))
    broad = noise(actor, "locks", size, (5.0, 30.0))
    shine = np.exp(-0.5 * ((y + 78.0 - 0.004 * x**2) / 12.0) ** 2)
    light = 0.80 + 0.11 * strands + 0.09 * broad + 0.30 * shine * (1.0 + 0.4 * strands)
    light = light * (1.0 + 0.25 * actor.look.light_x * x / 80.0) - 0.12 * smooth_step(
        y, -40.0, 90.0
    )
    tone = np.array(actor.look.hair) * np.clip(light, 0.25, 2.0)[..., None]
    return np.clip(tone + 10.0 * shine[..., None], 0.0, 255.0).astype(np.float32)
