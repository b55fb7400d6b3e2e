"""Draw glasses on a face."""

import numpy as np

from emotalk.schema import Doubles
from emotalk.synthetic.actor import Actor
from emotalk.synthetic.motion import HeadPose
from emotalk.synthetic.paint import Painter

TURN = np.linspace(0.0, 2.0 * np.pi, 33)


def glasses_lines(actor: Actor) -> list[Doubles]:
    """Return the lines (U, 2) of rims, bridge and temples in the face's coordinates."""
    shape = actor.shape
    wide = min(shape.eye_half_width + 7.0, shape.eye_x - 4.0)
    # A superellipse: between an ellipse and a rectangle.
    x = wide * np.sign(np.cos(TURN)) * np.abs(np.cos(TURN)) ** 0.7
    y = 13.0 * np.sign(np.sin(TURN)) * np.abs(np.sin(TURN)) ** 0.7 + 2.0
    rims = [np.stack([side * shape.eye_x + x, y], -1) for side in (-1, 1)]
    inner = shape.eye_x - wide
    bridge = np.array([(-inner, -1.0), (0.0, -4.0), (inner, -1.0)])
    ends = [
        np.array([(side * (shape.eye_x + wide), -2.0), (side * shape.half_width, -4.0)])
        for side in (-1, 1)
    ]
    return [*rims, bridge, *ends]


def draw_glasses(painter: Painter, actor: Actor, pose: HeadPose, t: int) -> None:
    """Draw the glasses of a person who wears some on frame `t`; they move with the head alone."""
    matrix = pose.matrices_T23[t]
    for line in glasses_lines(actor):
        placed = (line @ matrix[:, :2].T + matrix[:, 2]).astype(np.float32)
        width = actor.look.glasses
        painter.line(placed, actor.look.glasses_colour, width=width, alpha=0.9, blur=0.5)
