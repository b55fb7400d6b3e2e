"""Judge by any classifier of expressions in an ONNX file."""

import cv2
import numpy as np

from emotalk.config.evaluate_emotion import EmotionJudgeConfig
from emotalk.errors import WrongUse
from emotalk.evaluation.emotion_judges.judge import CLASSES, OTHER
from emotalk.evaluation.emotion_judges.labels import classes_of
from emotalk.evaluation.picture_model import open_picture_model
from emotalk.printable import quoted
from emotalk.schema import SIZE, Bytes, Doubles, Floats
from emotalk.shards.joined_set import AnyShardSet

SUM_ERROR = 1e-3  # of probabilities


def build(config: EmotionJudgeConfig, _shard_set: AnyShardSet) -> "OnnxJudge":
    """Return the judge of the file that the configuration names."""
    return OnnxJudge(config)


class OnnxJudge:
    """Judge by an ONNX model of single pictures: a clip's answer is the mean over its frames."""

    def __init__(self, config: EmotionJudgeConfig) -> None:
        """Open the file and try it on a picture of noise.

        Raises:
            WrongUse: the file is missing, no classifier of pictures, or its outputs are not as many
                as the labels, or no probabilities as configured; labels that are not known.
        """
        assert config.model is not None, "emotion.by=onnx without a file passed its own check"
        self._path, self._cut = config.model, config.pixels.cut
        self._trained_on = config.trained_on or "data that emotion.trained_on does not name"
        self._classes = list(classes_of(config.labels))
        self._model = open_picture_model(config.model, config.pixels, "emotion.model", side=SIZE)
        self._is_probability = config.outputs == "probabilities"
        self._try(len(config.labels))

    @property
    def name(self) -> str:
        """Return the file's name and what it was trained on."""
        model = self._model
        return (
            f"{self._path.name} (ONNX, {model.width} x {model.height} {model.colours}; trained "
            f"on {self._trained_on})"
        )

    def probabilities(self, frames_THWC: Bytes) -> Floats:
        """Return the mean over the frames of the probability of each of `CLASSES`, (7,)."""
        clip = np.zeros(len(CLASSES))
        for frame_HWC in frames_THWC:
            np.add.at(clip, self._classes, self._shares(self._run(frame_HWC)))
        if not clip.any():  # probabilities of 0 alone: no expression was seen in any frame
            clip[CLASSES.index(OTHER)] = 1
        return np.asarray(clip / clip.sum(), np.float32)

    def _try(self, labels: int) -> None:
        """Compare the model's outputs for a picture of noise with the settings.

        Raises:
            WrongUse: another number of outputs, or of the other kind.
        """
        noise = np.random.Generator(np.random.PCG64(0)).integers(0, 256, (SIZE, SIZE, 3))
        values_K = self._run(noise.astype(np.uint8))
        if len(values_K) != labels:
            raise self._unfit(
                f"gives {len(values_K)} numbers for a picture, and emotion.labels names "
                f"{labels}; name every output in its order, further expressions as other"
            )
        looks_like = bool((values_K >= -SUM_ERROR).all() and abs(values_K.sum() - 1) <= SUM_ERROR)
        if looks_like != self._is_probability:
            what = "are probabilities" if looks_like else "are none"
            wanted = "probabilities" if looks_like else "logits"
            raise self._unfit(
                f"gives {values_K.round(3).tolist()}, which {what}; use emotion.outputs={wanted}"
            )

    def _run(self, frame_HWC: Bytes) -> Doubles:
        """Return the model's numbers for an aligned crop, (K,).

        Raises:
            WrongUse: some are not finite.
        """
        edge = round(self._cut * SIZE)
        inner = np.ascontiguousarray(frame_HWC[edge : SIZE - edge, edge : SIZE - edge])
        model = self._model
        shrinks = model.height < len(inner)
        picture = cv2.resize(
            inner,
            (model.width, model.height),
            interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR,
        )
        values_K = model.run(np.asarray(picture, np.uint8))
        if not np.isfinite(values_K).all():
            raise self._unfit("gives numbers that are not finite for a picture")
        return values_K

    def _shares(self, values_K: Doubles) -> Doubles:
        if self._is_probability:
            return np.clip(values_K, 0, None)
        shares_K = np.exp(values_K - values_K.max())
        return np.asarray(shares_K / shares_K.sum())

    def _unfit(self, why: str) -> WrongUse:
        return WrongUse(f"emotion.model: {quoted(str(self._path))} {why}")
