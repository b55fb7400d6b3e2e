"""Draw the skin and hair of the head: bend the still head layer, light it and place it."""

import cv2
import numpy as np

from emotalk.schema import Bytes, Doubles, Floats
from emotalk.synthetic.actor import Actor
from emotalk.synthetic.canvas import GRID_HEIGHT, GRID_LEFT, GRID_TOP, GRID_WIDTH, grid
from emotalk.synthetic.layers import ActorLayers
from emotalk.synthetic.motion import Motion
from emotalk.synthetic.skin_motion import skin_pull_fields, skin_pulls


def wrinkle_strengths(actor: Actor, motion: Motion) -> Floats:
    """Return the depth of each of `wrinkles.WRINKLES`, (T, K)."""
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


class HeadLayer:
    """Head of one actor, drawn onto frames.

    Sums are computed by einsum: the rounding of BLAS may change with its number of threads.
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

    def draw(self, frame: Bytes, t: int, matrix: Doubles) -> None:
        """Draw the head of frame `t` onto `frame`, placed by `matrix` (2, 3)."""
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
        """Return the head with these wrinkles as premultiplied RGBA, cached for the next frame."""
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
    """Return left, top, width and height of the pixels that the face's grid covers."""
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
