"""Motion of a face and pose of its head, over the frames of a clip."""

from dataclasses import dataclass

import numpy as np

from emotalk.schema import Doubles, Floats


@dataclass(frozen=True)
class Motion:
    """Motion of a face over T frames."""

    opening: Doubles  # of the mouth, 0 to 1
    spread: Doubles  # of the lips, -1 rounded to 1 spread
    blink: Doubles  # 0 open to 1 shut
    gaze_x: Doubles  # of the irises, -1 to 1
    movements: dict[str, Doubles]  # the expression's movements by name

    def __getitem__(self, name: str) -> Doubles:
        """Return a movement of the expression, (T,)."""
        return self.movements[name]


@dataclass(frozen=True)
class HeadPose:
    """A similarity transform per frame from the face's coordinates to the frame's pixels."""

    matrices_T23: Doubles  # [[s cos, -s sin, x], [s sin, s cos, y]]

    @property
    def scale(self) -> Doubles:
        """Return the size of the face in every frame, (T,)."""
        return np.asarray(np.hypot(self.matrices_T23[:, 0, 0], self.matrices_T23[:, 1, 0]))

    def place(self, points_TUP: Doubles) -> Floats:
        """Return points (T, U, 2) of the face as pixels of the frame, float32."""
        turned = np.einsum("tij,tuj->tui", self.matrices_T23[:, :, :2], points_TUP)
        return np.asarray(turned + self.matrices_T23[:, None, :, 2], np.float32)


def head_pose(angle: Doubles, scale: Doubles, x: Doubles, y: Doubles) -> HeadPose:
    """Return the pose of angle (radians), scale and position of the origin in pixels, each (T,)."""
    cos, sin = scale * np.cos(angle), scale * np.sin(angle)
    rows = np.stack([np.stack([cos, -sin, x], -1), np.stack([sin, cos, y], -1)], axis=1)
    return HeadPose(rows)
