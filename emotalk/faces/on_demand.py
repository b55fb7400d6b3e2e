"""Load the models that find faces when the first picture needs them."""

from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from pathlib import Path

from emotalk.config.etl import LandmarksConfig
from emotalk.faces.backends import build_landmark_detector
from emotalk.faces.landmarks import FaceLandmarks, LandmarkDetector
from emotalk.schema import Bytes


class OnDemandDetector:
    """Detect landmarks; load the models, which takes seconds, at the first frames.

    So a picture that cannot be read is refused before, and many pictures share one detector.
    """

    def __init__(self, config: LandmarksConfig) -> None:
        """Take the configuration of the back end; nothing is loaded yet."""
        self._config = config

    def detect(
        self,
        frames: Sequence[Bytes],
        *,
        clip: Path | None = None,
        indices: Sequence[int] | None = None,
    ) -> list[FaceLandmarks]:
        """Return the faces of each frame, as the back end does.

        Raises:
            WrongUse: a model pack or model file is missing or has another form.
        """
        return self._loaded.detect(frames, clip=clip, indices=indices)

    def track(
        self,
        frames: Iterable[Bytes],
        *,
        clip: Path | None = None,
        indices: Iterable[int] | None = None,
    ) -> Iterator[tuple[Bytes, FaceLandmarks]]:
        """Yield each frame of one clip with its faces, as the back end does.

        Raises:
            WrongUse: as `detect`.
        """
        return self._loaded.track(frames, clip=clip, indices=indices)

    @cached_property
    def _loaded(self) -> LandmarkDetector:
        return build_landmark_detector(self._config)
