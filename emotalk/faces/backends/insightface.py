"""Detect landmarks with an insightface model pack."""

from pathlib import Path
from typing import Any

import cv2
import numpy as np
from insightface.app import FaceAnalysis

from emotalk.config.etl import LandmarksConfig
from emotalk.errors import WrongUse
from emotalk.faces.model_files import packs_in
from emotalk.faces.tracking import TrackingDetector
from emotalk.onnx_session import CUDA, providers, single_threaded
from emotalk.schema import LANDMARKS, Bytes, Doubles, Floats

LANDMARK_TASKS = ("landmark_2d_68", "landmark_3d_68")
DEFAULT = LandmarksConfig()
SEEN = 1.5  # insightface's landmark models see a square this many times the box's longer side


def build(config: LandmarksConfig, _source: Path) -> "InsightfaceDetector":
    """Return the detector of the pack that the configuration names."""
    return InsightfaceDetector(config)


class InsightfaceDetector(TrackingDetector):
    """Run a pack's face detector and 68-point landmark model: `buffalo_l`, `antelopev2`, ..."""

    def __init__(self, config: LandmarksConfig) -> None:
        """Load the pack of the configuration; nothing is ever downloaded.

        Raises:
            WrongUse: the pack is not there, or has no detector or no 68-point landmark model; the
                GPU asked for cannot be used.
        """
        super().__init__(detect_every=config.detect_every)
        folder = _pack_folder(config.pack, config.root)
        cv2.setNumThreads(1)
        self._app = FaceAnalysis(
            name=str(folder),
            allowed_modules=["detection", *LANDMARK_TASKS],
            providers=providers(config.device),
            sess_options=single_threaded(),
        )
        tasks = [task for task in LANDMARK_TASKS if task in self._app.models]
        if not tasks:
            raise WrongUse(
                f"landmarks.pack: {folder} has no model of {LANDMARKS} landmarks "
                f"(found: {', '.join(self._app.models)}); buffalo_l and antelopev2 have one"
            )
        self._model = self._app.models[tasks[0]]
        self._det_size = config.det_size
        on_cpu = config.device == "cpu"
        size = (config.det_size, config.det_size)
        self._app.prepare(ctx_id=-1 if on_cpu else 0, det_size=size)
        if not on_cpu:
            _check_on_gpu(self._model.session)

    def boxes(self, frame_HWC: Bytes) -> Doubles:
        """Return left, top, right, bottom, score of every face (N, 5)."""
        if self._det_size * min(frame_HWC.shape[:2]) < max(frame_HWC.shape[:2]):
            return np.zeros((0, 5))  # the detector's input would be less than a pixel wide
        found, _ = self._app.det_model.detect(cv2.cvtColor(frame_HWC, cv2.COLOR_RGB2BGR))
        return np.asarray(found, np.float64).reshape(-1, 5)

    def landmarks(self, frame_HWC: Bytes, box: Doubles) -> Floats:
        """Return the 68 landmarks (68, 2) of the face in this box.

        Equal to insightface's own `Landmark.get`, which a test checks, in three quarters of its
        time: it converts the crop to planes and not the whole frame, and needs no general
        transform.
        """
        model = self._model
        side = int(model.input_size[0])
        left, top, right, bottom = box[:4].tolist()
        scale = side / (SEEN * max(right - left, bottom - top))
        shift = side / 2 - scale * (left + right) / 2, side / 2 - scale * (top + bottom) / 2
        crop_HWC = cv2.warpAffine(
            frame_HWC, np.array([[scale, 0.0, shift[0]], [0.0, scale, shift[1]]]), (side, side)
        )
        crop_1CHW = np.stack(cv2.split(crop_HWC), dtype=np.float32, casting="safe")[None]
        crop_1CHW -= model.input_mean
        crop_1CHW *= 1.0 / model.input_std
        values = model.session.run(model.output_names, {model.input_name: crop_1CHW})[0][0]
        points = values.reshape(-1, 3 if values.size >= 3 * LANDMARKS else 2)[-LANDMARKS:, :2]
        in_crop = (points.astype(np.float64) + 1) * (side // 2)
        in_frame: Floats = ((in_crop - shift) / scale).astype(np.float32)
        return in_frame


def _check_on_gpu(session: Any) -> None:
    """Check that a session runs on the GPU: ONNX Runtime takes the CPU where CUDA does not load.

    Raises:
        WrongUse: it does not.
    """
    found = session.get_providers()
    if found[0] != CUDA:
        raise WrongUse(
            f"landmarks.device=cuda: ONNX Runtime could not load CUDA and took {found[0]}; install "
            "the CUDA and cuDNN that this onnxruntime-gpu was built for, or landmarks.device=cpu"
        )


def _pack_folder(pack: str, root: Path) -> Path:
    """Return the folder of a pack.

    Raises:
        WrongUse: it holds no model; the message says where one was found, or how to get one.
    """
    root = root.expanduser()
    folder = root / "models" / pack
    if not any(folder.glob("*.onnx")):
        what = "holds no .onnx file" if folder.is_dir() else "does not exist"
        raise WrongUse(
            f"landmarks: insightface model pack {pack!r}: {folder} {what}. "
            f"{_found_elsewhere(pack, root) or _how_to_get(folder, root)} (In a configuration "
            "these options are landmarks.root and landmarks.pack.)"
        )
    return folder.resolve()


def _found_elsewhere(pack: str, root: Path) -> str:
    """Return what to do with models that lie in `root`, in another place; "" if there are none."""
    models = root / "models"
    if any((models / pack / pack).glob("*.onnx")):
        return f"Its models are one folder deeper: move them up from {models / pack / pack}."
    if any(root.glob("*.onnx")):
        place = root.resolve()
        if place.parent.name == "models":
            return f"{root} is a pack: give --root {place.parent.parent} --pack {place.name}."
        return f"{root} is a pack: move it to DIR/models/NAME and give --root DIR --pack NAME."
    packs = packs_in(root)
    if packs:
        return f"{models} has {', '.join(packs)}: give --pack {packs[0]}."
    return ""


def _how_to_get(folder: Path, root: Path) -> str:
    where = "" if root == DEFAULT.root.expanduser() else f", root={str(root)!r}"
    code = f"from insightface.app import FaceAnalysis; FaceAnalysis({DEFAULT.pack!r}{where})"
    first = "Remove this folder first. " if folder.is_dir() else ""
    get = (
        f'`python -c "{code}"` fetches {DEFAULT.pack} once, with internet (280 MB, for '
        "non-commercial research only)"
    )
    return (
        f"{first}{get}; emotalk itself downloads no pack. Or name one you have: --root and --pack."
    )
