"""Draw the frames of a face: the head layer, then eyes, brows and mouth."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from emotalk.schema import Bytes, Doubles, Floats
from emotalk.synthetic.actor import Actor, Look
from emotalk.synthetic.camera import RGB
from emotalk.synthetic.geometry import (
    brow_outline,
    eye_outline,
    inner_lip,
    iris_centre,
    lid_line,
    mouth_gap,
    mouth_half_width,
    outer_lip,
)
from emotalk.synthetic.glasses import draw_glasses
from emotalk.synthetic.head_layer import HeadLayer
from emotalk.synthetic.layers import actor_layers
from emotalk.synthetic.motion import HeadPose, Motion
from emotalk.synthetic.paint import Painter, offset

SCLERA: RGB = (236.0, 230.0, 224.0)
LASHES: RGB = (38.0, 26.0, 22.0)
TONGUE: RGB = (150.0, 68.0, 66.0)
IRIS_RADIUS = 6.0
PUPIL_RADIUS = 2.6
TEETH_LENGTH = 6.5


def draw_frames(actor: Actor, motion: Motion, pose: HeadPose) -> Iterator[Bytes]:
    """Yield the frames of `actor`: uint8 RGB of the frame's size, one per entry of `motion`."""
    layers = actor_layers(actor)
    head = HeadLayer(actor, layers, motion)
    outlines = _outlines(actor, motion, pose)
    scales = pose.scale
    for t in range(len(scales)):
        frame = layers.background_HWC.copy()
        head.draw(frame, t, pose.matrices_T23[t])
        painter = Painter(frame)
        for side in ("left", "right"):
            _draw_eye(
                painter, outlines, side, t, actor.look.iris, actor.look.skin, float(scales[t])
            )
            _draw_brow(painter, outlines, side, t, actor.look.brow)
        _draw_mouth(painter, outlines, t, actor.look, float(scales[t]))
        if actor.look.glasses:
            draw_glasses(painter, actor, pose, t)
        yield frame


@dataclass(frozen=True)
class _Outlines:
    """Outlines of the parts of the face in the frame's pixels, (T, U, 2) each."""

    parts: dict[str, Floats]
    gap: Floats
    iris_swell: Floats

    def __getitem__(self, name: str) -> Floats:
        return self.parts[name]


def _outlines(actor: Actor, motion: Motion, pose: HeadPose) -> _Outlines:
    shape = actor.shape
    lid = np.linspace(-1.0, 1.0, 13)
    parts: dict[str, Doubles] = {}
    for name, side in (("left", -1), ("right", 1)):
        parts[f"{name} brow"] = brow_outline(shape, motion, side, 1.0)
        parts[f"{name} brow core"] = brow_outline(shape, motion, side, 0.6)
        parts[f"{name} eye"] = eye_outline(shape, motion, side)
        parts[f"{name} upper lid"] = lid_line(shape, motion, side, lid, upper=True)
        parts[f"{name} lower lid"] = lid_line(shape, motion, side, lid, upper=False)
        crease = lid_line(shape, motion, side, lid[1:-1], upper=True)
        crease[..., 1] = 0.75 * crease[..., 1] - 5.0
        parts[f"{name} crease"] = crease
        parts[f"{name} iris"] = iris_centre(shape, motion, side)[:, None]
    parts.update(_mouth_outlines(actor, motion))
    return _Outlines(
        {name: pose.place(points) for name, points in parts.items()},
        (mouth_gap(shape, motion) * pose.scale).astype(np.float32),
        (1.0 + 0.25 * motion["lid_raise"]).astype(np.float32),
    )


def _mouth_outlines(actor: Actor, motion: Motion) -> dict[str, Doubles]:
    shape = actor.shape
    u = np.linspace(-1.0, 1.0, 25)
    top, bottom = (outer_lip(shape, motion, u, upper=upper) for upper in (True, False))
    inner_top, inner_bottom = (inner_lip(shape, motion, u, upper=upper) for upper in (True, False))
    half = mouth_half_width(shape, motion)[:, None]
    # Upper teeth belong to the skull, lower teeth and tongue to the jaw.
    edge = np.full_like(half, shape.mouth_y - 1.0 + TEETH_LENGTH) - 2.5 * u**2
    teeth_low = np.stack(np.broadcast_arrays(0.78 * half * u, edge), axis=-1)
    teeth_high = teeth_low - (0.0, 18.0)
    middle = inner_bottom[:, 12:13]
    round_x, round_y = 0.62 * half * np.cos(np.pi * u), 1.0 + 5.0 * np.sin(np.pi * u)
    tongue = middle + np.stack(np.broadcast_arrays(round_x, round_y), axis=-1)
    return {
        "lips": np.concatenate([top, bottom[:, ::-1]], axis=1),
        "lower lip": np.concatenate([inner_bottom, bottom[:, ::-1]], axis=1),
        "inner": np.concatenate([inner_top, inner_bottom[:, ::-1]], axis=1),
        "inner top": inner_top,
        "shine": 0.45 * inner_bottom[:, 8:17] + 0.55 * bottom[:, 8:17],
        "teeth": np.concatenate([teeth_high, teeth_low[:, ::-1]], axis=1),
        "tongue": tongue,
    }


def _scaled(colour: RGB, factor: float) -> RGB:
    red, green, blue = (min(255.0, factor * value) for value in colour)
    return red, green, blue


def _disc(centre: Floats, radius: float) -> Floats:
    turn = np.linspace(0.0, 2.0 * np.pi, 20, endpoint=False, dtype=np.float32)
    return np.asarray(centre + radius * np.stack([np.cos(turn), np.sin(turn)], -1), np.float32)


def _draw_eye(
    painter: Painter, outlines: _Outlines, side: str, t: int, iris: RGB, skin: RGB, scale: float
) -> None:
    centre = outlines[f"{side} iris"][t]
    upper = outlines[f"{side} upper lid"][t]

    def fill(inside: Painter, corner: Floats) -> None:
        inside.canvas[:] = np.asarray(SCLERA, np.uint8)
        at = centre - corner
        inside.polygon(_disc(at, IRIS_RADIUS * scale), _scaled(iris, 0.55))
        inside.polygon(_disc(at, 0.80 * IRIS_RADIUS * scale), _scaled(iris, 1.15))
        swell = float(outlines.iris_swell[t])
        inside.polygon(_disc(at, PUPIL_RADIUS * swell * scale), (14.0, 10.0, 10.0))
        inside.line(upper - corner + offset(0.0, 1.0), LASHES, width=2, alpha=0.5, blur=1.2)
        inside.polygon(_disc(at + offset(-1.6, -2.0), 1.3 * scale), (255.0, 255.0, 255.0))

    painter.clipped(outlines[f"{side} eye"][t], fill)
    painter.line(outlines[f"{side} crease"][t], _scaled(skin, 0.45), width=2, alpha=0.45, blur=0.8)
    painter.line(outlines[f"{side} lower lid"][t], _scaled(skin, 0.40), alpha=0.6, blur=0.5)
    painter.line(upper, LASHES, width=2, alpha=0.92)


def _draw_brow(painter: Painter, outlines: _Outlines, side: str, t: int, colour: RGB) -> None:
    painter.polygon(outlines[f"{side} brow"][t], colour, alpha=0.72, blur=0.9)
    painter.polygon(outlines[f"{side} brow core"][t], _scaled(colour, 0.8), alpha=0.75, blur=0.6)


def _draw_mouth(painter: Painter, outlines: _Outlines, t: int, look: Look, scale: float) -> None:
    lips, cavity = look.lips, look.cavity
    gap = float(outlines.gap[t])
    outline = outlines["lips"][t]
    painter.polygon(outline, _scaled(lips, 0.84), alpha=0.92, blur=0.5)
    painter.polygon(outlines["lower lip"][t], lips, alpha=0.95, blur=0.4)
    painter.line(outlines["shine"][t], _scaled(lips, 1.30), width=2, alpha=0.5, blur=1.2)

    def fill(inside: Painter, corner: Floats) -> None:
        inside.canvas[:] = np.asarray(cavity, np.uint8)
        inside.polygon(outlines["tongue"][t] - corner, TONGUE, alpha=0.9, blur=1.0)
        inside.polygon(outlines["teeth"][t] - corner, look.teeth, blur=0.5)
        shadow = outlines["inner top"][t] - corner + offset(0.0, 1.0)
        inside.line(shadow, cavity, width=2, alpha=0.55, blur=1.2)

    if gap > 0.5:
        painter.clipped(outlines["inner"][t], fill)
    painter.line(outlines["inner top"][t], look.lip_line, width=1, alpha=0.8, blur=0.4)
    for end in (0, -1):
        painter.polygon(
            _disc(outlines["inner top"][t, end], 2.0 * scale), look.lip_line, alpha=0.5, blur=1.4
        )
