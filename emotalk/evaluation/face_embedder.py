"""Embed aligned faces as vectors whose cosine says whether two faces are one person's."""

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from emotalk.config.etl import LandmarksConfig
from emotalk.config.evaluate_identity import IdentityConfig
from emotalk.errors import WrongUse
from emotalk.evaluation.picture_model import PictureModel, open_picture_model
from emotalk.faces.shape import similarity
from emotalk.onnx_session import open_session
from emotalk.schema import Bytes, Doubles, Floats

SIDE = 112
ARCFACE_LP = np.array(
    [
        (38.2946, 51.6963),
        (73.5318, 51.5014),
        (56.0252, 71.7366),
        (41.5493, 92.3655),
        (70.7299, 92.2041),
    ]
)
"""Eyes, nose and corners of the mouth in a picture of 112 pixels, as ArcFace's models expect them.

Source: Deng et al., ArcFace, 2019; insightface's `face_align.arcface_dst`.
"""

LEAST_NUMBERS, MOST_NUMBERS = 32, 4096  # of an embedding


@dataclass(frozen=True)
class FaceEmbedder:
    """Maps faces to vectors of length 1. Reports show `name`."""

    model: PictureModel
    name: str
    frames: int  # of a clip whose vectors are averaged

    def embed(self, frames_THWC: Bytes, landmarks_TLP: Floats) -> Doubles:
        """Return the vectors of some of a video's faces, (N, D), N at most `frames`.

        They are spread evenly over the frames in which a face was found; none was: (0, 0).
        """
        found = np.flatnonzero(np.isfinite(landmarks_TLP).all((1, 2)))
        if not len(found):
            return np.zeros((0, 0))
        count = min(self.frames, len(found))
        chosen = found[((np.arange(count) + 0.5) * len(found) / count).astype(int)]
        return np.stack([self._embed(frames_THWC[t], landmarks_TLP[t]) for t in chosen])

    def _embed(self, frame_HWC: Bytes, landmarks_LP: Floats) -> Doubles:
        vector_D = self.model.run(align_face(frame_HWC, landmarks_LP, self.model.width))
        return np.asarray(vector_D / max(float(np.linalg.norm(vector_D)), 1e-12))


def five_points(landmarks_LP: Floats) -> Doubles:
    """Return the centres of the eyes, the tip of the nose and the corners of the mouth, (5, 2)."""
    points = np.asarray(landmarks_LP, np.float64)
    eyes = [points[36:42].mean(0), points[42:48].mean(0)]
    return np.stack([*eyes, points[30], points[48], points[54]])


def align_face(frame_HWC: Bytes, landmarks_LP: Floats, side: int) -> Bytes:
    """Return the face as ArcFace's models expect it, uint8 RGB (side, side, 3).

    As insightface's `norm_crop`, but beyond the frame its border pixels are repeated: an aligned
    crop lacks the forehead that these models see, and a black bar is no forehead.
    """
    transform = similarity(five_points(landmarks_LP), ARCFACE_LP * (side / SIDE))
    warped = cv2.warpAffine(frame_HWC, transform, (side, side), borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(warped, np.uint8)


def build_face_embedder(
    config: IdentityConfig, landmarks: str, finder: LandmarksConfig
) -> tuple[FaceEmbedder | None, str]:
    """Return the embedder of an evaluation, and its name or why there is none.

    Args:
        config: the section `identity`.
        landmarks: the landmark model that was chosen, whose pack `auto` looks into.
        finder: the place of insightface's packs.

    Raises:
        WrongUse: the configuration names a model that is not there or is of another kind.
    """
    path, name, key = config.model, str(config.model), "identity.model"
    if config.by == "none":
        return None, "none, as configured (identity.by=none)"
    if path is None:
        name, key = f"insightface (pack {finder.pack})", "identity.by=insightface"
        looks = config.by == "insightface" or landmarks == "insightface"
        path = find_recognition_model(finder) if looks else None
    if path is None:
        if config.by == "insightface":
            folder = finder.root.expanduser() / "models" / finder.pack
            raise WrongUse(
                f"{key}: {folder} holds no recognition model (a picture of {SIDE} x {SIDE} to a "
                "vector); buffalo_l and antelopev2 have one: set finder.pack and finder.root, or "
                "give an ONNX file with identity.model"
            )
        return None, "none: no recognition model is here; give one with identity.model=FILE.onnx"
    model = open_picture_model(path, config.pixels, key, side=SIDE)
    numbers = len(model.run(np.full((model.height, model.width, 3), 128, np.uint8)))
    if model.height != model.width or not LEAST_NUMBERS <= numbers <= MOST_NUMBERS:
        raise WrongUse(
            f"{key}: {path} maps {model.height} x {model.width} pixels to {numbers} numbers; "
            f"expected a square picture to {LEAST_NUMBERS} to {MOST_NUMBERS}, an embedding of faces"
        )
    name = f"{name}, {numbers} numbers"
    return FaceEmbedder(model, name, config.frames), name


def find_recognition_model(finder: LandmarksConfig) -> Path | None:
    """Return the file of an insightface pack that takes faces of 112 pixels, or None.

    insightface itself tells the models of a pack by the sizes of their inputs.
    """
    folder = finder.root.expanduser() / "models" / finder.pack
    for path in sorted(folder.glob("*.onnx")):
        shapes = [one.shape for one in open_session(path).get_inputs()]
        if [shape[1:] for shape in shapes] == [[3, SIDE, SIDE]]:
            return path
    return None
