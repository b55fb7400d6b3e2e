"""Hold the vectors of a true clip's faces, and compare those of different people."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from emotalk.evaluation.face_embedder import FaceEmbedder
from emotalk.schema import Bytes, Doubles, Floats


class FaceVectors(NamedTuple):
    """Vectors of length 1 of a true clip's faces, and their mean, which is shorter."""

    first_D: Doubles  # of the first frame in which a face was found
    mean_D: Doubles  # over some frames of the clip


class IdentityReference(NamedTuple):
    """The person of a true clip, and the model that recognises people."""

    embedder: FaceEmbedder
    vectors: FaceVectors | None  # None: no face was found


def identity_reference(
    video_THWC: Bytes, landmarks_TLP: Floats, embedder: FaceEmbedder | None
) -> IdentityReference | None:
    """Return the person of a true clip; None without a model."""
    if embedder is None:
        return None
    found = np.flatnonzero(np.isfinite(landmarks_TLP).all((1, 2)))
    if not len(found):
        return IdentityReference(embedder, None)
    first = found[:1]
    first_1D = embedder.embed(video_THWC[first], landmarks_TLP[first])
    vectors_ND = embedder.embed(video_THWC, landmarks_TLP)
    return IdentityReference(embedder, FaceVectors(first_1D[0], vectors_ND.mean(0)))


def likeness_to_others(vectors: Sequence[FaceVectors | None], actors: Sequence[str]) -> list[float]:
    """Return for each clip the mean cosine of its faces with the first ones of other actors.

    It is the floor of the figure of identity. Every other actor counts alike, however many clips
    there are. NaN for a clip without a face, and where there is no other actor.
    """
    first: dict[str, list[Doubles]] = {}
    for faces, actor in zip(vectors, actors, strict=True):
        if faces is not None:
            first.setdefault(actor, []).append(faces.first_D)
    middle = {actor: np.mean(found, 0) for actor, found in first.items()}
    cosines: list[float] = []
    for faces, actor in zip(vectors, actors, strict=True):
        others = [vector_D for name, vector_D in middle.items() if name != actor]
        if faces is None or not others:
            cosines.append(float("nan"))
        else:
            cosines.append(float(np.mean(np.stack(others) @ faces.mean_D)))
    return cosines
