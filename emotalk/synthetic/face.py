"""Frames of a face: still layers bent, lit and placed; eyes, brows and mouth drawn on top."""

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np

from emotalk.schema import Bytes, Doubles, Floats
from emotalk.synthetic.actor import RGB, Actor
from emotalk.synthetic.canvas import GRID_HEIGHT, GRID_LEFT, GRID_TOP, GRID_WIDTH, grid
from emotalk.synthetic.geometry import (
    HeadPose,
    Motion,
    brow_outline,
    eye_outline,
    inner_lip,
    iris_centre,
    lid_line,
    mouth_gap,
    mouth_half_width,
    outer_lip,
    skin_pull_fields,
    skin_pulls,
)
from emotalk.synthetic.layers import ActorLayers, actor_layers
from emotalk.synthetic.paint import Stamp, offset

SCLERA: RGB = (236.0, 230.0, 224.0)
LASHES: RGB = (38.0, 26.0, 22.0)
CAVITY: RGB = (58.0, 18.0, 20.0)
TONGUE: RGB = (150.0, 68.0, 66.0)
TEETH: RGB = (232.0, 224.0, 210.0)
LIP_LINE: RGB = (70.0, 26.0, 28.0)
IRIS_RADIUS = 6.0
PUPIL_RADIUS = 2.6
TEETH_LENGTH = 6.5


def draw_frames(actor: Actor, motion: Motion, pose: HeadPose) -> Iterator[Bytes]:
    """Yield the frames of `actor`: uint8 RGB of the frame's size, one per entry of `motion`."""
    layers = actor_layers(actor)
    skin = _Skin(actor, layers, motion)
    outlines = _outlines(actor, motion, pose)
    scales = pose.scale
    for t in range(len(scales)):
        frame = layers.background_HWC.copy()
        skin.lay(frame, t, pose.matrices_T23[t])
        stamp = Stamp(frame)
        for side in ("left", "right"):
            _draw_eye(stamp, outlines, side, t, actor.look.iris, actor.look.skin, float(scales[t]))
            _draw_brow(stamp, outlines, side, t, actor.look.brow)
        _draw_mouth(stamp, outlines, t, actor.look.lips, float(scales[t]))
        yield frame


# --- skin --------------------------------------------------------------------------------------


def wrinkle_strengths(actor: Actor, motion: Motion) -> Floats:
    """Return how deep each of `wrinkles.WRINKLES` is, (T, K): movements fold the skin."""
    old = max(0.0, (actor.age - 30.0) / 40.0)
    zero = np.zeros_like(motion.opening)
    strengths = [
        0.08 + 0.22 * old + 0.85 * motion["corner_raise"] + 0.75 * motion["upper_lip_raise"],
        0.95 * motion["nose_wrinkle"],
        0.20 * old + 0.95 * np.maximum(motion["inner_brow_raise"], motion["outer_brow_raise"]),
        0.15 * old + 1.0 * motion["brow_lower"],
        0.20 * old + 0.9 * motion["cheek_raise"],
        zero + 1.0 * motion["chin_raise"],
        motion["cheek_raise"] * motion["corner_raise"],
        zero + 0.6 * motion["flush"],
    ]
    return np.stack([np.broadcast_to(s, zero.shape) for s in strengths], axis=-1).astype(np.float32)


class _Skin:
    """Lights and bends the still head and lays it over a frame.

    Sums go through einsum and not through BLAS, whose rounding may change with its threads.
    """

    def __init__(self, actor: Actor, layers: ActorLayers, motion: Motion) -> None:
        self.layers = layers
        self.strengths_TK = wrinkle_strengths(actor, motion)
        self.pulls_TK = skin_pulls(actor.shape, motion).astype(np.float32)
        x, y = grid()
        fields = skin_pull_fields(actor.shape, x, y)
        self.fields_KHW = np.stack(fields).astype(np.float32)
        self.lit_for: bytes = b""
        self.lit_RGBA: Bytes = np.zeros((GRID_HEIGHT, GRID_WIDTH, 4), np.uint8)

    def lay(self, frame: Bytes, t: int, matrix: Doubles) -> None:
        """Lay the head of frame `t` over `frame`, placed by `matrix` (2, 3)."""
        lit_RGBA = self._lit(self.strengths_TK[t])
        left, top, width, height = _covered(matrix, frame.shape[:2])
        inverse = _inverse_from_pixels(matrix, left, top)
        shift = cv2.warpAffine(
            np.einsum("k,khw->hw", self.pulls_TK[t], self.fields_KHW),
            inverse,
            (width, height),
            flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
            borderMode=cv2.BORDER_REPLICATE,
        )
        columns = np.arange(width, dtype=np.float32)
        rows = np.arange(height, dtype=np.float32)[:, None]
        a, b = inverse.astype(np.float32)
        map_x = columns * a[0] + (rows * a[1] + a[2])
        map_y = columns * b[0] + (rows * b[1] + b[2]) - shift
        head = cv2.remap(lit_RGBA, map_x, map_y, cv2.INTER_LINEAR, borderValue=(0, 0, 0, 0))
        region = frame[top : top + height, left : left + width]
        behind = cv2.cvtColor(255 - head[..., 3], cv2.COLOR_GRAY2RGB)
        cv2.add(cv2.multiply(region, behind, scale=1 / 255.0), head[..., :3], dst=region)

    def _lit(self, strengths: Floats) -> Bytes:
        """Return the head under these wrinkles, alpha applied; kept while they stay the same."""
        key = strengths.tobytes()
        if key != self.lit_for:
            lost = np.einsum("k,khwc->hwc", strengths, self.layers.wrinkles_KHWC)
            alpha = self.layers.alpha_HW[..., None]
            rgb = np.clip(self.layers.head_HWC * (1.0 - lost), 0.0, 255.0) * alpha
            rgba = np.concatenate([rgb, 255.0 * alpha], axis=-1)
            self.lit_RGBA = np.rint(rgba).astype(np.uint8)
            self.lit_for = key
        return self.lit_RGBA


def _covered(matrix: Doubles, size: tuple[int, ...]) -> tuple[int, int, int, int]:
    """Return left, top, width and height of the pixels that the face's grid can reach."""
    right, bottom = GRID_LEFT + GRID_WIDTH, GRID_TOP + GRID_HEIGHT
    corners = np.array([(x, y, 1.0) for x in (GRID_LEFT, right) for y in (GRID_TOP, bottom)])
    reached = corners @ matrix.T
    low = np.maximum(np.floor(reached.min(axis=0)).astype(int), 0)
    high = np.minimum(np.ceil(reached.max(axis=0)).astype(int) + 1, (size[1], size[0]))
    return int(low[0]), int(low[1]), int(high[0] - low[0]), int(high[1] - low[1])


def _inverse_from_pixels(matrix: Doubles, left: int, top: int) -> Doubles:
    """Return the (2, 3) map from pixels of a region at (left, top) to the head layer's pixels."""
    turn = np.linalg.inv(matrix[:, :2])
    shift = turn @ (np.array([left, top]) - matrix[:, 2]) - (GRID_LEFT, GRID_TOP)
    return np.concatenate([turn, shift[:, None]], axis=1)


# --- outlines ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Outlines:
    """Everything that is drawn by outline, in the frame's pixels, (T, U, 2) each."""

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


# --- drawing -----------------------------------------------------------------------------------


def _scaled(colour: RGB, factor: float) -> RGB:
    red, green, blue = (min(255.0, factor * value) for value in colour)
    return red, green, blue


def _disc(centre: Floats, radius: float) -> Floats:
    turn = np.linspace(0.0, 2.0 * np.pi, 20, endpoint=False, dtype=np.float32)
    return np.asarray(centre + radius * np.stack([np.cos(turn), np.sin(turn)], -1), np.float32)


def _draw_eye(
    stamp: Stamp, outlines: _Outlines, side: str, t: int, iris: RGB, skin: RGB, scale: float
) -> None:
    centre = outlines[f"{side} iris"][t]
    upper = outlines[f"{side} upper lid"][t]

    def fill(inside: Stamp, corner: Floats) -> None:
        inside.canvas[:] = np.asarray(SCLERA, np.uint8)
        at = centre - corner
        inside.polygon(_disc(at, IRIS_RADIUS * scale), _scaled(iris, 0.55))
        inside.polygon(_disc(at, 0.80 * IRIS_RADIUS * scale), _scaled(iris, 1.15))
        swell = float(outlines.iris_swell[t])
        inside.polygon(_disc(at, PUPIL_RADIUS * swell * scale), (14.0, 10.0, 10.0))
        inside.line(upper - corner + offset(0.0, 1.0), LASHES, width=2, alpha=0.5, blur=1.2)
        inside.polygon(_disc(at + offset(-1.6, -2.0), 1.3 * scale), (255.0, 255.0, 255.0))

    stamp.clipped(outlines[f"{side} eye"][t], fill)
    stamp.line(outlines[f"{side} crease"][t], _scaled(skin, 0.45), width=2, alpha=0.45, blur=0.8)
    stamp.line(outlines[f"{side} lower lid"][t], _scaled(skin, 0.40), alpha=0.6, blur=0.5)
    stamp.line(upper, LASHES, width=2, alpha=0.92)


def _draw_brow(stamp: Stamp, outlines: _Outlines, side: str, t: int, colour: RGB) -> None:
    stamp.polygon(outlines[f"{side} brow"][t], colour, alpha=0.72, blur=0.9)
    stamp.polygon(outlines[f"{side} brow core"][t], _scaled(colour, 0.8), alpha=0.75, blur=0.6)


def _draw_mouth(stamp: Stamp, outlines: _Outlines, t: int, lips: RGB, scale: float) -> None:
    gap = float(outlines.gap[t])
    outline = outlines["lips"][t]
    stamp.polygon(outline, _scaled(lips, 0.84), alpha=0.92, blur=0.5)
    stamp.polygon(outlines["lower lip"][t], lips, alpha=0.95, blur=0.4)
    stamp.line(outlines["shine"][t], _scaled(lips, 1.30), width=2, alpha=0.5, blur=1.2)

    def fill(inside: Stamp, corner: Floats) -> None:
        inside.canvas[:] = np.asarray(CAVITY, np.uint8)
        inside.polygon(outlines["tongue"][t] - corner, TONGUE, alpha=0.9, blur=1.0)
        inside.polygon(outlines["teeth"][t] - corner, TEETH, blur=0.5)
        shadow = outlines["inner top"][t] - corner + offset(0.0, 1.0)
        inside.line(shadow, CAVITY, width=2, alpha=0.55, blur=1.2)

    if gap > 0.5:
        stamp.clipped(outlines["inner"][t], fill)
    stamp.line(outlines["inner top"][t], LIP_LINE, width=1, alpha=0.8, blur=0.4)
    for end in (0, -1):
        stamp.polygon(
            _disc(outlines["inner top"][t, end], 2.0 * scale), LIP_LINE, alpha=0.5, blur=1.4
        )
