"""What is drawn once per person: skin, hair, wrinkles waiting to be called, body and wall.

The skin layer lives on a grid of face coordinates, one pixel a unit; every frame bends it and lays
it over the still background.
"""

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np

from emotalk.draws import numpy_generator
from emotalk.schema import Bytes, Doubles, Floats
from emotalk.synthetic.actor import Actor, FaceShape
from emotalk.synthetic.geometry import jaw_line
from emotalk.synthetic.paint import blended, polygon_mask, soft_line

FRAME_HEIGHT, FRAME_WIDTH = 360, 480
FACE_ORIGIN = (240.0, 168.0)  # where in the frame the face's coordinates begin, at rest
GRID_LEFT, GRID_TOP = -118, -136
GRID_WIDTH, GRID_HEIGHT = 236, 284
FINE = 2  # the still layers are drawn this many times larger and averaged down

WRINKLES = ("folds", "bridge", "forehead", "frown", "eye_bags", "chin", "smile_light", "flush")


@dataclass(frozen=True)
class ActorLayers:
    """The still pictures of one person.

    Attributes:
        background_HWC: wall, hair behind the head, body and neck; uint8 RGB of the frame's size.
        head_HWC: skin and hair at rest on the face's grid; float32 RGB, 0 to 255.
        alpha_HW: coverage of the head, 0 to 1.
        wrinkles_KHWC: what each entry of `WRINKLES` takes away from the light, 1 = all of it.
    """

    background_HWC: Bytes
    head_HWC: Floats
    alpha_HW: Floats
    wrinkles_KHWC: Floats


@lru_cache(maxsize=8)
def actor_layers(actor: Actor) -> ActorLayers:
    """Return the still layers of `actor`; the last few people are kept in memory."""
    head, alpha = _head(actor)
    wrinkles = np.stack([_wrinkle(actor.shape, name) for name in WRINKLES])
    return ActorLayers(_background(actor), head, alpha, wrinkles)


def grid() -> tuple[Doubles, Doubles]:
    """Return x and y (H, W) of the face's grid."""
    return _grid(1)


def _grid(fine: int) -> tuple[Doubles, Doubles]:
    step = 1.0 / fine
    first = (step - 1.0) / 2.0  # so that the mean of a block lies on the coarse grid's point
    x = GRID_LEFT + first + step * np.arange(GRID_WIDTH * fine)
    y = GRID_TOP + first + step * np.arange(GRID_HEIGHT * fine)
    xs, ys = np.meshgrid(x, y)
    return xs, ys


def _on_fine_grid(points: Doubles) -> Doubles:
    first = (1.0 / FINE - 1.0) / 2.0
    return (np.asarray(points, np.float64) - (GRID_LEFT, GRID_TOP) - first) * FINE


def _averaged_down(image: Floats) -> Floats:
    size = (GRID_WIDTH, GRID_HEIGHT)
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.float32)


def _bell(
    x: Doubles, y: Doubles, centre: tuple[float, float], size: tuple[float, float]
) -> Doubles:
    far = ((x - centre[0]) / size[0]) ** 2 + ((y - centre[1]) / size[1]) ** 2
    return np.asarray(np.exp(-0.5 * far))


def _step(x: Doubles, begin: float, end: float) -> Doubles:
    place = np.clip((x - begin) / (end - begin), 0.0, 1.0)
    return np.asarray(place * place * (3.0 - 2.0 * place))


def _noise(actor: Actor, name: str, shape: tuple[int, int], blur: tuple[float, float]) -> Floats:
    """Return smooth noise of unit variance, `blur` pixels wide in x and y."""
    white = numpy_generator(actor.seed, "texture", actor.number, name).standard_normal(shape)
    soft = cv2.GaussianBlur(white.astype(np.float32), (0, 0), sigmaX=blur[0], sigmaY=blur[1])
    return np.asarray(soft / soft.std(), np.float32)


# --- head --------------------------------------------------------------------------------------


def _skull_outline(shape: FaceShape, grow: float) -> Doubles:
    """Return the outline of the head: the jaw below, half an ellipse above."""
    jaw = jaw_line(shape, np.linspace(0.0, np.pi, 60))
    turn = np.linspace(0.0, np.pi, 60)[1:-1]
    wide, high = shape.half_width + grow, 92.0 + grow
    crown = np.stack([wide * np.cos(turn), -4.0 - high * np.sin(turn) ** 0.92], axis=-1)
    return np.concatenate([jaw, crown])


def _head(actor: Actor) -> tuple[Floats, Floats]:
    x, y = _grid(FINE)
    shape, look = actor.shape, actor.look
    size = (x.shape[0], x.shape[1])
    face = polygon_mask(size, _on_fine_grid(_skull_outline(shape, 0.0))) / np.float32(255.0)
    ears = _ears(shape, size)
    image = _skin(actor, x, y)
    hair = _hair_mask(actor, x, y)
    cover_ears = look.hair_style in {"long", "bob", "curly", "fringe"}
    body = face if cover_ears else np.maximum(face, ears)
    shadow = cv2.GaussianBlur(hair, (0, 0), 5.0 * FINE) * 0.38
    image = image * (1.0 - shadow[..., None] * np.float32([0.8, 1.0, 1.1]))
    image = blended(image, hair, _hair_colour(actor, x, y))
    alpha = np.maximum(body, hair)
    premultiplied = _averaged_down(image * alpha[..., None])
    coverage = _averaged_down(alpha)
    return premultiplied / np.maximum(coverage, 1e-3)[..., None], coverage


def _ears(shape: FaceShape, size: tuple[int, int]) -> Floats:
    turn = np.linspace(0.0, 2 * np.pi, 40)
    mask = np.zeros(size, np.uint8)
    for side in (-1, 1):
        ear = np.stack(
            [side * (shape.half_width + 2.0) + 8.0 * np.cos(turn), 12.0 + 19.0 * np.sin(turn)], -1
        )
        mask = np.maximum(mask, polygon_mask(size, _on_fine_grid(ear)))
    return mask / np.float32(255.0)


def _skin(actor: Actor, x: Doubles, y: Doubles) -> Floats:
    """Return the shaded skin (H, W, 3): a lit ellipsoid with the usual hills and hollows."""
    light = _roundness(actor, x, y) * _relief(actor, x, y)
    fine = _noise(actor, "pores", (x.shape[0], x.shape[1]), (1.6, 1.6))
    broad = _noise(actor, "blotches", (x.shape[0], x.shape[1]), (14.0, 14.0))
    light = light * (1.0 + 0.010 * fine + 0.014 * broad)
    # Light that passes through skin is red: shadows lose blue and green first.
    rgb = np.stack([light**0.85, light**1.05, light**1.15], axis=-1) * np.array(actor.look.skin)
    return np.clip(_complexion(actor, x, y, rgb), 0.0, 255.0).astype(np.float32)


def _roundness(actor: Actor, x: Doubles, y: Doubles) -> Doubles:
    nx = x / (actor.shape.half_width + 12.0)
    ny = (y - 5.0) / 128.0
    nz = np.sqrt(np.clip(1.0 - nx**2 - ny**2, 0.05, 1.0))
    lx, ly, lz = actor.look.light_x, -0.42, 0.86
    norm = np.sqrt(lx * lx + ly * ly + lz * lz)
    lit = np.clip((lx * nx + ly * ny + lz * nz) / norm, 0.0, 1.0)
    return np.asarray(0.42 + 0.66 * lit)


def _relief(actor: Actor, x: Doubles, y: Doubles) -> Doubles:
    shape, side = actor.shape, np.sign(actor.look.light_x) or 1.0
    light = np.ones_like(x)
    for eye in (-1, 1):
        at = eye * shape.eye_x
        light *= 1.0 - 0.20 * _bell(x, y, (at, -6.0), (17.0, 9.0))
        light *= 1.0 - 0.16 * _bell(x, y, (eye * 14.0, -2.0), (6.0, 10.0))
        light *= 1.0 - 0.07 * _bell(x, y, (at, 14.0), (14.0, 4.0))
        light *= 1.0 + 0.07 * _bell(x, y, (eye * 38.0, 28.0), (15.0, 12.0))
        light *= 1.0 - 0.10 * _bell(x, y, (eye * 52.0, 62.0), (13.0, 22.0))
        wing = (eye * shape.nose_half_width, shape.nose_y - 4.0)
        light *= 1.0 - 0.24 * _bell(x, y, (wing[0] * 1.12, wing[1]), (3.0, 6.0))
        nostril = (eye * shape.nose_half_width * 0.48, shape.nose_y + 1.0)
        light *= 1.0 - 0.62 * _bell(x, y, nostril, (3.6, 1.9))
    nose = _step(y, -8.0, 20.0) * (1.0 - _step(y, shape.nose_y - 4.0, shape.nose_y + 4.0))
    light *= 1.0 + 0.13 * np.exp(-0.5 * (x / 4.5) ** 2) * nose
    light *= 1.0 - 0.17 * np.exp(-0.5 * ((x + side * 10.0) / 4.5) ** 2) * nose
    light *= 1.0 - 0.06 * np.exp(-0.5 * ((x - side * 10.0) / 4.5) ** 2) * nose
    light *= 1.0 + 0.10 * _bell(x, y, (side * 1.5, shape.nose_y - 8.0), (5.5, 5.0))
    light *= 1.0 - 0.26 * _bell(x, y, (0.0, shape.nose_y + 5.5), (12.0, 3.2))
    light *= 1.0 - 0.08 * _bell(x, y, (0.0, shape.nose_y + 13.0), (2.5, 5.0))
    under_lip = shape.mouth_y + shape.lower_lip + 5.0
    light *= 1.0 - 0.20 * _bell(x, y, (0.0, under_lip), (15.0, 3.6))
    light *= 1.0 + 0.07 * _bell(x, y, (0.0, shape.chin_y - 13.0), (13.0, 8.0))
    edge = np.abs(x) / shape.half_width
    return np.asarray(light * (1.0 - 0.16 * _step(edge, 0.80, 1.02)))


def _complexion(actor: Actor, x: Doubles, y: Doubles, rgb: Doubles) -> Doubles:
    """Return the skin with red cheeks and nose, and stubble or freckles where the person has some."""
    shape, look = actor.shape, actor.look
    blush = sum(_bell(x, y, (side * 40.0, 34.0), (15.0, 13.0)) for side in (-1, 1))
    blush = 0.09 * (blush + 0.6 * _bell(x, y, (0.0, shape.nose_y - 6.0), (9.0, 8.0)))
    rgb = rgb * (1.0 - blush[..., None] * np.array([-0.25, 0.9, 0.8]))
    if look.stubble:
        low = _step(y, shape.nose_y + 8.0, shape.mouth_y) + _step(np.abs(x), 46.0, 62.0) * _step(
            y, 20.0, 50.0
        )
        grain = 0.8 + 0.25 * _noise(actor, "stubble", (x.shape[0], x.shape[1]), (0.8, 0.8))
        cover = np.clip(low, 0.0, 1.0) * look.stubble * np.clip(grain, 0.2, 1.4)
        rgb = rgb + (np.array(look.brow) - rgb) * cover[..., None]
    if look.freckles:
        spots = np.clip(_noise(actor, "freckles", (x.shape[0], x.shape[1]), (1.7, 1.7)) - 1.4, 0, 1)
        where = np.exp(-0.5 * ((y - 22.0) / 14.0) ** 2) * np.exp(-0.5 * (x / 46.0) ** 2)
        rgb = rgb * (1.0 - (look.freckles * spots * where)[..., None] * np.array([0.3, 0.5, 0.6]))
    return np.asarray(rgb)


# --- hair --------------------------------------------------------------------------------------


def _hair_mask(actor: Actor, x: Doubles, y: Doubles) -> Floats:
    """Return where hair lies in front of or around the face, 0 to 1."""
    shape, style = actor.shape, actor.look.hair_style
    volume = {"buzz": 2.5, "short": 8.0, "parted": 10.0, "receding": 5.0, "bun": 5.0}.get(
        style, 13.0
    )
    strands = _noise(actor, "hair edge", (x.shape[0], x.shape[1]), (1.4, 9.0))
    curls = _noise(actor, "curls", (x.shape[0], x.shape[1]), (7.0, 7.0)) * (
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
    """Return the height of the hairline over x."""
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


def _hair_colour(actor: Actor, x: Doubles, y: Doubles) -> Floats:
    size = (x.shape[0], x.shape[1])
    curly = actor.look.hair_style == "curly"
    strands = _noise(actor, "strands", size, (3.0, 3.0) if curly else (1.1, 14.0))
    broad = _noise(actor, "locks", size, (5.0, 30.0))
    shine = np.exp(-0.5 * ((y + 78.0 - 0.004 * x**2) / 12.0) ** 2)
    light = 0.80 + 0.11 * strands + 0.09 * broad + 0.30 * shine * (1.0 + 0.4 * strands)
    light = light * (1.0 + 0.25 * actor.look.light_x * x / 80.0) - 0.12 * _step(y, -40.0, 90.0)
    tone = np.array(actor.look.hair) * np.clip(light, 0.25, 2.0)[..., None]
    return np.clip(tone + 10.0 * shine[..., None], 0.0, 255.0).astype(np.float32)


# --- wrinkles ----------------------------------------------------------------------------------


def _wrinkle(shape: FaceShape, name: str) -> Floats:
    """Return what one wrinkle takes from red, green and blue light, (H, W, 3)."""
    x, y = grid()
    skin = np.array([0.75, 1.0, 1.05])
    if name == "flush":
        cheeks = sum(_bell(x, y, (side * 38.0, 34.0), (20.0, 18.0)) for side in (-1, 1))
        face = 0.5 * _bell(x, y, (0.0, 20.0), (60.0, 70.0))
        return np.asarray((cheeks + face)[..., None] * np.array([-0.05, 0.22, 0.22]), np.float32)
    if name == "smile_light":
        cheeks = sum(_bell(x, y, (side * 39.0, 26.0), (13.0, 9.0)) for side in (-1, 1))
        return np.asarray(-0.16 * cheeks[..., None] * skin, np.float32)
    lines = {
        "folds": _fold_lines,
        "bridge": _bridge_lines,
        "forehead": _forehead_lines,
        "frown": _frown_lines,
        "eye_bags": _eye_bag_lines,
        "chin": _chin_lines,
    }[name](shape)
    depth = np.zeros((GRID_HEIGHT, GRID_WIDTH), np.float32)
    for points, blur, strength in lines:
        on_grid = np.asarray(points, np.float64) - (GRID_LEFT, GRID_TOP)
        depth = np.maximum(depth, strength * soft_line(depth.shape, on_grid, 2.0, blur))
    return np.asarray(depth[..., None] * skin, np.float32)


Line = tuple[list[tuple[float, float]], float, float]


def _fold_lines(shape: FaceShape) -> list[Line]:
    return [
        (
            [
                (side * (shape.nose_half_width + 2.0), shape.nose_y - 6.0),
                (side * (shape.nose_half_width + 9.0), shape.nose_y + 3.0),
                (side * (shape.mouth_half_width + 9.0), shape.mouth_y - 12.0),
                (side * (shape.mouth_half_width + 13.0), shape.mouth_y + 2.0),
            ],
            2.2,
            0.42,
        )
        for side in (-1, 1)
    ]


def _bridge_lines(shape: FaceShape) -> list[Line]:
    across = [
        ([(-9.0, at + 2.5), (0.0, at - 1.0), (9.0, at + 2.5)], 1.3, 0.42)
        for at in (-4.0, 3.0, 10.0)
    ]
    sides = [
        ([(side * 6.0, -4.0), (side * 11.0, 12.0), (side * 12.0, 24.0)], 1.8, 0.32)
        for side in (-1, 1)
    ]
    return across + sides


def _forehead_lines(shape: FaceShape) -> list[Line]:
    return [
        ([(-34.0, at + 3.0), (-14.0, at), (14.0, at), (34.0, at + 3.0)], 1.5, strength)
        for at, strength in ((-40.0, 0.34), (-48.0, 0.30), (-56.0, 0.22))
    ]


def _frown_lines(shape: FaceShape) -> list[Line]:
    lines: list[Line] = [
        ([(side * 4.5, -28.0), (side * 5.5, -18.0), (side * 4.0, -9.0)], 1.4, 0.50)
        for side in (-1, 1)
    ]
    lines.append(([(-6.0, -6.0), (6.0, -6.0)], 1.4, 0.25))
    return lines


def _eye_bag_lines(shape: FaceShape) -> list[Line]:
    lines: list[Line] = []
    for side in (-1, 1):
        at, low = shape.eye_x, 11.0
        lines.append(
            (
                [(side * (at - 14), low - 3), (side * at, low), (side * (at + 13), low - 4)],
                1.6,
                0.26,
            )
        )
        for turn in (-5.0, 1.0, 7.0):
            lines.append(
                (
                    [(side * (at + 18.0), 1.0 + turn * 0.4), (side * (at + 27.0), 1.0 + turn)],
                    1.2,
                    0.22,
                )
            )
    return lines


def _chin_lines(shape: FaceShape) -> list[Line]:
    low = shape.mouth_y + shape.lower_lip + 7.0
    return [([(-15.0, low + 4.0), (0.0, low - 1.0), (15.0, low + 4.0)], 2.2, 0.34)]


# --- behind the head ---------------------------------------------------------------------------


def _background(actor: Actor) -> Bytes:
    """Return wall, body and the hair behind the head, uint8 RGB of the frame's size."""
    rows, columns = np.mgrid[0:FRAME_HEIGHT, 0:FRAME_WIDTH].astype(np.float64)
    x, y = columns - FACE_ORIGIN[0], rows - FACE_ORIGIN[1]
    light = 1.05 - 0.30 * np.hypot(x / 320.0, y / 300.0) + 0.08 * actor.look.light_x * x / 240.0
    soft = _noise(actor, "wall", (FRAME_HEIGHT, FRAME_WIDTH), (40.0, 40.0))
    image = (light + 0.02 * soft)[..., None] * np.array(actor.look.wall)
    image = _back_hair(actor, x, y, image.astype(np.float32))
    image = _neck(actor, x, y, image)
    image = _clothes(actor, x, y, image)
    return np.clip(np.rint(image), 0, 255).astype(np.uint8)


def _back_hair(actor: Actor, x: Doubles, y: Doubles, image: Floats) -> Floats:
    length = {"long": 165.0, "fringe": 120.0, "bob": 80.0, "curly": 70.0}.get(
        actor.look.hair_style, 0.0
    )
    if not length:
        return image
    wide = actor.shape.half_width + 3.0 + 3.0 * np.sin(y / 30.0)
    mask = np.clip((wide - np.abs(x)) / 2.0, 0.0, 1.0) * np.clip((length - y) / 4.0, 0.0, 1.0)
    mask = mask * _step(y, 0.0, 20.0)
    strands = _noise(actor, "back hair", (FRAME_HEIGHT, FRAME_WIDTH), (1.0, 12.0))
    tone = np.array(actor.look.hair) * (0.55 + 0.10 * strands)[..., None]
    return blended(image, mask.astype(np.float32), np.clip(tone, 0, 255))


def _neck(actor: Actor, x: Doubles, y: Doubles, image: Floats) -> Floats:
    shape = actor.shape
    wide = 0.60 * shape.half_width + 6.0 * _step(y, shape.chin_y, shape.chin_y + 60.0)
    wide = wide + 60.0 * _step(y, shape.chin_y + 30.0, shape.chin_y + 75.0) ** 2
    mask = np.clip((wide - np.abs(x)) / 1.5 + 0.5, 0.0, 1.0) * (y > 30.0)
    round_light = 0.95 - 0.35 * np.clip(np.abs(x) / wide, 0.0, 1.0) ** 2
    under_chin = 1.0 - 0.42 * (1.0 - _step(y, shape.chin_y + 2.0, shape.chin_y + 36.0))
    light = round_light * under_chin * (1.0 + 0.12 * actor.look.light_x * x / 40.0)
    tone = np.stack([light**0.85, light**1.05, light**1.15], axis=-1) * np.array(actor.look.skin)
    return blended(image, mask.astype(np.float32), np.clip(tone, 0, 255))


def _clothes(actor: Actor, x: Doubles, y: Doubles, image: Floats) -> Floats:
    chin, collar = actor.shape.chin_y, actor.look.collar
    shoulder = (
        chin + 34.0 + 46.0 * _step(np.abs(x), 40.0, 150.0) + 40.0 * _step(np.abs(x), 140.0, 190.0)
    )
    cut = {
        "round": chin + 60.0 - 0.012 * x**2,
        "v": chin + 86.0 - 1.25 * np.abs(x),
        "shirt": chin + 58.0 - 0.75 * np.abs(x),
    }[collar]
    top = np.maximum(shoulder, cut)
    mask = np.clip((y - top) / 1.5 + 0.5, 0.0, 1.0)
    folds = _noise(actor, "cloth", (FRAME_HEIGHT, FRAME_WIDTH), (16.0, 26.0))
    weave = _noise(actor, "weave", (FRAME_HEIGHT, FRAME_WIDTH), (0.8, 0.8))
    light = 0.95 + 0.07 * folds + 0.02 * weave - 0.30 * np.exp(-(y - top).clip(0, None) / 5.0)
    light = light * (1.0 + 0.2 * actor.look.light_x * x / 200.0)
    tone = np.clip(np.array(actor.look.clothes) * light[..., None], 0, 255)
    return blended(image, mask.astype(np.float32), tone)
