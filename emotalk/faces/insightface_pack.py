"""Landmarks by an insightface model pack.

Models run in the calling thread alone, so that workers do not fight for cores and give the same
numbers whatever the machine is doing.
"""

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import onnxruntime
from insightface.app import FaceAnalysis

from emotalk.errors import WrongUse
from emotalk.faces.landmarks import (
    NO_FACE,
    FaceLandmarks,
    FrameByFrame,
    largest,
    largest_first,
)
from emotalk.schema import LANDMARKS, Bytes

LANDMARK_TASKS = ("landmark_2d_68", "landmark_3d_68")


class InsightfaceFinder(FrameByFrame):
    """A pack with a detector and a 68-point landmark model: `buffalo_l`, `antelopev2`, ..."""

    def __init__(self, pack: str, *, root: Path, det_size: int = 320) -> None:
        """Load the pack `root/models/pack`; nothing is ever downloaded.

        Args:
            pack: the pack's name.
            root: the folder that holds `models/`.
            det_size: side of the square the detector sees, pixels.

        Raises:
            WrongUse: the pack is not there, or has no detector or no 68-point landmark model.
        """
        folder = _pack_folder(pack, root)
        cv2.setNumThreads(1)
        self._app = FaceAnalysis(
            name=str(folder),
            allowed_modules=["detection", *LANDMARK_TASKS],
            providers=["CPUExecutionProvider"],
            sess_options=single_threaded(),
        )
        tasks = [task for task in LANDMARK_TASKS if task in self._app.models]
        if not tasks:
            raise WrongUse(
                f"landmarks.pack: {folder} has no model of {LANDMARKS} landmarks "
                f"(found: {', '.join(self._app.models)}); buffalo_l and antelopev2 have one"
            )
        self._task = tasks[0]
        self._app.prepare(ctx_id=-1, det_size=(det_size, det_size))

    def _find_one(self, frame_HWC: Bytes) -> FaceLandmarks:
        bgr = cv2.cvtColor(frame_HWC, cv2.COLOR_RGB2BGR)
        boxes, _ = self._app.det_model.detect(bgr)
        if not len(boxes):
            return NO_FACE
        box = boxes[largest(boxes)]
        face: Any = _Box(bbox=box[:4])
        self._app.models[self._task].get(bgr, face)
        return FaceLandmarks(
            count=len(boxes),
            box=box[:4].astype(np.float64),
            score=float(min(max(box[4], 0.0), 1.0)),
            landmarks_LP=np.asarray(face[self._task], np.float32)[:, :2],
            boxes=largest_first(boxes),
        )


class _Box(dict[str, Any]):
    """The little of insightface's own face record that its landmark models read and write."""

    @property
    def bbox(self) -> Any:
        return self["bbox"]


def single_threaded() -> Any:
    """Return ONNX Runtime session options for one thread and repeatable numbers."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
    options.use_deterministic_compute = True
    options.log_severity_level = 3
    return options


def _pack_folder(pack: str, root: Path) -> Path:
    folder = root.expanduser() / "models" / pack
    if not any(folder.glob("*.onnx")):
        what = "holds no .onnx file" if folder.is_dir() else "does not exist"
        raise WrongUse(
            f"landmarks: insightface model pack {pack!r}: {folder} {what}. Nothing is downloaded "
            "here. buffalo_l can be had once, with internet, by "
            f"`python -c \"from insightface.app import FaceAnalysis; FaceAnalysis('{pack}')\"` "
            "(weights for non-commercial research only), or set landmarks.root and landmarks.pack "
            "to a pack you have"
        )
    return folder.resolve()
