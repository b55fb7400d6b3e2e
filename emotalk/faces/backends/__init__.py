"""Build the landmark detector that a configuration names.

Each back end is one module of this package. It is named like its value of `landmarks.backend` and
has a function `build(config, source)`.
"""

from importlib import import_module
from pathlib import Path

from emotalk.config.etl import LandmarksConfig
from emotalk.faces.landmarks import LandmarkDetector


def build_landmark_detector(
    config: LandmarksConfig, *, source: Path | None = None
) -> LandmarkDetector:
    """Return the back end that the configuration names, with its models loaded.

    `source` is the corpus' folder, which holds the side-car folder.

    Raises:
        WrongUse: a model pack, model file or side-car folder is missing or has another form.
    """
    backend = import_module(f"{__name__}.{config.backend}")  # loads one back end's libraries only
    detector: LandmarkDetector = backend.build(config, source or Path())
    return detector
