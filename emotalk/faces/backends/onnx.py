"""Detect landmarks with two ONNX files: a YuNet face detector and a Peppa 68-point model."""

from pathlib import Path
from typing import Any

import cv2
import numpy as np

from emotalk.config.etl import LandmarksConfig
from emotalk.errors import WrongUse
from emotalk.faces.tracking import TrackingDetector
from emotalk.onnx_session import open_session
from emotalk.schema import LANDMARKS, Bytes, Doubles, Floats

STRIDES = (8, 16, 32)
MIN_SCORE = 0.6
OVERLAP = 0.3
BOX_GROWTH = 1.4  # the landmark model was trained on boxes this much larger than the face


def build(config: LandmarksConfig, _source: Path) -> "OnnxDetector":
    """Return the detector of the two model files that the configuration names."""
    return OnnxDetector(config)


class OnnxDetector(TrackingDetector):
    """Run YuNet and a landmark model whose first 136 outputs are x, y in 0..1.

    YuNet runs in ONNX Runtime, since OpenCV's own reader refuses models with free image sizes.
    The landmark model takes BGR (x - 127) / 127 of a square around the face, 1.4 times its box.
    """

    def __init__(self, config: LandmarksConfig) -> None:
        """Load both files.

        Raises:
            WrongUse: a file is missing or is not a model of the expected form.
        """
        super().__init__(detect_every=config.detect_every)
        detector, landmarker = config.detector, config.landmarker
        if detector is None or landmarker is None:
            raise ValueError("landmarks.backend onnx without model files passed its own check")
        for key, path in (("detector", detector), ("landmarker", landmarker)):
            if not path.is_file():
                raise WrongUse(f"{key}: no file {path}")
        cv2.setNumThreads(1)
        self._det_size = config.det_size
        self._detector = _session("detector", detector)
        self._outputs = [output.name for output in self._detector.get_outputs()]
        if not {f"{kind}_{s}" for kind in ("cls", "obj", "bbox") for s in STRIDES} <= {
            *self._outputs
        }:
            raise WrongUse(
                f"detector: {detector} is no YuNet model: its outputs are "
                f"{', '.join(self._outputs)}; expected cls_8, obj_8, bbox_8 and so on"
            )
        self._landmarker = _session("landmarker", landmarker)
        self._side = _side_of_landmarker(landmarker, self._landmarker)

    def boxes(self, frame_HWC: Bytes) -> Doubles:
        """Return left, top, right, bottom, score of every face (N, 5)."""
        bgr = cv2.cvtColor(frame_HWC, cv2.COLOR_RGB2BGR)
        height, width = bgr.shape[:2]
        scale = self._det_size / max(height, width)
        size = (max(1, round(width * scale)), max(1, round(height * scale)))
        canvas = np.zeros((self._det_size, self._det_size, 3), np.float32)
        canvas[: size[1], : size[0]] = cv2.resize(bgr, size, interpolation=cv2.INTER_AREA)
        values = self._detector.run(
            None, {self._detector.get_inputs()[0].name: canvas.transpose(2, 0, 1)[None]}
        )
        found = _decode(dict(zip(self._outputs, values, strict=True)), self._det_size)
        stretch = [width / size[0], height / size[1], width / size[0], height / size[1], 1.0]
        in_frame: Doubles = found * stretch
        return in_frame

    def landmarks(self, frame_HWC: Bytes, box: Doubles) -> Floats:
        """Return the 68 landmarks (68, 2) of the face in this box."""
        side = self._side
        centre = (box[:2] + box[2:]) / 2
        reach = max(box[2] - box[0], box[3] - box[1]) * BOX_GROWTH
        scale = side / reach
        move = np.array([[scale, 0.0, -scale * (centre[0] - reach / 2)]])
        transform = np.vstack([move, [[0.0, scale, -scale * (centre[1] - reach / 2)]]])
        crop = cv2.warpAffine(frame_HWC, transform, (side, side), flags=cv2.INTER_LINEAR)
        values = (crop[:, :, ::-1].astype(np.float32) - 127.0) / 127.0
        name = self._landmarker.get_inputs()[0].name
        output = self._landmarker.run(None, {name: values.transpose(2, 0, 1)[None]})[0]
        points = output[0, : 2 * LANDMARKS].reshape(LANDMARKS, 2) * side
        in_frame: Floats = ((points - transform[:, 2]) / scale).astype(np.float32)
        return in_frame


def _decode(outputs: dict[str, Floats], side: int) -> Doubles:
    """Return the boxes (N, 5) of YuNet's outputs after non-maximum suppression.

    Each cell of a grid has a score sqrt(cls * obj), a centre relative to the cell and the logarithm
    of the size, in units of the grid's stride.
    """
    boxes = []
    for stride in STRIDES:
        scores = np.sqrt(np.clip(outputs[f"cls_{stride}"] * outputs[f"obj_{stride}"], 0, 1))[
            0, :, 0
        ]
        cells = np.flatnonzero(scores >= MIN_SCORE)
        offsets = outputs[f"bbox_{stride}"][0, cells].astype(np.float64)
        row, column = np.divmod(cells, side // stride)
        centre = (np.stack([column, row], 1) + offsets[:, :2]) * stride
        half = np.exp(offsets[:, 2:4]) * stride / 2
        boxes.append(np.column_stack([centre - half, centre + half, scores[cells]]))
    found = np.concatenate(boxes)
    corners_sizes = np.column_stack([found[:, :2], found[:, 2:4] - found[:, :2]])
    kept = cv2.dnn.NMSBoxes(corners_sizes.tolist(), found[:, 4].tolist(), MIN_SCORE, OVERLAP)
    best: Doubles = found[np.asarray(kept, np.int64).reshape(-1)]
    return best


def _session(key: str, path: Path) -> Any:
    try:
        return open_session(path)
    except Exception as error:
        if not type(error).__module__.startswith("onnxruntime"):  # its errors share no own base
            raise
        raise WrongUse(f"{key}: {path} is not an ONNX model: {error}") from None


def _side_of_landmarker(path: Path, session: Any) -> int:
    inputs, outputs = session.get_inputs()[0].shape, session.get_outputs()[0].shape
    if len(inputs) != 4 or inputs[1] != 3 or len(outputs) != 2 or outputs[1] < 2 * LANDMARKS:
        raise WrongUse(
            f"landmarker: {path} maps {inputs} to {outputs}; expected an image "
            f"(1, 3, S, S) to at least {2 * LANDMARKS} numbers"
        )
    return int(inputs[2])
