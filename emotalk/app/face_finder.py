"""Find the faces of uploaded pictures once, and keep what was found of the latest ones."""

import threading
from collections import OrderedDict
from pathlib import Path

from emotalk.app.face_choice import PictureFaces, find_faces
from emotalk.config.etl import LandmarksConfig
from emotalk.faces.on_demand import OnDemandDetector
from emotalk.inference.face import read_aligned, read_face
from emotalk.media.image import enlarge
from emotalk.schema import Bytes

KEPT = 16  # pictures, of at most 3 MB each


class FaceFinder:
    """Finds faces with one detector, which is loaded at the first picture."""

    def __init__(self, landmarks: LandmarksConfig | None) -> None:
        """Without a detector every picture is an aligned crop."""
        self._detector = None if landmarks is None else OnDemandDetector(landmarks)
        self._kept: OrderedDict[Path, PictureFaces] = OrderedDict()
        self._lock = threading.Lock()

    def faces(self, picture: Path, *, aligned: bool) -> PictureFaces:
        """Return a picture as it is shown with its faces; an aligned crop has no boxes.

        Raises:
            WrongUse: it cannot be read, shows no face, or is no aligned crop although it should be.
        """
        if aligned or self._detector is None:
            return PictureFaces(enlarge(read_aligned(picture).transpose(1, 2, 0), 2), ())
        with self._lock:
            if picture not in self._kept:
                while len(self._kept) >= KEPT:
                    self._kept.popitem(last=False)
                self._kept[picture] = find_faces(picture, self._detector)
            return self._kept[picture]

    def crop(self, picture: Path, face: int, *, aligned: bool) -> Bytes:
        """Return the aligned crop of a face of a picture, uint8 RGB (128, 128, 3).

        Raises:
            WrongUse: that face cannot be used, e.g. because it is cut.
        """
        if aligned or self._detector is None:
            return read_aligned(picture).transpose(1, 2, 0)
        with self._lock:
            crop_CHW = read_face(picture, self._detector, choice=str(face))
        return crop_CHW.transpose(1, 2, 0)
