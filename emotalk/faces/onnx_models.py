"""Landmarks by two plain ONNX files: a YuNet detector and a 68-point model of the Peppa family."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import onnxruntime

from emotalk.errors import WrongUse
from emotalk.faces.insightface_pack import single_threaded
from emotalk.faces.landmarks import NO_FACE, FaceLandmarks, largest
from emotalk.schema import LANDMARKS, Bytes, Doubles, Floats

MIN_SCORE = 0.6
OVERLAP = 0.3
BOX_GROWTH = 1.4  # the landmark model was trained on boxes this much larger than the face


class OnnxFinder:
    """YuNet (`cv2.FaceDetectorYN`) and a landmark model whose first 136 outputs are x, y in 0..1.

    The landmark model takes BGR (x - 127) / 127 of a square around the face, 1.4 times its box.
    """

    def __init__(self, detector: Path, landmarker: Path, *, det_size: int = 320) -> None:
        """Load both files.

        Raises:
            WrongUse: a file is missing or is not a model of the expected form.
        """
        for key, path in (("detector", detector), ("landmarker", landmarker)):
            if not path.is_file():
                raise WrongUse(f"landmarks.{key}: no file {path}")
        cv2.setNumThreads(1)
        self._det_size = det_size
        try:
            self._detector = cv2.FaceDetectorYN.create(
                str(detector), "", (det_size, det_size), MIN_SCORE, OVERLAP
            )
        except cv2.error as error:
            raise WrongUse(
                f"landmarks.detector: {detector} is no YuNet model: {error.err}"
            ) from None
        self._session = _landmark_session(landmarker)
        self._input = self._session.get_inputs()[0]

    def find(
        self,
        frames: Sequence[Bytes],
        *,
        clip: Path | None = None,
        indices: Sequence[int] | None = None,
    ) -> list[FaceLandmarks]:
        """Return the faces of each frame; landmarks for the largest one."""
        del clip, indices
        return [self._find_one(frame) for frame in frames]

    def _find_one(self, frame_HWC: Bytes) -> FaceLandmarks:
        bgr = np.ascontiguousarray(frame_HWC[:, :, ::-1])
        boxes = self._boxes(bgr)
        if not len(boxes):
            return NO_FACE
        box = boxes[largest(boxes)]
        return FaceLandmarks(
            count=len(boxes),
            box=box[:4],
            score=float(min(max(box[4], 0.0), 1.0)),
            landmarks_LP=self._landmarks(bgr, box[:4]),
        )

    def _boxes(self, bgr: Bytes) -> Doubles:
        """Return left, top, right, bottom, score of each face (N, 5), in frame pixels."""
        height, width = bgr.shape[:2]
        scale = min(1.0, self._det_size / max(height, width))
        size = (max(1, round(width * scale)), max(1, round(height * scale)))
        self._detector.setInputSize(size)
        small = bgr if scale == 1.0 else cv2.resize(bgr, size, interpolation=cv2.INTER_AREA)
        _, faces = self._detector.detect(small)
        if faces is None:
            return np.zeros((0, 5))
        found = np.asarray(faces, np.float64)
        stretch = np.array([width / size[0], height / size[1]])
        corner = found[:, :2] * stretch
        return np.column_stack([corner, corner + found[:, 2:4] * stretch, found[:, 14]])

    def _landmarks(self, bgr: Bytes, box: Doubles) -> Floats:
        side = int(self._input.shape[2])
        centre = (box[:2] + box[2:]) / 2
        reach = max(box[2] - box[0], box[3] - box[1]) * BOX_GROWTH
        scale = side / reach
        move = np.array([[scale, 0.0, -scale * (centre[0] - reach / 2)]])
        transform = np.vstack([move, [[0.0, scale, -scale * (centre[1] - reach / 2)]]])
        crop = cv2.warpAffine(bgr, transform, (side, side), flags=cv2.INTER_LINEAR)
        values = (crop.astype(np.float32) - 127.0) / 127.0
        output = self._session.run(None, {self._input.name: values.transpose(2, 0, 1)[None]})[0]
        points = output[0, : 2 * LANDMARKS].reshape(LANDMARKS, 2) * side
        in_frame: Floats = ((points - transform[:, 2]) / scale).astype(np.float32)
        return in_frame


def _landmark_session(path: Path) -> Any:
    try:
        session = onnxruntime.InferenceSession(
            str(path), single_threaded(), providers=["CPUExecutionProvider"]
        )
    except Exception as error:
        if not type(error).__module__.startswith("onnxruntime"):  # its errors share no own base
            raise
        raise WrongUse(f"landmarks.landmarker: {path} is not an ONNX model: {error}") from None
    inputs, outputs = session.get_inputs()[0].shape, session.get_outputs()[0].shape
    if len(inputs) != 4 or inputs[1] != 3 or len(outputs) != 2 or outputs[1] < 2 * LANDMARKS:
        raise WrongUse(
            f"landmarks.landmarker: {path} maps {inputs} to {outputs}; expected an image "
            f"(1, 3, S, S) to at least {2 * LANDMARKS} numbers"
        )
    return session
