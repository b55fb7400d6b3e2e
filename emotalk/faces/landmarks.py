"""Find faces and their 68 landmarks (iBUG order) by one of three back ends.

`insightface` loads a model pack, `onnx` two model files, `sidecar` reads exact points that lie
beside the clips. All speak one protocol; frames are RGB here, and turned to BGR where a model wants
it.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from emotalk.config.etl import LandmarksConfig
from emotalk.schema import Bytes, Doubles, Floats


@dataclass(frozen=True)
class FaceLandmarks:
    """Faces found in one frame.

    Attributes:
        count: number of faces found.
        box: left, top, right, bottom of the largest face in pixels; None where there is none.
        score: of the detector for that face, in [0, 1]; 0 where there is none.
        landmarks_LP: its 68 points in frame pixels; None where there is none.
        boxes: of all faces, largest first; empty where the back end finds no boxes.
        drift: how far its landmarks move when looked for again, in units of the face's size; None
            where nobody looked again (`emotalk.faces.steadiness`).
        quarter_turns: how often to turn the picture by 90 degrees to the left for the face to be
            upright, where looking again showed that; else 0.
    """

    count: int
    box: Doubles | None = None
    score: float = 0.0
    landmarks_LP: Floats | None = None
    boxes: tuple[Doubles, ...] = ()
    drift: float | None = None
    quarter_turns: int = 0


NO_FACE = FaceLandmarks(0)


class LandmarkFinder(Protocol):
    """Finds faces in frames."""

    def find(
        self,
        frames: Sequence[Bytes],
        *,
        clip: Path | None = None,
        indices: Sequence[int] | None = None,
    ) -> list[FaceLandmarks]:
        """Return what is seen in each frame, in order.

        Args:
            frames: uint8 RGB (H, W, 3), any sizes.
            clip: the file the frames come from; side-car landmarks are looked up by its name.
            indices: number of each frame in that file; side-car landmarks are looked up by it.

        Raises:
            Rejection: `no_landmarks` or `bad_landmarks` (side-car only).
        """
        ...

    def follow(
        self,
        frames: Iterable[Bytes],
        *,
        clip: Path | None = None,
        indices: Iterable[int] | None = None,
    ) -> Iterator[tuple[Bytes, FaceLandmarks]]:
        """Yield each frame of one clip, in order, with what is seen in it.

        As `find`, but frames may be read lazily, and a back end may use that they belong together.
        """
        ...


def build_finder(config: LandmarksConfig, *, source: Path | None = None) -> LandmarkFinder:
    """Return the back end that the configuration names, its models loaded.

    Args:
        config: section `landmarks`.
        source: the corpus' folder; the side-car folder lies in it.

    Raises:
        WrongUse: a model pack, model file or side-car folder is missing or of another kind.
    """
    if config.backend == "insightface":
        from emotalk.faces.insightface_pack import InsightfaceFinder  # noqa: PLC0415  heavy

        return InsightfaceFinder(
            config.pack,
            root=config.root,
            det_size=config.det_size,
            detect_every=config.detect_every,
        )
    if config.backend == "onnx":
        from emotalk.faces.onnx_models import OnnxFinder  # noqa: PLC0415  heavy

        if config.detector is None or config.landmarker is None:
            raise ValueError("landmarks.backend onnx without model files passed its own check")
        return OnnxFinder(
            config.detector,
            config.landmarker,
            det_size=config.det_size,
            detect_every=config.detect_every,
        )
    from emotalk.faces.sidecar import SidecarFinder  # noqa: PLC0415  for symmetry

    folder = source or Path()
    return SidecarFinder(folder / config.sidecar, source=folder)


def largest_first(boxes: Doubles) -> tuple[Doubles, ...]:
    """Return left, top, right, bottom of each box (N, 4 or more), the largest area first."""
    areas = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    return tuple(boxes[index, :4].astype(float) for index in (-areas).argsort(kind="stable"))
