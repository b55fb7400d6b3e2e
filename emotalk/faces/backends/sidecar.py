"""Read landmarks from side-car files beside the clips."""

import itertools
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np

from emotalk.config.etl import LandmarksConfig
from emotalk.errors import WrongUse
from emotalk.faces.landmarks import NO_FACE, FaceLandmarks
from emotalk.files.small_files import read_small
from emotalk.media.npy import read_npy
from emotalk.schema import LANDMARKS, Bytes, Floats, Rejection

LARGEST_FILE = 2**30  # bytes: 22 days of landmarks


def build(config: LandmarksConfig, source: Path) -> "SidecarLandmarks":
    """Return the reader of the corpus' side-car folder."""
    return SidecarLandmarks(source / config.sidecar, source=source)


class SidecarLandmarks:
    """Read `FOLDER/STEM.npy`: float (T, 68, 2) in frame pixels, one row for each frame.

    Clips of one name in different folders have their files in folders of the same names:
    `FOLDER/M003/video/front/angry/level_3/001.npy`.
    """

    def __init__(self, folder: Path, *, source: Path | None = None) -> None:
        """Set the folder of the side-car files and that of the clips.

        Raises:
            WrongUse: the side-car folder does not exist.
        """
        if not folder.is_dir():
            raise WrongUse(
                f"landmarks.sidecar: no folder {folder}; it must hold CLIP.npy, (T, 68, 2) in "
                "frame pixels, for every clip. Without such files set landmarks.backend=insightface"
            )
        self.folder = folder
        self.source = source

    def detect(
        self,
        frames: Sequence[Bytes],
        *,
        clip: Path | None = None,
        indices: Sequence[int] | None = None,
    ) -> list[FaceLandmarks]:
        """Return the stored landmarks of these frames of the clip.

        Raises:
            Rejection: `no_landmarks` without a file, `bad_landmarks` for a file of another form.
            ValueError: `clip` is not given.
        """
        if clip is None:
            raise ValueError("side-car landmarks need the clip's name")
        stored_TLP = _stored(self._file(clip))
        rows = range(len(frames)) if indices is None else indices
        if rows and max(rows) >= len(stored_TLP):
            raise Rejection(
                "bad_landmarks",
                f"{clip.stem}.npy has {len(stored_TLP)} rows, frame {max(rows)} is needed; "
                "one row for each frame of the clip is expected",
            )
        return [_as_face(stored_TLP[row]) for row in rows]

    def track(
        self,
        frames: Iterable[Bytes],
        *,
        clip: Path | None = None,
        indices: Iterable[int] | None = None,
    ) -> Iterator[tuple[Bytes, FaceLandmarks]]:
        """Yield each frame with its stored landmarks; see `find`."""
        for frame, index in zip(
            frames, itertools.count() if indices is None else indices, strict=False
        ):
            yield frame, self.detect([frame], clip=clip, indices=[index])[0]

    def _file(self, clip: Path) -> Path:
        *nested, flat = sidecar_files(clip, self.folder, source=self.source)
        return next((file for file in nested if file.is_file()), flat)


def sidecar_files(clip: Path, folder: Path, *, source: Path | None) -> list[Path]:
    """Return the paths of a clip's landmarks; the first that exists is used, else the last."""
    flat = folder / f"{clip.stem}.npy"
    if source is None or not clip.is_relative_to(source):
        return [flat]
    return [folder / clip.relative_to(source).with_suffix(".npy"), flat]


def _as_face(points_LP: Floats) -> FaceLandmarks:
    if not np.isfinite(points_LP).all():
        return NO_FACE
    box = np.concatenate([points_LP.min(0), points_LP.max(0)]).astype(np.float64)
    return FaceLandmarks(1, box=box, score=1.0, landmarks_LP=points_LP)


@lru_cache(maxsize=2)
def _stored(path: Path) -> Floats:
    try:
        points_TLP = read_npy(read_small(path, max_bytes=LARGEST_FILE))
    except FileNotFoundError:
        raise Rejection("no_landmarks", f"no side-car file {path.name}") from None
    except (ValueError, OSError) as error:
        raise Rejection("bad_landmarks", f"{path.name}: not a .npy file ({error})") from None
    if points_TLP.ndim != 3 or points_TLP.shape[1:] != (LANDMARKS, 2):
        raise Rejection(
            "bad_landmarks",
            f"{path.name}: {points_TLP.shape}, expected float (T, {LANDMARKS}, 2)",
        )
    return points_TLP
