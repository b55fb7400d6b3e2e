"""Define the MLflow model of an exported generator, loaded from code so that nothing is unpickled.

MLflow executes this file when it loads the model. Each row of the input asks for one video:

    image       path, bytes or a `data:` URL of a picture with one face
    audio       path, bytes or a `data:` URL of any file with speech
    emotion     as in `emotalk generate --emotion`
    landmarks   optional: insightface (default), onnx or aligned (a 128 x 128 crop)
    pack, root, detector, landmarker, face, seed, scale    optional, as in `emotalk generate`

The answer is a list with one mapping a row: `video` (the bytes of an MP4 file) and `frames`.
"""

import base64
import math
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import mlflow

from emotalk.checkpoints.load import LoadedGenerator, load_generator
from emotalk.config.etl import LandmarksConfig
from emotalk.config.load import validate
from emotalk.errors import WrongUse
from emotalk.inference.talking_video import VideoRequest, make_video

FINDER_KEYS = ("pack", "root", "detector", "landmarker")
KNOWN = {"image", "audio", "emotion", "landmarks", "face", "seed", "scale", *FINDER_KEYS}


class TalkingFace(mlflow.pyfunc.PythonModel):  # type: ignore[misc]  # MLflow has no types
    """Make videos of a face, speech and an emotion."""

    _loaded: LoadedGenerator

    def load_context(self, context: Any) -> None:
        """Load the generator of the exported folder."""
        self._loaded = load_generator(Path(context.artifacts["export"]), device="auto")

    # Types in a comment: MLflow takes annotations for a promise about tables.
    def predict(self, context, model_input, params=None):
        # type: (Any, Any, dict[str, Any] | None) -> list[dict[str, Any]]
        """Return one video a row.

        Raises:
            WrongUse: a picture, recording, emotion or setting that cannot be used.
        """
        del context, params
        return [self._make(row) for row in _rows(model_input)]

    def _make(self, row: Mapping[str, Any]) -> dict[str, Any]:
        unknown = sorted(set(row) - KNOWN)
        missing = [name for name in ("image", "audio", "emotion") if name not in row]
        if unknown or missing:
            raise WrongUse(
                f"a row needs image, audio and emotion; missing: {missing}, unknown: {unknown}; "
                f"known: {', '.join(sorted(KNOWN))}"
            )
        with TemporaryDirectory() as folder:
            output = Path(folder) / "video.mp4"
            request = VideoRequest(
                image=_as_file(row["image"], Path(folder) / "picture"),
                audio=_as_file(row["audio"], Path(folder) / "speech"),
                emotion=str(row["emotion"]),
                output=output,
                landmarks=_finder(row),
                face=None if "face" not in row else str(row["face"]),
                seed=int(row.get("seed", 0)),
                scale=int(row.get("scale", 1)),
            )
            report = make_video(request, self._loaded)
            return {"video": output.read_bytes(), "frames": report.frames}


def _rows(model_input: Any) -> list[dict[str, Any]]:
    """Return the rows of a table, a list of mappings or one mapping, without empty cells."""
    if hasattr(model_input, "iterrows"):  # a pandas table
        model_input = model_input.to_dict(orient="records")
    elif isinstance(model_input, Mapping):
        model_input = [model_input]
    return [{k: v for k, v in row.items() if not _is_empty(v)} for row in model_input]


def _is_empty(value: Any) -> bool:
    return value is None or (isinstance(value, float) and math.isnan(value))


def _as_file(value: Any, path: Path) -> Path:
    """Return the file that holds `value`: its own, or `path` for bytes and `data:` URLs."""
    if isinstance(value, str) and value.startswith("data:"):
        value = base64.b64decode(value.partition(",")[2])
    if isinstance(value, bytes | bytearray):
        path.write_bytes(value)
        return path
    return Path(str(value))


def _finder(row: Mapping[str, Any]) -> LandmarksConfig | None:
    backend = str(row.get("landmarks", "insightface"))
    if backend == "aligned":
        return None
    given = {"backend": backend, **{key: row[key] for key in FINDER_KEYS if key in row}}
    return validate(LandmarksConfig, given, "landmarks")


mlflow.models.set_model(TalkingFace())
